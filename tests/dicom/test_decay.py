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
"""Formulas of radioactive decay against their definitions."""

from __future__ import annotations

import math
import unittest

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monai_dd.dicom.decay import average_activity_time, decay_constant, frame_decay_factor


class TestDecay(unittest.TestCase):
    def test_half_life(self):
        self.assertAlmostEqual(math.exp(-decay_constant(6586.2) * 6586.2), 0.5, places=15)

    def test_one_half_life_frame(self):
        # l T = ln 2: ln 2 / (1 - 1/2) = 1.3862943611
        self.assertAlmostEqual(float(frame_decay_factor(math.log(2.0) / 100.0, np.array(100.0))), 1.3862943611198906)

    @given(st.floats(60.0, 3e5), st.floats(1.0, 7200.0))
    def test_mean_over_the_frame(self, half_life, duration):
        rate = decay_constant(half_life)
        nodes, weights = np.polynomial.legendre.leggauss(60)
        mean = float((weights * np.exp(-rate * duration * (nodes + 1) / 2)).sum() / 2)
        # 1e-9: Gauss quadrature of order 60 is exact to rounding here; expm1 keeps short frames exact
        self.assertAlmostEqual(float(frame_decay_factor(rate, duration)) * mean, 1.0, delta=1e-9)
        at_average = math.exp(-rate * float(average_activity_time(rate, duration)))
        self.assertAlmostEqual(at_average, mean, delta=1e-9)

    @given(st.floats(60.0, 3e5), st.floats(1.0, 7200.0))
    def test_average_time_is_a_little_before_the_middle(self, half_life, duration):
        average = float(average_activity_time(decay_constant(half_life), duration))
        self.assertGreater(average, 0.0)
        self.assertLessEqual(average, duration / 2 * (1 + 1e-6))  # 1e-6: rounding of the logarithm of nearly 1


if __name__ == "__main__":
    unittest.main()
