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
"""Tests of regions and their mirror images, and of windows that are found before the normalization."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from monai.data import MetaTensor
from parameterized import parameterized

from monai_dd.transforms import Hemisphered, HemisphereWindowd, MirrorRegion, MirrorRegiond
from monai_dd.transforms.hemisphere import hemisphere_windows


class TestMirrorRegion(unittest.TestCase):
    @parameterized.expand([("numpy", np.asarray), ("tensor", torch.as_tensor), ("meta", MetaTensor)])
    def test_both_sides(self, _name, kind):
        region = np.zeros((1, 2, 5), dtype=np.float32)
        region[0, 0, 0], region[0, 1, 3] = 4, 1
        expected = [[[1, 0, 0, 0, 1], [0, 1, 0, 1, 0]]]
        given = kind(region.copy())
        np.testing.assert_array_equal(np.asarray(MirrorRegion()(given)), expected)
        np.testing.assert_array_equal(np.asarray(given), region)  # left alone
        np.testing.assert_array_equal(np.asarray(MirrorRegiond("region")({"region": given})["region"]), expected)

    def test_both_halves_lose_as_much(self):
        region = np.zeros((1, 8, 10))
        region[0, 2:5, 1:4] = 1
        both = MirrorRegion()(region)
        self.assertEqual(int(both[..., :5].sum()), int(both[..., 5:].sum()))

    def test_refusal(self):
        with self.assertRaisesRegex(ValueError, r"^region: expected the shape \(1, H, W\), got \(2, 3, 4\)$"):
            MirrorRegion()(np.zeros((2, 3, 4)))


class TestHemisphereWindowd(unittest.TestCase):
    def setUp(self):
        self.image = np.zeros((1, 6, 12))
        self.image[0, :, 2:9] = np.random.default_rng(0).uniform(1, 2, (6, 7))

    def test_found_in_the_slice(self):
        for index, side in enumerate(("image_left", "image_right")):
            item = HemisphereWindowd("image")({"image": self.image, "side": side})
            self.assertEqual(tuple(item["window"]), hemisphere_windows("midline", self.image)[index])

    def test_survives_what_changes_the_intensities(self):
        item = HemisphereWindowd("image")({"image": self.image, "side": "image_left"})
        item["image"] = item["image"] - 10  # nothing is above zero now
        start, stop = item["window"]
        half = np.asarray(Hemisphered("image")(item)["image"])
        self.assertTrue((half[..., start:stop] < 0).any())
        self.assertFalse(half[..., stop:].any())

    def test_own_window_is_kept(self):
        item = HemisphereWindowd("image")({"image": self.image, "window": [1, 3]})
        self.assertEqual(item["window"], [1, 3])

    def test_refusal(self):
        with self.assertRaisesRegex(ValueError, "^item: expected 'window' or 'side', got neither$"):
            HemisphereWindowd("image")({"image": self.image})


if __name__ == "__main__":
    unittest.main()
