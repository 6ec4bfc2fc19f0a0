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
from __future__ import annotations

import math
import unittest

import numpy as np
from parameterized import parameterized

from monai_dd.transforms.pet.projection import view_geometry


class TestViewGeometry(unittest.TestCase):
    @parameterized.expand([0, 90, -90, 180, 360, 450.0])
    def test_quarter_turns_interpolate_nothing(self, angle):
        self.assertTrue(view_geometry(np.diag([3.0, 2.0, 5.0, 1.0]), (4, 5, 6), "coronal", angle).is_exact)

    def test_a_full_turn_comes_back(self):
        args = np.diag([-3.0, 2.0, 5.0, 1.0]), (4, 5, 6), "coronal"
        for turned, start in ((360, 0), (-90, 270), (405, 45)):
            a, b = view_geometry(*args, turned), view_geometry(*args, start)
            np.testing.assert_array_equal(a.view_to_voxel, b.view_to_voxel)
            self.assertEqual(a.view_shape, b.view_shape)

    def test_canvas_holds_the_turned_volume(self):
        geometry = view_geometry(np.eye(4), (10, 10, 7), "coronal", 45)
        diagonal = math.ceil(10 * math.sqrt(2))
        self.assertEqual(geometry.view_shape, (7, diagonal, 2 * diagonal - 1))  # with half steps in depth
        corners = np.array([[0, x, y, 1] for x in (-0.5, 9.5) for y in (-0.5, 9.5)]).T  # outer faces of the voxels
        _, columns, depth, _ = np.linalg.inv(geometry.view_to_frame) @ corners
        for place, size in ((columns, diagonal), (depth / 2, diagonal)):
            self.assertTrue((place >= -0.5 - 1e-9).all() and (place <= size - 0.5 + 1e-9).all())

    def test_turns_about_the_center(self):
        affine = np.array([[0.0, 2, 0, 5], [0, 0, -3, 9], [4, 0, 0, -7], [0, 0, 0, 1]])
        shape = np.array((4, 5, 6))
        for angle in (0, 30, 45, 100, 211):
            geometry = view_geometry(affine, shape, "coronal", angle)
            center = geometry.view_to_voxel @ [*(np.array(geometry.view_shape) - 1) / 2, 1]
            np.testing.assert_allclose(center[:3], (shape - 1) / 2, atol=1e-9)  # rounding of a few multiplications

    def test_oblique_volume_is_projected_along_its_own_axes(self):
        a = math.radians(20)
        tilt = np.array(
            [[1, 0, 0, 0], [0, math.cos(a), -math.sin(a), 0], [0, math.sin(a), math.cos(a), 0], [0, 0, 0, 1]]
        )
        straight, tilted = (view_geometry(m @ np.diag([-2.0, 3, 4, 1]), (4, 5, 6)) for m in (np.eye(4), tilt))
        np.testing.assert_array_equal(straight.frame_to_voxel, tilted.frame_to_voxel)

    @parameterized.expand(
        [
            ("axis", {"axis": "oblique"}, "axis: expected one of coronal, sagittal, axial, got 'oblique'"),
            ("nan", {"angle": math.nan}, "angle: expected a finite number"),
            ("axial", {"axis": "axial", "angle": 30}, "angle: expected 0 for axis 'axial'"),
            ("singular", {"affine": np.diag([1.0, 0, 1, 1])}, "invertible 4x4"),
            ("size", {"affine": np.eye(3)}, "invertible 4x4"),
            ("infinite", {"affine": np.diag([1.0, np.inf, 1, 1])}, "invertible 4x4"),
        ]
    )
    def test_refuses(self, _, arguments, message):
        with self.assertRaisesRegex(ValueError, message):
            view_geometry(**{"affine": np.eye(4), "shape": (4, 5, 6), **arguments})
