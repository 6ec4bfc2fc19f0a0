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

import unittest

import numpy as np
import torch
from monai.data import DataLoader, Dataset, MetaTensor, decollate_batch, list_data_collate
from monai.transforms import Compose, EnsureTyped, Invertd, Resized
from parameterized import parameterized

from monai_dd.transforms.hemisphere import SIDES, Hemisphere, Hemisphered

SIZE = (8, 20)


def item(seed=0, wrap=MetaTensor, **more):
    rng = np.random.default_rng(seed)
    image = torch.zeros(2, *SIZE)
    image[..., 2:18] = torch.from_numpy(rng.uniform(0.1, 1, (2, 8, 16))).float()
    mask = torch.zeros(1, *SIZE)
    mask[:, 2:5, 4 + seed : 7 + seed] = 1
    return {"image": wrap(image), "mask": wrap(mask), **more}


def kept_columns(image):
    return torch.nonzero(image.sum(dim=(0, 1)))[:, 0].tolist()


class TestHemisphered(unittest.TestCase):
    @parameterized.expand([(mode, side) for mode in ("boundary", "midline", "matched") for side in SIDES])
    def test_all_keys_get_the_window_of_the_first(self, mode, side):
        data = item(side=side)
        out = Hemisphered(["image", "mask"], mode)(data)
        window = Hemisphere(mode, side).window(data["image"], data["mask"])
        for key in ("image", "mask"):
            expected = Hemisphere()(data[key], window=window)
            self.assertTrue((out[key] == expected).all())
        self.assertEqual(set(out), set(data))
        self.assertEqual(out["side"], side)

    def test_window_of_the_item_counts_first(self):
        out = Hemisphered(["image", "mask"], "boundary")(item(side="image_left", window=[10, 12]))
        self.assertEqual(kept_columns(out["image"]), [10, 11])
        self.assertEqual(kept_columns(out["mask"]), [])

    def test_crop_is_the_same_for_all_keys(self):
        data = item(side="image_left", window=[3, 9])
        cut = Hemisphered(["image", "mask"], crop=True)
        out = cut(data)
        for key in ("image", "mask"):
            self.assertTrue(torch.equal(torch.as_tensor(out[key]), torch.as_tensor(data[key])[..., 3:9]))
        whole = Hemisphered(["image", "mask"])(data)
        for key, back in cut.inverse(out).items():
            if key in ("image", "mask"):
                self.assertTrue(torch.equal(torch.as_tensor(back), torch.as_tensor(whole[key])))

    def test_names_of_the_keys(self):
        data = item(at="image_right")
        data["tumor"] = data.pop("mask")
        out = Hemisphered("image", "boundary", side_key="at", mask_key="tumor")(data)
        self.assertEqual(kept_columns(out["image"]), list(range(7, 18)))
        out = Hemisphered("image", window_key="columns")({"image": data["image"], "columns": (3, 5)})
        self.assertEqual(kept_columns(out["image"]), [3, 4])

    def test_missing_keys(self):
        data = item(side="image_left")
        out = Hemisphered(["absent", "image"], allow_missing_keys=True)(data)
        self.assertTrue((out["image"] == Hemisphere()(data["image"])).all())
        with self.assertRaisesRegex(KeyError, "absent"):
            Hemisphered(["absent", "image"])(data)
        with self.assertRaisesRegex(ValueError, "^item: expected 'window' or 'side', got neither"):
            Hemisphered("image")(item())
        with self.assertRaisesRegex(ValueError, "^mask: expected .* for mode boundary, .* got none"):
            Hemisphered("image", "boundary", mask_key="absent")(data)

    @parameterized.expand([(wrap, pred) for wrap in (MetaTensor, torch.Tensor) for pred in (MetaTensor, torch.Tensor)])
    def test_invertd_after_a_resize(self, wrap, pred):
        """A map computed on the resized half returns to the half's place in the slice."""
        transform = Compose([Hemisphered(["image", "mask"]), Resized(["image", "mask"], (16, 40), mode="nearest")])
        total = torch.zeros(3, *SIZE)
        for side in SIDES:
            data = item(wrap=wrap, side=side)
            out = transform(data)
            out["pred"] = pred(torch.ones(3, 16, 40))
            # MONAI passes plain tensors by
            out = Compose([EnsureTyped("pred"), Invertd("pred", transform, orig_keys="image")])(out)
            start, stop = Hemisphere(side=side).window(data["image"])
            self.assertEqual(kept_columns(out["pred"]), list(range(start, stop)))
            total += out["pred"]
        torch.testing.assert_close(torch.as_tensor(total), torch.ones(3, *SIZE), rtol=0, atol=0)

    @parameterized.expand([(0,), (2,)])
    def test_batches_of_different_windows(self, num_workers):
        transform = Compose([Hemisphered(["image", "mask"], "matched"), Resized(["image", "mask"], (16, 40))])
        items = [item(seed, side=side) for seed in (0, 1) for side in SIDES]
        loader = DataLoader(
            Dataset(items, transform), batch_size=4, num_workers=num_workers, collate_fn=list_data_collate
        )
        batch = next(iter(loader))
        self.assertEqual(tuple(batch["image"].shape), (4, 2, 16, 40))
        batch["pred"] = torch.ones_like(batch["image"][:, :1])  # like a network: metadata of the batch comes along
        undo = Invertd("pred", transform, orig_keys="image")
        windows = []
        for data, out in zip(items, decollate_batch(batch)):
            windows.append(Hemisphere("matched", data["side"]).window(data["image"], data["mask"]))
            self.assertEqual(kept_columns(undo(out)["pred"]), list(range(*windows[-1])))
        self.assertEqual(len(set(windows)), 4)

    def test_input_is_left_alone(self):
        data = item(side="image_left")
        before = data["image"].clone()
        Hemisphered(["image", "mask"])(data)
        self.assertTrue((data["image"] == before).all())
        self.assertEqual(data["image"].applied_operations, [])


if __name__ == "__main__":
    unittest.main()
