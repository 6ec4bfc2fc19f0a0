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
"""Tests of the relevance mass accuracy."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from parameterized import parameterized

from monai_dd.metrics import RelevanceMassAccuracyMetric, compute_relevance_mass_accuracy

SIZES = [((4, 6), (8, 12)), ((2, 3, 2), (4, 6, 4)), ((4, 4), (4, 4)), ((2, 2), (6, 10)), ((3, 5), (7, 11))]


def _draw(relevance_size, mask_size, batch=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    relevance = torch.randn(batch, 1, *relevance_size, generator=generator)
    return relevance, (torch.rand(batch, 1, *mask_size, generator=generator) > 0.7).float()


def _loops(relevance, mask):
    """Every cell of the mask takes the positive value of the relevance at its center."""
    inside = total = 0.0
    for at in np.ndindex(*mask.shape):
        place = tuple(int((i + 0.5) * r / m) for i, r, m in zip(at, relevance.shape, mask.shape, strict=True))
        value = max(relevance[place].item(), 0.0)
        total += value
        inside += value * bool(mask[at] > 0)
    return inside / total if mask.any() and total else math.nan


class TestRelevanceMassAccuracy(unittest.TestCase):
    @parameterized.expand(SIZES)
    def test_equals_loops(self, relevance_size, mask_size):
        relevance, mask = _draw(relevance_size, mask_size)
        expected = [_loops(r[0], m[0]) for r, m in zip(relevance, mask, strict=True)]
        # sums of up to a hundred float32 numbers
        np.testing.assert_allclose(compute_relevance_mass_accuracy(relevance, mask).numpy(), expected, rtol=1e-5)

    def test_uniform_relevance_gives_the_share_of_the_mask(self):
        _, mask = _draw((4, 4), (8, 8))
        value = compute_relevance_mass_accuracy(torch.ones(5, 1, 4, 4), mask)
        torch.testing.assert_close(value, mask.flatten(1).mean(1))

    def test_empty_mask_and_empty_relevance_give_nan(self):
        relevance, mask = _draw((4, 4), (4, 4), batch=3)
        mask[0], relevance[1] = 0.0, -1.0
        value = compute_relevance_mass_accuracy(relevance, mask)
        self.assertEqual(value.isnan().tolist(), [True, True, False])

    @parameterized.expand([(torch.bool,), (torch.uint8,), (torch.int64,)])
    def test_masks_of_any_type(self, dtype):
        relevance, mask = _draw((4, 4), (8, 8))
        expected = compute_relevance_mass_accuracy(relevance, mask)
        torch.testing.assert_close(compute_relevance_mass_accuracy(relevance, mask.to(dtype)), expected)

    @parameterized.expand([(False,), (True,)])
    def test_updates_accumulate_and_empty_masks_are_left_out(self, as_list):
        relevance, mask = _draw((4, 4), (8, 8))
        relevance = relevance.abs()
        mask[1] = 0.0
        expected = compute_relevance_mass_accuracy(relevance, mask)[[0, 2, 3, 4]].mean().item()
        metric = RelevanceMassAccuracyMetric()
        for part in (slice(0, 2), slice(2, 5)):
            pair = (relevance[part], mask[part])
            metric(*[list(m) for m in pair] if as_list else pair)
        self.assertAlmostEqual(metric.aggregate(), expected, places=6)

    def test_only_empty_masks(self):
        metric = RelevanceMassAccuracyMetric()
        metric(torch.ones(2, 1, 4, 4), torch.zeros(2, 1, 4, 4))
        self.assertTrue(math.isnan(metric.aggregate()))

    def test_direction(self):
        self.assertEqual(RelevanceMassAccuracyMetric.better, "higher")


if __name__ == "__main__":
    unittest.main()
