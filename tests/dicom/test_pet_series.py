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
"""Volumes of PET series: voxel values, agreement with MONAI, SUV."""

from __future__ import annotations

import csv
import os
import unittest
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor, PydicomReader
from monai.transforms import Orientation
from parameterized import parameterized
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, RLELossless

from monai_dd.dicom import errors, load_pet_series, load_pet_suv
from monai_dd.dicom.pet_series import convert_to_suv
from tests.dicom.builders import build_pet_series, save_series, write_pet_folder
from tests.dicom.test_series_files import FolderTest

REAL_DATA = os.environ.get("MONAI_DD_REAL_DATA")
OBLIQUE = np.array([[0.8, 0.6, 0.0], [-0.48, 0.64, 0.6]])


def monai_series(folder):
    reader = PydicomReader()
    return reader.get_data(reader.read(str(folder)))


def oriented(directions, feet_first=False):
    """A change that turns the whole series, slices along the normal or, feet first, against it."""
    rows, columns = np.asarray(directions, dtype=float)
    step = np.cross(rows, columns) * (-5.0 if feet_first else 5.0)

    def change(ds, index):
        ds.ImageOrientationPatient = [round(v, 9) for v in (*rows, *columns)]
        ds.ImagePositionPatient = [round(v, 6) for v in np.array([-10.0, 20.0, 30.0]) + index * step]

    return change


class TestAgainstMONAI(FolderTest):
    def check(self, folder):
        image = load_pet_series(folder)
        array, meta = monai_series(folder)
        # 1e-6: MONAI multiplies in float32, where the relative rounding error is 6e-8
        np.testing.assert_allclose(image.numpy(), array, rtol=1e-6)
        # 1e-9 mm: the same sums in another order
        np.testing.assert_allclose(image.affine, meta["affine"], atol=1e-9)
        np.testing.assert_allclose(image.meta["original_affine"], meta["original_affine"], atol=1e-9)
        self.assertEqual(tuple(image.meta["spatial_shape"]), tuple(meta["spatial_shape"]))
        self.assertEqual(str(image.meta["space"]), str(meta["space"]))
        return image

    @parameterized.expand(
        [
            ("axial", [[1, 0, 0], [0, 1, 0]], False),
            ("axial_feet_first", [[1, 0, 0], [0, 1, 0]], True),
            ("rows_turned", [[-1, 0, 0], [0, 1, 0]], False),
            ("coronal", [[1, 0, 0], [0, 0, -1]], False),
            ("sagittal", [[0, 1, 0], [0, 0, -1]], True),
            ("oblique", OBLIQUE, False),
            ("oblique_feet_first", OBLIQUE, True),
        ]
    )
    def test_orientation(self, _, directions, feet_first):
        write_pet_folder(self.folder, change=oriented(directions, feet_first))
        image = self.check(self.folder)
        self.assertEqual(image.dtype.itemsize, 4)

    def test_reversed_and_unsorted_names(self):
        save_series(self.folder, build_pet_series(), names=["z.dcm", "b", "1.2.3", "a.IMA"])
        image = self.check(self.folder)
        self.assertEqual(image.meta["pet_header"]["files"], ["z.dcm", "b", "1.2.3", "a.IMA"])

    def test_meta(self):
        write_pet_folder(self.folder)
        meta = load_pet_series(str(self.folder)).meta
        self.assertEqual(meta["filename_or_obj"], str(self.folder))
        self.assertEqual(meta["units"], "BQML")
        self.assertTrue(np.isnan(meta["original_channel_dim"]))

    @unittest.skipUnless(REAL_DATA, "MONAI_DD_REAL_DATA is not set: no folder with real data")
    def test_real_series(self):
        folder = Path(REAL_DATA) / "pet_sts001" / "image"
        load_pet_series(folder)
        self.assertEqual(self.check(folder).shape, (128, 128, 267))


class TestVolume(FolderTest):
    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.permutations(range(5)))
    def test_file_order_does_not_matter(self, order):
        datasets = build_pet_series(5)
        folder = self.folder / "".join(map(str, order))
        save_series(folder, [datasets[i] for i in order])
        image = load_pet_series(folder)
        expected = [(1000 * k + 1) * (0.5 + k / 4) for k in range(5)]
        np.testing.assert_array_equal(image[0, 0].numpy(), np.float32(expected))

    def test_no_overflow_of_later_slices(self):
        # first slice all zero, a later one far above 16 bits
        def change(ds, index):
            ds.PixelData = np.full((6, 5), 32767 * (index > 0), "<i2").tobytes()
            ds.RescaleSlope = "1" if index == 0 else "2.0793"

        write_pet_folder(self.folder, change=change)
        self.assertEqual(float(load_pet_series(self.folder).max()), np.float32(32767 * 2.0793))

    def test_compressed(self):
        write_pet_folder(self.folder / "plain")
        write_pet_folder(self.folder / "rle", change=lambda ds, i: ds.compress(RLELossless))
        plain, rle = load_pet_series(self.folder / "plain"), load_pet_series(self.folder / "rle")
        np.testing.assert_array_equal(plain.numpy(), rle.numpy())

    def test_undecodable(self):
        def change(ds, index):
            ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
            ds.PixelData = encapsulate([b"\0" * 100])
            ds["PixelData"].is_undefined_length = True

        write_pet_folder(self.folder, change=change)
        self.refuse(errors.PixelDecodingError, r"TransferSyntaxUID \(0002,0010\) in slice_000.dcm.*JPEG 2000")

    def test_all_zero(self):
        write_pet_folder(self.folder, change=lambda ds, i: setattr(ds, "PixelData", bytes(60)))
        self.refuse(errors.EmptyPixelDataError, "0 everywhere in 4 slices")

    def test_one_empty_slice_is_fine(self):
        write_pet_folder(self.folder, change=lambda ds, i: setattr(ds, "PixelData", bytes(60)) if i == 0 else None)
        self.assertEqual(float(load_pet_series(self.folder)[..., 0].max()), 0.0)

    @parameterized.expand([("0", "got 0.0"), ("-1", "got -1.0"), (None, "got nothing")])
    def test_slope(self, value, pattern):
        write_pet_folder(self.folder, change=lambda ds, i: setattr(ds, "RescaleSlope", value) if i == 3 else None)
        self.refuse(errors.RescaleSlopeError, rf"RescaleSlope \(0028,1053\) in slice_003.dcm.*{pattern}")

    @parameterized.expand([(b"nan ",), (b"inf ",), (b"1,5 ",)])
    def test_slope_of_no_number(self, text):
        write_pet_folder(self.folder, change=lambda ds, i: setattr(ds, "RescaleSlope", "1.25"))
        path = self.folder / "slice_001.dcm"
        path.write_bytes(path.read_bytes().replace(b"1.25", text))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.refuse(errors.RescaleSlopeError, "slice_001.dcm")

    def test_intercept(self):
        write_pet_folder(self.folder, change=lambda ds, i: setattr(ds, "RescaleIntercept", "-1"))
        self.refuse(errors.RescaleInterceptError, r"RescaleIntercept \(0028,1052\).*expected 0, got -1.0")


