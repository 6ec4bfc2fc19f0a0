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
"""Tests of the controls."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from parameterized import parameterized
from scipy.ndimage import correlate1d, uniform_filter
from scipy.special import ndtr
from scipy.stats import kstest

from monai_dd.explain import CenteredGaussian, RandomControl, SmoothedIntensity
from monai_dd.metrics import compute_pixel_average_precision


def _image(*size, batch=3, channels=2, seed=1):
    return torch.randn(batch, channels, *size, generator=torch.Generator().manual_seed(seed))


def _smooth(plane, sigma):
    """The Gaussian integrated over each pixel, to four standard deviations, zeros outside."""
    places = np.arange(-int(4 * sigma + 0.5), int(4 * sigma + 0.5) + 1)
    kernel = ndtr((places + 0.5) / sigma) - ndtr((places - 0.5) / sigma)
    for axis in range(plane.ndim):
        plane = correlate1d(plane, kernel, axis, mode="constant")
    return plane


class TestRandomControl(unittest.TestCase):
    def test_uniform_at_the_resolution_of_the_image(self):
        maps = RandomControl()(_image(40, 30))
        self.assertEqual(maps.shape, (3, 1, 40, 30))
        self.assertGreater(kstest(maps.flatten().numpy(), "uniform").pvalue, 0.01)

    def test_images_and_seeds_differ(self):
        maps = torch.cat([RandomControl(seed)(_image(32, 32)).flatten(1) for seed in (0, 1)])
        correlation = np.corrcoef(maps) - np.eye(6)
        self.assertLess(np.abs(correlation).max(), 5 / 32)  # five standard deviations, 1 / sqrt(1024) each

    def test_leaves_the_global_random_state(self):
        before = torch.get_rng_state()
        RandomControl()(_image(4, 4))
        self.assertTrue(torch.equal(torch.get_rng_state(), before))

    def test_finds_nothing(self):
        mask = torch.zeros(200, 1, 32, 32)
        mask[:, :, :4] = 1
        score = compute_pixel_average_precision(RandomControl()(_image(32, 32, batch=200)), mask)
        # a little over the share of 1/8, see the expectation in the tests of the metric
        harmonic = sum(1 / k for k in range(1, 1025))
        expected = harmonic / 1024 + 127 * (1024 - harmonic) / (1024 * 1023)
        self.assertAlmostEqual(score.mean().item(), expected, delta=5 * score.std().item() / 200**0.5)

    def test_refuses_a_negative_seed(self):
        with self.assertRaisesRegex(ValueError, "^seed: expected 0 or more, got -1$"):
            RandomControl(-1)


class TestCenteredGaussian(unittest.TestCase):
    @parameterized.expand([((8, 12), 0.25), ((5, 7, 9), 0.4), ((1, 6), 0.1)])
    def test_equals_loops(self, size, fraction):
        maps = CenteredGaussian(fraction)(_image(*size))
        for at in np.ndindex(*size):
            off = sum((((i + 0.5) / n - 0.5) / fraction) ** 2 for i, n in zip(at, size, strict=True))
            self.assertAlmostEqual(maps[(1, 0, *at)].item(), np.exp(-off / 2), places=5)

    def test_maximum_in_the_middle_and_symmetric(self):
        maps = CenteredGaussian()(_image(9, 7))
        self.assertEqual(maps[0, 0].argmax(), 4 * 7 + 3)
        torch.testing.assert_close(maps, maps.flip(2, 3))

    @parameterized.expand([(0,), (-1,), (float("nan"),)])
    def test_refuses(self, fraction):
        with self.assertRaisesRegex(ValueError, "^sigma_fraction: expected a positive number, got [^\n]*$"):
            CenteredGaussian(fraction)


class TestSmoothedIntensity(unittest.TestCase):
    @parameterized.expand([((32, 24), 3.0, None), ((32, 24), 1.5, 1), ((12, 10, 14), 2.0, 0)])
    def test_equals_a_filter_axis_by_axis(self, size, sigma, channel):
        image = _image(*size)
        maps = SmoothedIntensity(sigma, channel)(image)
        for row, x in zip(maps, image.numpy(), strict=True):
            plane = x.mean(0) if channel is None else x[channel]
            expected = _smooth(plane, sigma)
            # sums of a thousand float32 numbers around 1, with weights that add up to 1
            np.testing.assert_allclose(row[0], expected - min(expected.min(), 0), atol=1e-6)

    @parameterized.expand([((32, 24), 25, None), ((9, 24), 5, 1), ((7, 6, 9), 3, 0), ((8, 8), 1, 1)])
    def test_equals_a_mean_filter(self, size, window, channel):
        image = _image(*size)
        for row, x in zip(
            SmoothedIntensity(channel=channel, window=window)(image), image.double().numpy(), strict=True
        ):
            plane = x.mean(0) if channel is None else x[channel]
            expected = uniform_filter(plane, window, mode="constant")
            np.testing.assert_allclose(row[0], expected - min(expected.min(), 0), atol=1e-6)

    @parameterized.expand([(0,), (24,), (-3,)])
    def test_refuses_a_window(self, window):
        with self.assertRaisesRegex(ValueError, f"^window: expected an odd number of pixels, got {window}$"):
            SmoothedIntensity(window=window)

    def test_positive_images_are_not_raised(self):
        image = torch.zeros(1, 1, 64, 64)
        image[..., 32, 32] = 1
        maps = SmoothedIntensity()(image)
        self.assertEqual(maps[0, 0, 0, 0], 0)
        self.assertAlmostEqual(maps.sum().item(), 1, places=3)  # the kernel ends at four standard deviations
        self.assertAlmostEqual(maps[0, 0, 32, 32].item(), 1 / (2 * np.pi * 9), places=3)

    def test_the_background_stays_between_dark_and_bright(self):
        image = torch.zeros(1, 1, 40, 40)  # normalized to zero mean, with a background of 0
        image[..., :20, 20:], image[..., 20:, 20:] = 1.0, -1.0
        maps = SmoothedIntensity(1.0)(image)[0, 0]
        background = maps[:, :15]  # the filter reaches over four pixels
        torch.testing.assert_close(background, torch.full_like(background, maps[0, 0].item()), rtol=0, atol=0)
        self.assertGreater(maps[10, 30], maps[0, 0])
        self.assertGreater(maps[0, 0], maps[30, 30])
        self.assertEqual(maps.min(), 0)

    @parameterized.expand([(0,), (-2.0,), (float("nan"),)])
    def test_refuses_a_filter(self, sigma):
        with self.assertRaisesRegex(ValueError, "^sigma: expected a positive number of pixels, got [^\n]*$"):
            SmoothedIntensity(sigma)

    @parameterized.expand([(2,), (-1,)])
    def test_refuses_a_channel(self, channel):
        with self.assertRaisesRegex(ValueError, f"^channel: expected 0 to 1, got {channel}$"):
            SmoothedIntensity(channel=channel)(_image(8, 8))


if __name__ == "__main__":
    unittest.main()
