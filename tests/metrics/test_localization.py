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
"""Tests of all metrics against a mask at once: each is what its own function gives."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.metrics import (
    compute_localization,
    compute_pixel_average_precision,
    compute_pointing_game,
    compute_quantile_iou,
    compute_relevance_mass_accuracy,
    compute_relevance_rank_accuracy,
)


class TestLocalization(unittest.TestCase):
    @parameterized.expand([((4, 4), (8, 12)), ((2, 3, 2), (4, 6, 4))])
    def test_equals_the_functions(self, size, mask_size):
        relevance = torch.rand(4, 1, *size, generator=torch.Generator().manual_seed(0))
        mask = torch.rand(4, 1, *mask_size, generator=torch.Generator().manual_seed(1)) > 0.7
        mask[2] = False
        result = compute_localization(relevance, mask, (0.9, 0.5), seed=3)
        overlap = compute_quantile_iou(relevance, mask, (0.9, 0.5), seed=3)
        expected = {
            "pixel_ap": compute_pixel_average_precision(relevance, mask, seed=3),
            "iou_0.9": overlap[:, 0],
            "iou_0.5": overlap[:, 1],
            "rank": compute_relevance_rank_accuracy(relevance, mask, seed=3),
            "pointing": compute_pointing_game(relevance, mask),
            "mass": compute_relevance_mass_accuracy(relevance, mask),
        }
        self.assertEqual(list(result), list(expected))
        for name, value in expected.items():
            torch.testing.assert_close(result[name], value, rtol=0, atol=0, equal_nan=True)
            self.assertEqual(value.isnan().tolist(), [False, False, True, False])

    def test_names_of_the_default_quantiles(self):
        names = compute_localization(torch.rand(1, 1, 4, 4), torch.ones(1, 1, 4, 4))
        self.assertEqual([name for name in names if "iou" in name], ["iou_0.975", "iou_0.95", "iou_0.9"])

    def test_bad_quantile(self):
        with self.assertRaisesRegex(ValueError, "^quantiles: expected [^\n]*$"):
            compute_localization(torch.rand(1, 1, 4, 4), torch.ones(1, 1, 4, 4), [95])


if __name__ == "__main__":
    unittest.main()