class TestSUV(FolderTest):
    def test_by_hand(self):
        # one half-life after the injection: 80000 g / 2e8 Bq = 4e-4
        write_pet_folder(self.folder)
        image = load_pet_suv(self.folder)
        np.testing.assert_allclose(image.numpy(), load_pet_series(self.folder).numpy() * 4e-4, rtol=1e-6)  # float32
        self.assertEqual((image.meta["units"], image.meta["suv_reference_time"]), ("SUVbw", "series"))
        self.assertNotIn("pet_header", image.meta)

    def test_formula_of_the_paper(self):
        write_pet_folder(self.folder)
        image = load_pet_suv(self.folder, decay_correction="none")
        np.testing.assert_allclose(image.numpy(), load_pet_series(self.folder).numpy() * 2e-4, rtol=1e-6)  # float32

    def test_no_weight(self):
        write_pet_folder(self.folder, change=lambda ds, i: delattr(ds, "PatientWeight"))
        self.assertEqual(load_pet_series(self.folder).shape, (5, 6, 4))  # activity needs none
        with self.assertRaisesRegex(errors.WeightError, r"PatientWeight \(0010,1030\) in slice_000.dcm"):
            load_pet_suv(self.folder)

    def test_twice(self):
        write_pet_folder(self.folder)
        with self.assertRaisesRegex(errors.AlreadySUVError, "SUVbw"):
            convert_to_suv(load_pet_suv(self.folder))

    def test_without_header(self):
        with self.assertRaisesRegex(errors.MissingHeaderError, "pet_header"):
            convert_to_suv(MetaTensor(np.ones((2, 2, 2), np.float32)))

    def test_factor_by_slice_needs_the_slices(self):
        def change(ds, index):
            ds.DecayCorrection = "NONE"
            ds.AcquisitionTime = f"114{index}00"

        write_pet_folder(self.folder, change=change)
        image = load_pet_series(self.folder)
        converted = convert_to_suv(image[None])
        ratio = (converted[0, 0, 0] / image[0, 0]).numpy()
        np.testing.assert_allclose(ratio[1:] / ratio[:-1], 2 ** (60 / 6000), rtol=1e-5)  # 1e-5: ratios of float32
        with self.assertRaises(errors.SliceOrderError):
            convert_to_suv(image[..., :3])
        turned = Orientation("RAI")(image[None])
        with self.assertRaises(errors.SliceOrderError):
            convert_to_suv(turned)

    @unittest.skipUnless(REAL_DATA, "MONAI_DD_REAL_DATA is not set: no folder with real data")
    def test_reference_objects(self):
        root = Path(REAL_DATA) / "pet_dro"
        with open(root / "expected.csv", newline="") as stream:
            rows = list(csv.DictReader(stream))
        self.assertEqual(len(rows), 8)
        for row in rows:
            with self.subTest(row["id"]), warnings.catch_warnings():
                warnings.simplefilter("ignore", errors.SUVWarning)
                image = load_pet_suv(root / row["id"] / "PT")
                mask = nib.load(root / row["id"] / "mask" / "DRO_mask.nii.gz")
                np.testing.assert_allclose(mask.affine, image.affine, atol=1e-6)
                values = image.numpy()[mask.get_fdata() > 0]
                expected = [float(row[key]) for key in ("suv_min", "suv_median", "suv_max")]
                # 1e-4: the objects store decayed doses to four digits; asked for are 0.5 %
                np.testing.assert_allclose([values.min(), np.median(values), values.max()], expected, rtol=1e-4)

    @unittest.skipUnless(REAL_DATA, "MONAI_DD_REAL_DATA is not set: no folder with real data")
    def test_real_series_by_hand(self):
        # 71 kg, 388,777,472 Bq at 10:35:00, scan 11:20:11, half-life 6588 s: 2711 s, 2^(2711/6588) = 1.33008
        # 71000 / 388777472 * 1.33008 = 2.42905e-4; the highest voxel of 273860.4 Bq/ml is at SUV 66.52
        image = load_pet_suv(Path(REAL_DATA) / "pet_sts001" / "image")
        self.assertAlmostEqual(float(image.max()), 66.52, delta=0.01)
        self.assertEqual(image.meta["suv_reference_time"], "series")


if __name__ == "__main__":
    unittest.main()
