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
"""Tests of the intersection over union at a quantile."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.metrics import compute_quantile_iou

SIZES = [(8, 12), (9, 5), (4, 6, 4), (1, 7), (16, 17)]
QUANTILES = (0.975, 0.95, 0.9, 0.5, 0.0)


def _draw(size, batch=4, seed=0, share=0.3, levels=None):
    rng = np.random.default_rng(seed)
    cells = math.prod(size)
    if levels is None:  # no equal values
        maps = np.stack([rng.permutation(cells) for _ in range(batch)]) / cells - 0.3
    else:
        maps = rng.integers(levels, size=(batch, cells)).astype(float)
    mask = rng.random((batch, 1, *size)) < share
    mask[:, :, *[0] * len(size)] = True
    return torch.from_numpy(maps.reshape(batch, 1, *size)), torch.from_numpy(mask)


def _loop(values, mask, quantile):
    selected = values > np.quantile(values, quantile)
    return (selected & mask).sum() / (selected | mask).sum()


class TestQuantileIoU(unittest.TestCase):
    @parameterized.expand([(s,) for s in SIZES])
    def test_equals_numpy_where_no_values_are_equal(self, size):
        relevance, mask = _draw(size)
        pairs = zip(relevance.numpy(), mask.numpy(), strict=True)
        expected = [[_loop(r, m, q) for q in QUANTILES] for r, m in pairs]
        # one division in float32
        np.testing.assert_allclose(compute_quantile_iou(relevance, mask, QUANTILES), expected, rtol=1e-6)

    @given(cells=st.integers(1, 400), quantile=st.floats(0, 0.999))
    @settings(max_examples=60, deadline=None)
    def test_selects_as_many_as_numpy_whatever_the_values(self, cells, quantile):
        place = quantile * (cells - 1)
        assume(abs(place - round(place)) > 1e-6)  # at a whole number numpy's own rounding decides
        values = np.random.default_rng(cells).permutation(cells).astype(float)
        number = (values > np.quantile(values, quantile)).sum()
        full = torch.ones(1, 1, 1, cells)
        for relevance in (torch.from_numpy(values).reshape(1, 1, 1, -1), torch.zeros(1, 1, 1, cells)):
            value = compute_quantile_iou(relevance, full, [quantile]).item()
            self.assertAlmostEqual(value * cells, number, delta=cells * 1e-6)

    @parameterized.expand(
        [(11, 0.9, 1), (21, 0.95, 1), (41, 0.975, 1), (41, 0.9, 4), (101, 0.95, 5), (65536, 0.9, 6554)]
    )
    def test_number_of_pixels_by_hand(self, cells, quantile, number):
        value = compute_quantile_iou(torch.zeros(1, 1, 1, cells), torch.ones(1, 1, 1, cells), [quantile])
        self.assertAlmostEqual(value.item(), number / cells, places=6)

    def test_by_hand(self):
        # of 10 pixels those with the values 9, 8 and 7 (quantile 0.7): the mask has two of them and one other
        relevance = torch.arange(10.0).reshape(1, 1, 2, 5)
        mask = torch.tensor([1, 0, 0, 0, 0, 0, 0, 0, 1, 1]).reshape(1, 1, 2, 5)
        self.assertAlmostEqual(compute_quantile_iou(relevance, mask, [0.7]).item(), 2 / 4, places=6)

    @given(seed=st.integers(0, 999), levels=st.integers(1, 30), solid=st.booleans())
    @settings(max_examples=30, deadline=None)
    def test_only_the_order_counts_and_a_sample_counts_for_itself(self, seed, levels, solid):
        relevance, mask = _draw((2, 4, 3) if solid else (5, 6), seed=seed, levels=levels)
        result = compute_quantile_iou(relevance, mask, QUANTILES, seed)
        for image in (relevance**3 - 7, relevance.exp(), relevance / 64):
            torch.testing.assert_close(compute_quantile_iou(image, mask, QUANTILES, seed), result, rtol=0, atol=0)
        alone = [compute_quantile_iou(r[None], m[None], QUANTILES, seed) for r, m in zip(relevance, mask, strict=True)]
        torch.testing.assert_close(torch.cat(alone), result, rtol=0, atol=0)
        self.assertTrue(((result >= 0) & (result <= 1)).all())

    @parameterized.expand([((6, 8),), ((3, 4, 5),)])
    def test_perfect_map_at_the_quantile_of_the_mask(self, size):
        _, mask = _draw(size)
        for i, m in enumerate(mask):
            cells, inside = m.numel(), int(m.sum())
            quantile = (cells - inside - 0.5) / (cells - 1)
            self.assertEqual(compute_quantile_iou(mask[i, None].float(), mask[i, None], [quantile]).item(), 1)

    def test_a_map_that_says_nothing_scores_by_chance_wherever_the_mask_is(self):
        mask = torch.zeros(1, 1, 16, 16)
        mask[:, :, :3] = 1
        values = [compute_quantile_iou(torch.zeros(1, 1, 4, 4), mask, [0.9], s).item() for s in range(200)]
        found = np.array(values) * (26 + 48) / (1 + np.array(values))  # intersection from the ratio
        # hypergeometric: 26 drawn of 256 with 48 inside
        self.assertAlmostEqual(found.mean(), 26 * 48 / 256, delta=5 * found.std() / math.sqrt(200))

    def test_empty_mask(self):
        relevance, mask = _draw((4, 4), batch=3)
        mask[1] = False
        nans = compute_quantile_iou(relevance, mask).isnan()
        self.assertEqual(nans.tolist(), [[False] * 3, [True] * 3, [False] * 3])

    @parameterized.expand([([1.0],), ([-0.1],), ([0.5, 97.5],), ([math.nan],)])
    def test_bad_quantiles(self, quantiles):
        line = "^quantiles: expected numbers from 0 to less than 1, got [^\n]*$"
        with self.assertRaisesRegex(ValueError, line):
            compute_quantile_iou(torch.rand(1, 1, 4, 4), torch.ones(1, 1, 4, 4), quantiles)


if __name__ == "__main__":
    unittest.main()
