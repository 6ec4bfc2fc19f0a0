# Copyright (c) monai_dd contributors
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#     http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The cast out of half precision."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.utils.precision import to_single


class TestToSingle(unittest.TestCase):
    @parameterized.expand([("float16",), ("bfloat16",), ("float32",), ("float64",), ("int64",)])
    def test_half_alone_is_cast(self, name):
        x = torch.ones(2, dtype=getattr(torch, name))
        expected = torch.float32 if name in ("float16", "bfloat16") else x.dtype
        for function in (to_single, torch.jit.script(to_single)):
            self.assertEqual(function(x).dtype, expected)
        if x.dtype == expected:
            self.assertIs(to_single(x), x)


if __name__ == "__main__":
    unittest.main()
