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
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor
from parameterized import parameterized

from monai_dd.transforms.hemisphere import blank_region


def random_pair(seed, batch=2, channels=3, size=(4, 5)):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(batch, channels, *size)) * (rng.random((batch, channels, *size)) < 0.7)
    region = rng.random((batch, 1, *size)) < 0.3
    return torch.from_numpy(image), torch.from_numpy(region)


def obvious(image, region, fill):
    """Pixel by pixel: one image ``(C, H, W)``, one region ``(1, H, W)``."""
    out = image.clone()
    channels, rows, columns = image.shape
    for c in range(channels):
        rest = []
        for y in range(rows):
            for x in range(columns):
                if not region[0, y, x] and image[c, y, x] != 0:
                    rest.append(float(image[c, y, x]))
        for y in range(rows):
            for x in range(columns):
                if region[0, y, x]:
                    out[c, y, x] = sum(rest) / len(rest) if rest and fill == "mean" else 0
    return out


class TestBlankRegion(unittest.TestCase):
    @given(st.integers(0, 10_000), st.sampled_from(["mean", "zero"]))
    @settings(max_examples=40, deadline=None)
    def test_as_the_words_say(self, seed, fill):
        image, region = random_pair(seed)
        expected = torch.stack([obvious(i, r, fill) for i, r in zip(image, region)])
        blank = blank_region(image, region, fill)
        torch.testing.assert_close(blank, expected, rtol=0, atol=1e-12)  # order of the sum
        # every image of a batch on its own
        alone = torch.stack([blank_region(i, r, fill) for i, r in zip(image, region)])
        torch.testing.assert_close(blank, alone, rtol=0, atol=1e-12)

    def test_nothing_left_outside(self):
        image = torch.ones(1, 2, 3)
        self.assertTrue((blank_region(image, torch.ones(1, 2, 3)) == 0).all())
        half = image.clone()
        half[..., 1:] = 0
        self.assertTrue((blank_region(half, (half > 0).float()) == 0).all())

    def test_empty_region_changes_nothing(self):
        image, region = random_pair(1)
        torch.testing.assert_close(blank_region(image, torch.zeros_like(region)), image, rtol=0, atol=0)

    def test_threshold_leaves_noise_of_the_background_out(self):
        image = torch.tensor([[[0.01, 0.02, 1.0, 3.0, 9.0]], [[0.01, 0.02, 0.1, 0.3, 0.2]]])
        region = torch.tensor([[[0, 0, 0, 0, 1]]])
        means = blank_region(image, region)[:, 0, 4]
        torch.testing.assert_close(means, torch.tensor([4.03 / 4, 0.43 / 4]), rtol=1e-6, atol=0)
        # above 10 % of the maximum of each channel: 0.9, of which the region counts too, and 0.03
        means = blank_region(image, region, threshold=0.1)[:, 0, 4]
        torch.testing.assert_close(means, torch.tensor([2.0, 0.2]), rtol=1e-6, atol=0)

    def test_types_of_numbers(self):
        image = torch.tensor([[[10, 21, 0, 200]]], dtype=torch.uint8)
        blank = blank_region(image, torch.tensor([[[0, 0, 0, 4]]]))
        self.assertEqual(blank.dtype, torch.uint8)
        self.assertEqual(blank.tolist(), [[[10, 21, 0, 15]]])  # 31 / 2, cut to an integer

    def test_input_is_left_alone(self):
        image, region = random_pair(2)
        tracked = MetaTensor(image[0].clone())
        out = blank_region(tracked, MetaTensor(region[0].float()))
        self.assertTrue((tracked.as_tensor() == image[0]).all())
        torch.testing.assert_close(out, blank_region(image[0], region[0]), rtol=0, atol=0)

    @parameterized.expand(
        [
            ("fill", torch.ones(1, 2, 3), torch.ones(1, 2, 3), "median", "^fill: expected one of"),
            ("size", torch.ones(1, 2, 3), torch.ones(1, 2, 4), "mean", r"^region: .* region \(1, 2, 4\)"),
            ("channels", torch.ones(2, 2, 3), torch.ones(2, 2, 3), "mean", r"^region: .* region \(2, 2, 3\)"),
            ("batch", torch.ones(2, 1, 2, 3), torch.ones(1, 2, 3), "mean", r"^region: .* image \(2, 1, 2, 3\)"),
            ("flat", torch.ones(2, 3), torch.ones(1, 2, 3), "zero", r"^region: .* image \(2, 3\)"),
        ]
    )
    def test_refuses(self, _, image, region, fill, message):
        with self.assertRaisesRegex(ValueError, message) as caught:
            blank_region(image, region, fill)
        self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
