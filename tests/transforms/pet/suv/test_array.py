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
"""ConvertToSUV."""

from __future__ import annotations

import unittest

import numpy as np
from monai.transforms import EnsureChannelFirst
from parameterized import parameterized

from monai_dd.dicom import errors, load_pet_series
from monai_dd.transforms.pet.suv import ConvertToSUV
from tests.dicom.builders import write_pet_folder
from tests.dicom.test_series_files import FolderTest


class TestConvertToSUV(FolderTest):
    @parameterized.expand([("header", 4e-4, "series"), ("none", 2e-4, "none")])
    def test_option(self, option, factor, reference):
        # 80 kg, 4e8 Bq, one half-life between injection and scan: 4e-4 with decay, 2e-4 without
        write_pet_folder(self.folder)
        image = EnsureChannelFirst()(load_pet_series(self.folder))
        before = image.numpy().copy()
        converted = ConvertToSUV(option)(image)
        np.testing.assert_allclose(converted.numpy(), before * factor, rtol=1e-6)  # float32
        np.testing.assert_array_equal(image.numpy(), before)
        self.assertIn("pet_header", image.meta)
        self.assertNotIn("pet_header", converted.meta)
        self.assertEqual((converted.meta["units"], converted.meta["suv_reference_time"]), ("SUVbw", reference))
        np.testing.assert_array_equal(converted.affine, image.affine)
        self.assertEqual((converted.dtype, converted.shape), (image.dtype, (1, 5, 6, 4)))

    def test_integer_volume_becomes_float(self):
        write_pet_folder(self.folder)
        image = load_pet_series(self.folder)
        converted = ConvertToSUV()(image.int())
        np.testing.assert_allclose(converted.numpy(), np.trunc(image.numpy()) * 4e-4, rtol=1e-6)  # float32

    def test_default_follows_the_header(self):
        self.assertEqual(ConvertToSUV().decay_correction, "header")

    def test_unknown_option(self):
        with self.assertRaisesRegex(ValueError, "START"):
            ConvertToSUV("START")

    def test_twice(self):
        write_pet_folder(self.folder)
        converter = ConvertToSUV()
        with self.assertRaises(errors.AlreadySUVError):
            converter(converter(load_pet_series(self.folder)))

    def test_plain_tensor(self):
        write_pet_folder(self.folder)
        with self.assertRaises(errors.MissingHeaderError):
            ConvertToSUV()(load_pet_series(self.folder).as_tensor())


if __name__ == "__main__":
    unittest.main()
