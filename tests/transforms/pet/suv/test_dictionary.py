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
"""ConvertToSUVd in a MONAI pipeline."""

from __future__ import annotations

import unittest

import torch
from monai.data import list_data_collate
from monai.transforms import Compose, LoadImaged, Resized

from monai_dd.dicom import PETSeriesReader, load_pet_suv
from monai_dd.transforms.pet.suv import ConvertToSUVD, ConvertToSUVd, ConvertToSUVDict
from tests.dicom.builders import write_pet_folder
from tests.dicom.test_series_files import FolderTest


class TestConvertToSUVd(FolderTest):
    def chain(self, *more):
        loader = LoadImaged(keys="image", reader=PETSeriesReader(), ensure_channel_first=True)
        return Compose([loader, ConvertToSUVd(keys="image"), *more])

    def test_like_load_pet_suv(self):
        write_pet_folder(self.folder)
        image = self.chain()({"image": self.folder, "label": 1})
        torch.testing.assert_close(image["image"][0].as_tensor(), load_pet_suv(self.folder).as_tensor())
        self.assertEqual(image["label"], 1)

    def test_patients_of_different_length_collate(self):
        for index, count in enumerate((4, 7)):
            write_pet_folder(self.folder / str(index), count)
        chain = self.chain(Resized(keys="image", spatial_size=(4, 4, 4)))
        batch = list_data_collate([chain({"image": self.folder / str(index)}) for index in range(2)])
        self.assertEqual(batch["image"].shape, (2, 1, 4, 4, 4))
        self.assertEqual(batch["image"].meta["units"], ["SUVbw", "SUVbw"])
        self.assertEqual(batch["image"].meta["suv_reference_time"], ["series", "series"])

    def test_missing_key(self):
        self.assertEqual(ConvertToSUVd(keys="image", allow_missing_keys=True)({}), {})
        with self.assertRaises(KeyError):
            ConvertToSUVd(keys="image")({})

    def test_aliases(self):
        self.assertIs(ConvertToSUVD, ConvertToSUVd)
        self.assertIs(ConvertToSUVDict, ConvertToSUVd)


if __name__ == "__main__":
    unittest.main()
