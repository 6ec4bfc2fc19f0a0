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

from monai_dd.data.phantoms.pet.scanner import scan, slice_sensitivity


class TestScan(unittest.TestCase):
    def test_resolution(self):
        activity = np.zeros((41, 41, 41), np.float32)
        activity[20, 20, 20] = 1
        profile = scan(activity, (1, 1, 1), np.random.default_rng(0), fwhm=6.0, noise=0, air=0)[:, 20, 20]
        self.assertAlmostEqual(float(profile[17] / profile[20]), 0.5, delta=0.01)  # 3 mm off is half the maximum
        self.assertAlmostEqual(float(profile[23] / profile[20]), 0.5, delta=0.01)

    def test_noise_keeps_the_mean_and_its_variance_grows_with_activity(self):
        shape = (40, 40, 40)
        spread = []
        for level in (1.0, 4.0):
            image = scan(np.full(shape, level, np.float32), (4, 4, 4), np.random.default_rng(1), noise=0.2, air=0)
            inner = image[:, :, 15:-15]
            # About 64000 / 4 independent voxels: the standard error of the mean is below 0.5 %.
            self.assertAlmostEqual(float(inner.mean()) / level, 1, delta=0.02)
            spread.append(float(inner.std()))
            self.assertGreaterEqual(float(image.min()), 0)
        self.assertAlmostEqual(spread[1] / spread[0], 2, delta=0.15)  # sqrt(4), less the skew of the log-normal

    def test_strong_noise_keeps_the_mean(self):
        # exp(s n) alone has the mean exp(s^2 / 2) = sqrt(1 + 0.8^2) = 1.28
        image = scan(np.ones((64, 64, 64), np.float32), (4, 4, 4), np.random.default_rng(3), noise=0.8, air=0)
        inner = image[:, :, 15:-15]
        # about 139,000 / 12 independent voxels: the standard error of the mean is below 1 %
        self.assertAlmostEqual(float(inner.mean()), 1, delta=0.03)

    def test_larger_voxels_are_less_noisy(self):
        image = [scan(np.ones((40, 40, 40), np.float32), (v,) * 3, np.random.default_rng(2)) for v in (4, 10)]
        self.assertLess(image[1].std(), 0.6 * image[0].std())

    def test_ends_of_the_scan_are_least_sensitive(self):
        sensitivity = slice_sensitivity(200, 5.0)
        self.assertAlmostEqual(float(sensitivity.mean()), 1, places=5)
        self.assertEqual(int(sensitivity.argmin()) in (0, 199), True)
        self.assertGreater(sensitivity.min(), 0)


if __name__ == "__main__":
    unittest.main()
