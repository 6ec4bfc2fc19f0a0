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
"""Tests of which networks methods of propagation serve; those of the rules themselves are beside the methods."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.explain import UnsuitedError
from monai_dd.explain.propagation import check_copy


class TestCheckCopy(unittest.TestCase):
    @parameterized.expand(
        [
            ("the same", [[2.0, -4.0]], 0.0),
            ("rounding of TF32", [[2.0, -4.0]], 4 * 5e-4),
            ("nothing said", [[0.0, 0.0]], 0.0),
            ("no numbers", [[torch.nan, 1.0]], 0.0),
            ("half precision", torch.tensor([[2.0, -4.0]]).bfloat16(), 4 * 2**-7),
        ]
    )
    def test_passes(self, _name, logits, gap):
        logits = torch.as_tensor(logits)
        check_copy(logits + gap, logits, "LRP", "Net")

    @parameterized.expand(
        [
            ("share", [[2.0, -4.0]], 0.01, "0.2%"),
            ("of nothing", [[0.0, 0.0]], 0.1, "inf%"),
            ("none", [[1.0]], torch.nan, "nan%"),
        ]
    )
    def test_refuses(self, _name, logits, gap, share):
        logits = torch.tensor(logits)
        line = "^network: LRP cannot serve Net: its copy without operations in place gives other logits, by "
        with self.assertRaisesRegex(UnsuitedError, f"{line}{share} of the largest$"):
            check_copy(logits + gap, logits, "LRP", "Net")


if __name__ == "__main__":
    unittest.main()
