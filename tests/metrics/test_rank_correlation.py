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
"""Tests of the rank correlation of maps."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized
from scipy.stats import spearmanr

from monai_dd.metrics import compute_rank_correlation


def _draw(size, batch=3, seed=0, levels=5):
    rng = np.random.default_rng(seed)
    maps = rng.integers(levels, size=(batch, 1, *size)).astype(float)
    maps[:, :, *[0] * len(size)] = -1  # not constant
    return torch.from_numpy(maps)


class TestRankCorrelation(unittest.TestCase):
    @given(seed=st.integers(0, 999), levels=st.integers(1, 100), solid=st.booleans())
    @settings(max_examples=40, deadline=None)
    def test_equals_scipy_for_every_sample_by_itself(self, seed, levels, solid):
        size = (2, 3, 4) if solid else (5, 6)
        first, second = _draw(size, seed=seed, levels=levels), _draw(size, seed=seed + 1, levels=levels)
        result = compute_rank_correlation(first, second)
        for value, a, b in zip(result, first, second, strict=True):
            # the result is rounded to float32
            self.assertAlmostEqual(value.item(), spearmanr(a.flatten(), b.flatten()).statistic, places=6)
            torch.testing.assert_close(compute_rank_correlation(a[None], b[None])[0], value, rtol=0, atol=0)
        for changed in (first**3 - 7, first.exp(), first / 64):
            torch.testing.assert_close(compute_rank_correlation(changed, second), result, rtol=0, atol=0)
        torch.testing.assert_close(compute_rank_correlation(second, first), result, rtol=0, atol=0)
        torch.testing.assert_close(compute_rank_correlation(first, -second), -result, rtol=0, atol=0)
        torch.testing.assert_close(compute_rank_correlation(first, 2 * first), torch.ones(3))

    @parameterized.expand([((2, 4), (6, 2), (6, 4)), ((2, 2, 2), (4, 4, 2), (4, 4, 2))])
    def test_smaller_maps_are_brought_to_the_larger_size(self, size, other, larger):
        first, second = _draw(size), _draw(other, seed=1)
        pair = []
        for x in (first, second):
            for axis, n in enumerate(larger, start=2):
                x = x.repeat_interleave(n // x.shape[axis], axis)
            pair.append(x)
        torch.testing.assert_close(compute_rank_correlation(first, second), compute_rank_correlation(*pair))

    def test_constant_maps(self):
        first, second = _draw((4, 4)), _draw((4, 4), seed=1)
        first[0], second[1] = 3, 0
        self.assertEqual(compute_rank_correlation(first, second).isnan().tolist(), [True, True, False])

    @parameterized.expand([((2, 1, 4, 4), (3, 1, 4, 4)), ((2, 1, 4, 4), (2, 1, 4)), ((2, 2, 4, 4), (2, 2, 4, 4))])
    def test_bad_shapes(self, first, second):
        with self.assertRaisesRegex(ValueError, "^first, second: expected maps [^\n]*, got [^\n]*$"):
            compute_rank_correlation(torch.zeros(first), torch.zeros(second))

    def test_not_a_number(self):
        broken = torch.full((3, 1, 4, 4), torch.nan)
        with self.assertRaisesRegex(ValueError, "^second: expected finite numbers, got 48 NaN or infinite$"):
            compute_rank_correlation(_draw((4, 4)), broken)


if __name__ == "__main__":
    unittest.main()
