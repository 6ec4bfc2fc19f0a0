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
"""Tests of areas under curves."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized
from scipy.integrate import trapezoid

from monai_dd.metrics import compute_area
from monai_dd.metrics.utils.areas import check_fractions


class TestArea(unittest.TestCase):
    @given(seed=st.integers(0, 999), number=st.integers(2, 60))
    @settings(max_examples=30, deadline=None)
    def test_equals_numpy_and_is_linear(self, seed, number):
        rng = np.random.default_rng(seed)
        fractions = np.sort(rng.choice(1000, number, replace=False)) / 999
        curves = rng.random((2, 3, number))
        result = compute_area(torch.from_numpy(curves), fractions.tolist())
        np.testing.assert_allclose(result, trapezoid(curves, fractions), atol=1e-12)
        mean = compute_area(torch.from_numpy(curves.mean(1)), fractions.tolist())
        np.testing.assert_allclose(result.mean(1), mean, atol=1e-12)  # the area of a mean is the mean of areas

    def test_of_a_constant_over_all_fractions_is_the_constant(self):
        self.assertAlmostEqual(compute_area(torch.full((51,), 0.25), torch.linspace(0, 1, 51)).item(), 0.25, places=6)

    @parameterized.expand(
        [([],), ([0, 0.5, 0.5],), ([0.5, 0],), ([-0.1, 1],), ([0, 1.1],), ([0, math.nan, 1],), (0.5,)]
    )
    def test_bad_fractions(self, fractions):
        with self.assertRaisesRegex(ValueError, "^fractions: expected increasing numbers from 0 to 1, got [^\n]*$"):
            check_fractions(fractions)

    @parameterized.expand([((2, 3), [0, 1]), ((2, 1), [0.5]), ((), [0, 1])])
    def test_bad_curves(self, shape, fractions):
        with self.assertRaisesRegex(ValueError, "^curve: expected [^\n]*, got [^\n]*$"):
            compute_area(torch.zeros(shape), fractions)


if __name__ == "__main__":
    unittest.main()
