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
"""Tests of the pixel average precision."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized
from sklearn.metrics import average_precision_score

from monai_dd.metrics import PixelAveragePrecisionMetric, compute_pixel_average_precision

SIZES = [(8, 12), (9, 5), (4, 6, 4), (1, 7), (3, 2, 5)]


def _draw(size, batch=5, seed=0, share=0.3):
    """Maps without equal values, and masks."""
    rng = np.random.default_rng(seed)
    cells = math.prod(size)
    maps = np.stack([rng.permutation(cells) for _ in range(batch)]).reshape(batch, 1, *size) / cells - 0.3
    mask = rng.random((batch, 1, *size)) < share
    mask[:, :, *[0] * len(size)] = True
    return torch.from_numpy(maps), torch.from_numpy(mask)


def _loops(values, mask):
    """The definition, threshold by threshold: precision at every pixel found."""
    order = sorted(range(len(values)), key=lambda i: -values[i])
    found, total = 0, 0.0
    for rank, i in enumerate(order, start=1):
        if mask[i]:
            found += 1
            total += found / rank
    return total / found


class TestPixelAveragePrecision(unittest.TestCase):
    @parameterized.expand([(s, d) for s in SIZES for d in (torch.float32, torch.float64)])
    def test_equals_scikit_learn_and_the_definition(self, size, dtype):
        relevance, mask = _draw(size)
        relevance = relevance.to(dtype)
        result = compute_pixel_average_precision(relevance, mask)
        pairs = [(r.numpy(), m.numpy()) for r, m in zip(relevance.flatten(1), mask.flatten(1), strict=True)]
        # the result is rounded to float32
        np.testing.assert_allclose(result, [average_precision_score(m, r) for r, m in pairs], atol=1e-6)
        np.testing.assert_allclose(result, [_loops(r, m) for r, m in pairs], atol=1e-6)

    def test_by_hand(self):
        # found at ranks 1, 3 and 4 of 6: (1/1 + 2/3 + 3/4) / 3
        relevance = torch.tensor([0.9, 0.1, 0.5, 0.8, 0.6, 0.2]).reshape(1, 1, 2, 3)
        mask = torch.tensor([1, 0, 1, 0, 1, 0]).reshape(1, 1, 2, 3)
        self.assertAlmostEqual(compute_pixel_average_precision(relevance, mask).item(), 29 / 36, places=6)

    @parameterized.expand([((2, 3), (4, 9)), ((2, 2, 2), (4, 2, 6))])
    def test_coarse_maps_are_resized_by_nearest_neighbor(self, size, mask_size):
        relevance, _ = _draw(size)
        _, mask = _draw(mask_size)
        large = relevance
        for axis, (s, m) in enumerate(zip(size, mask_size, strict=True), start=2):
            large = large.repeat_interleave(m // s, axis)
        expected = compute_pixel_average_precision(large, mask)
        torch.testing.assert_close(compute_pixel_average_precision(relevance, mask), expected, rtol=0, atol=0)

    @given(seed=st.integers(0, 999), levels=st.integers(1, 6), tie_seed=st.integers(0, 99), solid=st.booleans())
    @settings(max_examples=40, deadline=None)
    def test_equal_values_lie_between_the_worst_and_the_best_order(self, seed, levels, tie_seed, solid):
        size = (2, 4, 3) if solid else (5, 6)
        rng = np.random.default_rng(seed)
        relevance = torch.from_numpy(rng.integers(levels, size=(3, 1, *size))).float()
        _, mask = _draw(size, batch=3, seed=seed)
        result = compute_pixel_average_precision(relevance, mask, tie_seed)
        for r, m, value in zip(relevance.flatten(1).numpy(), mask.flatten(1).numpy(), result, strict=True):
            self.assertLessEqual(_loops(r - m / 2, m) - 1e-6, value)
            self.assertLessEqual(value, _loops(r + m / 2, m) + 1e-6)
            self.assertTrue(0 < value <= 1)

    @given(seed=st.integers(0, 999), levels=st.integers(1, 40))
    @settings(max_examples=30, deadline=None)
    def test_a_sample_counts_for_itself(self, seed, levels):
        rng = np.random.default_rng(seed)
        relevance = torch.from_numpy(rng.integers(levels, size=(4, 1, 3, 4))).float()
        _, mask = _draw((6, 8), batch=4, seed=seed)
        together = compute_pixel_average_precision(relevance, mask, seed)
        alone = [compute_pixel_average_precision(relevance[i, None], mask[i, None], seed) for i in range(4)]
        turned = compute_pixel_average_precision(relevance.flip(0), mask.flip(0), seed).flip(0)
        torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=0)
        torch.testing.assert_close(together, turned, rtol=0, atol=0)

    @given(seed=st.integers(0, 999), levels=st.integers(1, 20))
    @settings(max_examples=30, deadline=None)
    def test_only_the_order_counts(self, seed, levels):
        rng = np.random.default_rng(seed)
        # whole numbers, so that the maps below neither make nor break equality
        relevance = torch.from_numpy(rng.integers(levels, size=(3, 1, 3, 4))).double()
        _, mask = _draw((6, 8), batch=3, seed=seed)
        expected = compute_pixel_average_precision(relevance, mask)
        for image in (relevance**3 - 7, relevance.exp(), relevance / 1024, (relevance / 50).sigmoid()):
            torch.testing.assert_close(compute_pixel_average_precision(image, mask), expected, rtol=0, atol=0)

    @parameterized.expand([((6, 8),), ((3, 4, 5),)])
    def test_perfect_and_worst_map(self, size):
        _, mask = _draw(size)
        torch.testing.assert_close(compute_pixel_average_precision(mask.float(), mask), torch.ones(5))
        worst = compute_pixel_average_precision(-mask.float(), mask)
        for value, m in zip(worst, mask.flatten(1), strict=True):
            ranks = np.arange(m.sum().item()) + 1
            self.assertAlmostEqual(value.item(), np.mean(ranks / ((~m).sum().item() + ranks)), places=6)

    @parameterized.expand([("top", slice(0, 3)), ("bottom", slice(-3, None))])
    def test_a_map_that_says_nothing_scores_by_chance_wherever_the_mask_is(self, _name, rows):
        mask = torch.zeros(1, 1, 16, 16)
        mask[:, :, rows] = 1
        values = [compute_pixel_average_precision(torch.zeros(1, 1, 4, 4), mask, s).item() for s in range(200)]
        # E[y_j y_k] = P (P - 1) / (N (N - 1)) for j != k and P / N for j = k, summed over the definition
        cells, positive = 256, 48
        harmonic = sum(1 / k for k in range(1, cells + 1))
        expected = harmonic / cells + (positive - 1) * (cells - harmonic) / (cells * (cells - 1))
        self.assertAlmostEqual(np.mean(values), expected, delta=5 * np.std(values) / math.sqrt(200))
        self.assertEqual(len(set(values)), 200)

    def test_empty_mask(self):
        relevance, mask = _draw((4, 4), batch=3)
        mask[1] = False
        self.assertEqual(compute_pixel_average_precision(relevance, mask).isnan().tolist(), [False, True, False])


class TestMetric(unittest.TestCase):
    @parameterized.expand([(False,), (True,)])
    def test_updates_accumulate_and_empty_masks_are_left_out(self, as_list):
        relevance, mask = _draw((4, 4))
        relevance = relevance.round(decimals=1)  # with equal values
        mask[1] = False
        expected = compute_pixel_average_precision(relevance, mask, seed=3)[[0, 2, 3, 4]].mean().item()
        metric = PixelAveragePrecisionMetric(seed=3)
        for part in (slice(0, 2), slice(2, 5)):
            pair = (relevance[part], mask[part])
            metric(*[list(m) for m in pair] if as_list else pair)
        self.assertAlmostEqual(metric.aggregate(), expected, places=6)

    def test_only_empty_masks(self):
        metric = PixelAveragePrecisionMetric()
        metric(torch.ones(2, 1, 4, 4), torch.zeros(2, 1, 4, 4))
        self.assertTrue(math.isnan(metric.aggregate()))

    def test_direction(self):
        self.assertEqual(PixelAveragePrecisionMetric.better, "higher")


if __name__ == "__main__":
    unittest.main()
