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
"""PETSeriesReader inside MONAI's loaders and datasets."""

from __future__ import annotations

import unittest
from pathlib import Path

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import CacheDataset, MetaTensor, PersistentDataset
from monai.transforms import Compose, EnsureChannelFirstd, LoadImage, LoadImaged
from parameterized import parameterized

from monai_dd.dicom import PETSeriesReader, errors, load_pet_series, load_pet_suv
from monai_dd.transforms.pet.suv import ConvertToSUVd
from tests.dicom.builders import write_pet_folder
from tests.dicom.test_series_files import FolderTest


class TestReader(FolderTest):
    def setUp(self):
        super().setUp()
        write_pet_folder(self.folder)

    @parameterized.expand([("name", "monai_dd.dicom.PETSeriesReader"), ("class", PETSeriesReader)])
    def test_reader_argument(self, _, reader):
        image = LoadImaged(keys="image", reader=reader, ensure_channel_first=True)({"image": self.folder})["image"]
        self.check(image)

    def test_reader_instance_from_a_bundle_configuration(self):
        parser = ConfigParser(
            {
                "load": {
                    "_target_": "LoadImaged",
                    "keys": "image",
                    "reader": {"_target_": "monai_dd.dicom.PETSeriesReader"},
                }
            }
        )
        chain = Compose([parser.get_parsed_content("load"), EnsureChannelFirstd("image")])
        self.check(chain({"image": str(self.folder)})["image"])

    def check(self, image):
        direct = load_pet_series(self.folder)
        self.assertIsInstance(image, MetaTensor)
        self.assertEqual(image.shape, (1, 5, 6, 4))
        np.testing.assert_array_equal(image[0].numpy(), direct.numpy())
        np.testing.assert_array_equal(image.affine, direct.affine)
        self.assertEqual(image.meta["pet_header"], direct.meta["pet_header"])
        self.assertEqual(image.meta["units"], "BQML")
        self.assertEqual(image.meta["filename_or_obj"], str(self.folder))

    def test_refusal_is_not_passed_to_other_readers(self):
        (self.folder / "slice_002.dcm").unlink()
        with self.assertRaises(errors.SliceSpacingError):
            LoadImage(reader=PETSeriesReader())(self.folder)
        with self.assertRaises(RuntimeError) as caught:
            Compose([LoadImaged("image", reader=PETSeriesReader())])({"image": self.folder})
        self.assertIsInstance(caught.exception.__cause__, errors.SliceSpacingError)

    def test_verify_suffix(self):
        reader = PETSeriesReader()
        self.assertTrue(reader.verify_suffix(str(self.folder)))
        self.assertTrue(reader.verify_suffix((Path(self.folder),)))
        self.assertFalse(reader.verify_suffix(self.folder / "slice_000.dcm"))
        self.assertFalse(reader.verify_suffix((self.folder, self.folder)))

    def test_one_folder_at_a_time(self):
        with self.assertRaisesRegex(errors.NotAFolderError, "got 2 paths"):
            LoadImage(reader=PETSeriesReader())([self.folder, self.folder])

    def test_datasets(self):
        loader = LoadImaged(keys="image", reader=PETSeriesReader(), ensure_channel_first=True)
        items = [{"image": str(self.folder)}]
        self.check(CacheDataset(items, loader, progress=False)[0]["image"])
        options = {"cache_dir": self.folder.parent / "cache", "track_meta": True, "weights_only": False}
        for _ in range(2):  # written, then read back
            self.check(PersistentDataset(items, Compose([loader]), **options)[0]["image"])

    def test_persistent_dataset_as_it_comes(self):
        # MONAI's default keeps tensors without meta data, loadable with weights_only: SUV must be made before
        chain = Compose([LoadImaged("image", reader=PETSeriesReader()), ConvertToSUVd("image")])
        expected = load_pet_suv(self.folder).as_tensor()
        for _ in range(2):
            dataset = PersistentDataset([{"image": str(self.folder)}], chain, cache_dir=self.folder.parent / "cache")
            torch.testing.assert_close(dataset[0]["image"], expected, check_dtype=True)


if __name__ == "__main__":
    unittest.main()
