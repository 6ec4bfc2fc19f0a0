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
"""Tests of the projection of solids: volumes, overlaps and positions."""

from __future__ import annotations

import unittest

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.data.phantoms.chest.detector import Detector
from monai_dd.data.phantoms.chest.intervals import Interval, covered_length, ellipsoid, tube_points


def detector(pixel: float = 1.0, roll: float = 0.0, turn: float = 0.0) -> Detector:
    return Detector(size=200, pixel=pixel, center=(3.0, -5.0), roll=roll, turn=turn)


class TestVolumes(unittest.TestCase):
    @parameterized.expand([(0.0, 0.0), (0.6, 0.0), (0.6, 0.1)])
    def test_ellipsoid(self, tilt, roll):
        """The sum of all lines is the volume, 4/3 pi a b c."""
        radii = (40.0, 25.0, 18.0)
        lines = ellipsoid(detector(roll=roll), (0.0, 10.0, 4.0), radii, tilt).length
        self.assertAlmostEqual(lines.sum() / (4 / 3 * np.pi * np.prod(radii)), 1, delta=0.01)
        self.assertAlmostEqual(lines.max(), 50, delta=0.2)

    @parameterized.expand([(None, 0.01), (1.0, 0.01)])
    def test_tube(self, shell, tolerance):
        """A straight tube holds pi a b l; a hollow one its wall."""
        path, radii = np.array([(-50.0, 0, 0), (50.0, 0, 20)]), np.array([(6.0, 4.0), (6.0, 4.0)])
        points, volumes = tube_points(path, radii, 0.8, shell)
        length = np.hypot(100, 20)
        expected = length * (np.pi * 24 if shell is None else np.pi * shell * 10)
        self.assertAlmostEqual(volumes.sum() / expected, 1, delta=tolerance)
        self.assertAlmostEqual(detector(0.8).deposit(points, volumes).sum() * 0.8**2 / expected, 1, delta=tolerance)

    def test_tube_and_solid_agree(self):
        """A solid tube is as thick in the middle as the circle it is made of."""
        path, radii = np.array([(-80.0, 0, 0), (80.0, 0, 0)]), np.full((2, 2), 12.0)
        image = detector().deposit(*tube_points(path, radii, 0.7))
        middle = image[:, 97:103].mean(1)
        height = detector().z[:, 100]
        expected = 2 * np.sqrt(np.maximum(144 - height**2, 0))
        self.assertLess(np.abs(middle - expected)[np.abs(height) < 10].max(), 2.0)  # rings of volumes, not a continuum


class TestPositions(unittest.TestCase):
    @given(x=st.floats(-60, 60), z=st.floats(-60, 60), depth=st.floats(-80, 80), roll=st.floats(-0.1, 0.1))
    @settings(max_examples=30, deadline=None)
    def test_to_pixels_is_the_inverse_of_the_coordinates(self, x, z, depth, roll):
        plane = detector(roll=roll, turn=0.05)
        row, column = plane.to_pixels(np.array([x]), np.array([z]), depth)
        at = round(float(row[0])), round(float(column[0]))
        self.assertLess(abs(float(plane.x(depth)[at]) - x), 0.8)  # half the diagonal of a pixel
        self.assertLess(abs(float(plane.z[at]) - z), 0.8)

    def test_the_left_of_the_patient_is_on_the_right(self):
        rows, columns = detector().to_pixels(np.array([50.0]), np.array([60.0]))
        self.assertGreater(columns[0], 100)
        self.assertLess(rows[0], 100)

    @given(x=st.floats(-140, 140), z=st.floats(-140, 140))
    @settings(max_examples=30, deadline=None)
    def test_deposit_keeps_volume_or_drops_what_lies_outside(self, x, z):
        total = detector().deposit(np.array([(x, 0.0, z)]), np.array([2.0])).sum()
        inside = abs(x - 3) < 99 and abs(z + 5) < 99
        self.assertAlmostEqual(total, 2.0, places=4) if inside else self.assertLessEqual(total, 2.0 + 1e-4)


class TestOverlap(unittest.TestCase):
    @given(st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 15)), min_size=1, max_size=6))
    @settings(max_examples=60, deadline=None)
    def test_covered_length(self, pieces):
        """Against counting cells of length one."""
        whole = Interval(np.full((2, 2), -10.0), np.full((2, 2), 12.0))
        others = [Interval(np.full((2, 2), float(a)), np.full((2, 2), float(a + n))) for a, n in pieces]
        cells = {c for a, n in pieces for c in range(a, a + n) if -10 <= c < 12}
        np.testing.assert_allclose(covered_length(whole, others), len(cells))


if __name__ == "__main__":
    unittest.main()
