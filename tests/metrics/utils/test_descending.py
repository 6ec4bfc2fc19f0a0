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
"""Tests of the order from high to low."""

from __future__ import annotations

import unittest

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.metrics.utils.descending import argsort_descending

TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


class TestArgsortDescending(unittest.TestCase):
    @given(
        rows=st.lists(st.lists(st.floats(allow_nan=False), min_size=6, max_size=6), min_size=1, max_size=3),
        dtype=st.sampled_from(TYPES),
    )
    @settings(max_examples=100, deadline=None)
    def test_equals_torch(self, rows, dtype):
        # both zeros, both infinities, subnormal and equal numbers among them
        values = torch.tensor(rows, dtype=torch.float64).to(dtype)
        values = torch.cat(
            [values, values[:, :2], -values, torch.tensor([[0.0, -0.0, torch.inf]]).to(dtype)[[0] * len(rows)]], 1
        )
        expected = values.sort(dim=1, descending=True, stable=True).indices
        torch.testing.assert_close(argsort_descending(values), expected, rtol=0, atol=0)

    @parameterized.expand([(d,) for d in TYPES])
    def test_large_with_equal_values(self, dtype):
        values = torch.randn(3, 70_000, generator=torch.Generator().manual_seed(0)).to(dtype)
        expected = values.sort(dim=1, descending=True, stable=True).indices
        torch.testing.assert_close(argsort_descending(values), expected, rtol=0, atol=0)

    @parameterized.expand([((0, 5),), ((3, 0),), ((0, 0),)])
    def test_empty(self, shape):
        self.assertEqual(argsort_descending(torch.zeros(shape)).shape, shape)

    def test_views_and_gradients(self):
        values = torch.rand(9, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
        expected = values.T.sort(dim=1, descending=True, stable=True).indices
        torch.testing.assert_close(argsort_descending(values.T), expected, rtol=0, atol=0)


if __name__ == "__main__":
    unittest.main()
