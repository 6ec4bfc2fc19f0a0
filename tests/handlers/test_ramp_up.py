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
"""Tests of the Gaussian ramp-up."""

from __future__ import annotations

import math
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.handlers import gaussian_ramp_up


class TestFunction(unittest.TestCase):
    def test_by_hand(self):
        # T = 0, 1/2, 1 and beyond: exp(-1), exp(-1/4), exp(0)
        for epoch, expected in ((0, 0.36787944), (40, 0.77880078), (80, 1.0), (199, 1.0)):
            self.assertAlmostEqual(gaussian_ramp_up(epoch, 80), expected, places=8)
        self.assertAlmostEqual(gaussian_ramp_up(0, 80, steepness=5.0), 0.00673795, places=8)

    @settings(max_examples=50, deadline=None)
    @given(st.floats(0, 500), st.floats(0, 500), st.integers(1, 300), st.floats(0, 10))
    def test_grows_and_stays_between_its_ends(self, a, b, epochs, steepness):
        low, high = (gaussian_ramp_up(e, epochs, steepness) for e in sorted((a, b)))
        self.assertLessEqual(low, high)
        self.assertLessEqual(high, 1.0)
        self.assertGreaterEqual(low, math.exp(-steepness) * (1 - 1e-12))

    @parameterized.expand([(-1, 80), (0, 0)])
    def test_bad_input(self, epoch, epochs):
        with self.assertRaisesRegex(ValueError, f"^epoch, epochs: expected [^\n]*got {epoch} and {epochs}$"):
            gaussian_ramp_up(epoch, epochs)


if __name__ == "__main__":
    unittest.main()
