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

import os
import unittest
from pathlib import Path

import numpy as np
import torch
from monai.data import DataLoader, Dataset, MetaTensor, decollate_batch, list_data_collate
from monai.data.utils import affine_to_spacing
from monai.transforms import Compose, HistogramNormalized, Invertd, LoadImage, Resized

from monai_dd.transforms.pet.equalization import HistogramEqualizationd
from monai_dd.transforms.pet.projection import (
    MaximumIntensityProjectionD,
    MaximumIntensityProjectiond,
    MaximumIntensityProjectionDict,
)

AFFINE = torch.tensor([[-4.0, 0, 0, 50], [0, -3, 0, 40], [0, 0, -2.5, 300], [0, 0, 0, 1]], dtype=torch.float64)


def study(seed=0, shape=(12, 10, 20)):
    values = torch.from_numpy(np.random.default_rng(seed).random((1, *shape)).astype(np.float32))
    return {"image": MetaTensor(values, affine=AFFINE, meta={"filename_or_obj": f"{seed}"})}


def preprocessing(angle=0.0, equalization=HistogramEqualizationd, size=(64, 64)):
    return Compose(
        [
            MaximumIntensityProjectiond("image", angle=angle),
            equalization("image"),
            Resized("image", spatial_size=size, mode="bilinear"),
        ]
    )


class TestMaximumIntensityProjectiond(unittest.TestCase):
    def test_names(self):
        self.assertIs(MaximumIntensityProjectionD, MaximumIntensityProjectiond)
        self.assertIs(MaximumIntensityProjectionDict, MaximumIntensityProjectiond)

    def test_missing_keys(self):
        self.assertEqual(MaximumIntensityProjectiond("image", allow_missing_keys=True)({"label": 1}), {"label": 1})
        with self.assertRaises(KeyError):
            MaximumIntensityProjectiond("image")({"label": 1})

    def test_attention_map_returns_to_the_volume(self):
        """The chain of an application, for each equalization and for an axis and a turned view."""
        for equalization in (HistogramEqualizationd, HistogramNormalized):
            for angle in (0.0, 30.0):
                with self.subTest(equalization=equalization.__name__, angle=angle):
                    original = study()
                    transform = preprocessing(angle, equalization)
                    data = transform(original)
                    self.assertEqual(tuple(data["image"].shape), (1, 64, 64))
                    data["pred"] = MetaTensor(
                        torch.stack([torch.zeros(64, 64), torch.ones(64, 64)])
                    )  # as a network returns
                    data["pred"][0, :32] = 1  # the upper half of the picture
                    data = Invertd("pred", transform=transform, orig_keys="image", nearest_interp=False)(data)
                    pred = data["pred"]
                    self.assertEqual(tuple(pred.shape), (2, 12, 10, 20))
                    torch.testing.assert_close(pred.affine, AFFINE, rtol=0, atol=0)
                    self.assertEqual(pred.applied_operations, [])
                    # z runs to the feet: the upper half of the picture is the first half of z
                    self.assertEqual(pred[0, :, :, 11:].abs().max(), 0)
                    image = MaximumIntensityProjectiond("image", angle=angle)(original)["image"]
                    expected = MaximumIntensityProjectiond("image", angle=angle).projection
                    support = expected.inverse(expected(original["image"])) > 0
                    torch.testing.assert_close(pred[1] > 0, support[0], rtol=0, atol=0)
                    if angle == 0:
                        self.assertEqual(int((pred[1] > 0).sum()), image.numel())

    def test_smooth_map_survives_the_chain(self):
        """Projected again, the returned map is the map, up to the two resizings."""
        original, transform = study(), preprocessing(size=(80, 48))  # four times the projection of 20 x 12
        data = transform(original)
        rows = torch.linspace(0, 1, 80)[:, None].expand(80, 48)
        data["pred"] = MetaTensor(rows[None].clone())
        data = Invertd("pred", transform=transform, orig_keys="image", nearest_interp=False)(data)
        again = MaximumIntensityProjectiond("pred")(data)["pred"]
        expected = rows.reshape(20, 4, 12, 4).mean(dim=(1, 3))  # a linear ramp seen at pixel centers
        torch.testing.assert_close(again[0].as_tensor(), expected, rtol=0, atol=1e-6)  # float32 interpolation

    def test_batches_of_different_volumes(self):
        transform = preprocessing(angle=20.0)
        studies = [study(0), study(1, (11, 13, 17)), study(2)]
        batch = list_data_collate([transform(s) for s in studies])
        self.assertEqual(tuple(batch["image"].shape), (3, 1, 64, 64))
        batch["pred"] = torch.ones_like(batch["image"])
        invert = Invertd("pred", transform=transform, orig_keys="image")
        for item, source in zip(decollate_batch(batch), studies):
            self.assertEqual(invert(item)["pred"].shape, source["image"].shape)

    def test_loader_with_workers(self):
        transform = preprocessing()
        loader = DataLoader(Dataset([study(0), study(1)], transform), batch_size=2, num_workers=1)
        batch = next(iter(loader))
        batch["pred"] = torch.ones_like(batch["image"])
        invert = Invertd("pred", transform=transform, orig_keys="image")
        for item in decollate_batch(batch):
            self.assertEqual(int((invert(item)["pred"] > 0).sum()), 20 * 12)

    def test_real_series(self):
        folder = os.environ.get("MONAI_DD_REAL_DATA")
        if not folder:
            self.skipTest("MONAI_DD_REAL_DATA is not set: no real PET series to read.")
        series = Path(folder) / "pet_sts001" / "image"
        volume = LoadImage(reader="PydicomReader", image_only=True, ensure_channel_first=True)(series)
        transform = preprocessing(size=(512, 512))
        data = transform({"image": volume})
        np.testing.assert_allclose(
            affine_to_spacing(data["image"].affine)[:2], [3.27 * 267 / 512, 4.6875 * 128 / 512], rtol=1e-6
        )
        data["pred"] = MetaTensor(data["image"].as_tensor())
        pred = Invertd("pred", transform=transform, orig_keys="image", nearest_interp=False)(data)["pred"]
        self.assertEqual(pred.shape, volume.shape)
        torch.testing.assert_close(pred.affine, volume.affine, rtol=0, atol=0)
        # the hottest voxel between neck and kidneys is in the heart, at the patient's left
        body = volume[0, :, :, 60:115]
        x, _, _ = np.unravel_index(int(body.argmax()), body.shape)
        self.assertLess(float(volume.affine[0, 0] * x + volume.affine[0, 3]), 0)  # RAS: left is negative
        image = MaximumIntensityProjectiond("image")({"image": volume})["image"]
        self.assertGreater(int(image[0, 60:115].amax(dim=0).argmax()), image.shape[-1] // 2)  # image right
