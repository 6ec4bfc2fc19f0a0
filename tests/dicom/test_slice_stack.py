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
"""Order and geometry of the slices."""

from __future__ import annotations

import unittest

import numpy as np
from parameterized import parameterized

from monai_dd.dicom import errors, load_pet_series
from tests.dicom.builders import build_pet_series, save_series, write_pet_folder
from tests.dicom.test_series_files import FolderTest


class TestGeometry(FolderTest):
    def test_affine_by_hand(self):
        # LPS: x steps 4 mm (column spacing) to L, y 3 mm to P, z 5 mm to S, origin (-10, -20, 30); RAS flips x and y
        write_pet_folder(self.folder)
        expected = [[-4, 0, 0, 10], [0, -3, 0, 20], [0, 0, 5, 30], [0, 0, 0, 1]]
        np.testing.assert_array_equal(load_pet_series(self.folder).affine, expected)

    def test_voxel_by_hand(self):
        # slice 2: stored 1000 * 2 + 10 * row + column + 1, slope 0.5 + 2 / 4 = 1; x is the column, y the row
        write_pet_folder(self.folder)
        self.assertEqual(float(load_pet_series(self.folder)[4, 3, 2]), 2000 + 30 + 4 + 1)

    def test_falling_instance_numbers_turn_the_stack(self):
        write_pet_folder(self.folder, change=lambda ds, i: setattr(ds, "InstanceNumber", 10 - i))
        image = load_pet_series(self.folder)
        np.testing.assert_array_equal(image.affine[:3, 2], [0, 0, -5])
        np.testing.assert_array_equal(image.affine[:3, 3], [10, 20, 45])
        self.assertEqual(float(image[0, 0, 0]), 3001 * 1.25)

    @parameterized.expand([("shuffled", [3, 1, 4, 2]), ("missing", None), ("equal", [1, 1, 1, 1])])
    def test_other_instance_numbers_follow_the_normal(self, _, numbers):
        def change(ds, index):
            ds.InstanceNumber = numbers[index] if numbers else None

        write_pet_folder(self.folder, change=change)
        np.testing.assert_array_equal(load_pet_series(self.folder).affine[:3, 2], [0, 0, 5])

    def test_rounded_positions_are_accepted(self):
        def change(ds, index):
            ds.ImagePositionPatient = [-10, -20, round(3.27 * index, 1)]

        write_pet_folder(self.folder, 9, change)
        self.assertAlmostEqual(float(load_pet_series(self.folder).affine[2, 2]), 26.2 / 8, places=12)

    def test_missing_slice(self):
        datasets = build_pet_series(6)
        del datasets[3]
        save_series(self.folder, datasets)
        self.refuse(
            errors.SliceSpacingError,
            r"ImagePositionPatient \(0020,0032\).*5.00 mm apart, got 10.00 mm between slice_002.dcm and slice_003.dcm",
        )

    def test_uneven_spacing(self):
        write_pet_folder(
            self.folder, change=lambda ds, i: setattr(ds, "ImagePositionPatient", [0, 0, [0, 5, 10, 16][i]])
        )
        self.refuse(errors.SliceSpacingError, "6.00 mm between slice_002.dcm and slice_003.dcm")

    def test_dynamic(self):
        def change(ds, index):
            ds.ImagePositionPatient = [0, 0, 5.0 * (index % 4)]

        write_pet_folder(self.folder, 12, change)
        self.refuse(errors.DynamicSeriesError, r"up to 3 frames at each of 4 positions \(12 files\)")

    def test_one_position_twice(self):
        def change(ds, index):
            ds.ImagePositionPatient = [0, 0, 5.0 * min(index, 3)]

        write_pet_folder(self.folder, 5, change)
        self.refuse(errors.DynamicSeriesError, r"up to 2 frames at each of 4 positions \(5 files\)")

    def test_all_frames_at_one_position(self):
        write_pet_folder(self.folder, 4, lambda ds, i: setattr(ds, "ImagePositionPatient", [0, 0, 0]))
        self.refuse(errors.DynamicSeriesError, "up to 4 frames at each of 1 positions")

    def test_single_slice(self):
        write_pet_folder(self.folder, 1)
        self.refuse(errors.SingleSliceError, "at least 2 slices, got 1")

    @parameterized.expand(
        [
            ("Rows", 5, r"Rows \(0028,0010\) in slice_002.dcm: expected 6 as in slice_000.dcm, got 5"),
            ("Columns", 4, r"\(0028,0011\)"),
            ("Rows", None, "got nothing"),
            ("PixelSpacing", [3.0, 4.5], r"\(0028,0030\) in slice_002.dcm: expected the value of slice_000.dcm"),
            ("PixelSpacing", None, "expected 2 numbers"),
            ("ImageOrientationPatient", [0, 1, 0, 1, 0, 0], r"\(0020,0037\) in slice_002.dcm"),
            ("ImagePositionPatient", [-10, -10, 40], r"\(0020,0032\) in slice_002.dcm: expected the axis"),
            ("ImagePositionPatient", None, "expected 3 numbers"),
        ]
    )
    def test_one_slice_differs(self, keyword, value, pattern):
        write_pet_folder(self.folder, change=lambda ds, i: setattr(ds, keyword, value) if i == 2 else None)
        self.refuse(errors.SliceGeometryError, pattern)

    def test_spacing_0(self):
        write_pet_folder(self.folder, change=lambda ds, i: setattr(ds, "PixelSpacing", [0, 4]))
        self.refuse(errors.SliceGeometryError, "above 0 mm")

    def test_directions_not_orthogonal(self):
        write_pet_folder(
            self.folder, change=lambda ds, i: setattr(ds, "ImageOrientationPatient", [1, 0, 0, 0.6, 0.8, 0])
        )
        self.refuse(errors.SliceGeometryError, "orthogonal")


if __name__ == "__main__":
    unittest.main()
