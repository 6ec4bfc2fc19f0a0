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
"""Tests of the pointing game."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.metrics import PointingGameMetric, compute_pointing_game


def _draw(size, mask_size, batch=5, seed=0, levels=3):
    rng = np.random.default_rng(seed)
    relevance = torch.from_numpy(rng.integers(levels, size=(batch, 1, *size))).float()
    return relevance, torch.from_numpy(rng.random((batch, 1, *mask_size)) < 0.4)


def _loops(relevance, mask):
    """Look at every pixel of the mask's grid: does it share the maximum, and is it inside."""
    highest, hits, ties = relevance.max(), 0, 0
    for at in np.ndindex(*mask.shape):
        place = tuple(int((i + 0.5) * r / m) for i, r, m in zip(at, relevance.shape, mask.shape, strict=True))
        if relevance[place] == highest:
            ties += 1
            hits += bool(mask[at])
    return hits / ties if mask.any() else math.nan


class TestPointingGame(unittest.TestCase):
    @given(seed=st.integers(0, 999), levels=st.integers(1, 50), solid=st.booleans())
    @settings(max_examples=40, deadline=None)
    def test_equals_loops_for_every_sample_by_itself(self, seed, levels, solid):
        relevance, mask = (
            _draw((2, 3, 2), (4, 3, 4), 3, seed, levels) if solid else _draw((3, 4), (6, 8), 3, seed, levels)
        )
        result = compute_pointing_game(relevance, mask)
        expected = [_loops(r[0].numpy(), m[0].numpy()) for r, m in zip(relevance, mask, strict=True)]
        np.testing.assert_allclose(result, expected, rtol=1e-6)  # one division in float32
        for image in (relevance**3, relevance.exp(), relevance / 64 - 5):
            torch.testing.assert_close(compute_pointing_game(image, mask), result, rtol=0, atol=0, equal_nan=True)

    def test_hit_and_miss(self):
        relevance = torch.zeros(2, 1, 4, 4)
        relevance[:, 0, 1, 2] = 1
        mask = torch.zeros(2, 1, 4, 4)
        mask[0, 0, 1, 2] = mask[1, 0, 2, 1] = 1
        self.assertEqual(compute_pointing_game(relevance, mask).tolist(), [1, 0])

    def test_the_block_of_a_coarse_cell_counts_by_its_share(self):
        relevance = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]])
        mask = torch.zeros(1, 1, 8, 8)
        mask[..., :1, :] = 1  # a quarter of the block of the maximum
        self.assertEqual(compute_pointing_game(relevance, mask).item(), 0.25)

    def test_a_map_that_says_nothing_scores_the_share_of_the_mask(self):
        _, mask = _draw((4, 4), (8, 8))
        expected = mask.float().flatten(1).mean(1)
        torch.testing.assert_close(compute_pointing_game(torch.full((5, 1, 4, 4), -3.0), mask), expected)

    def test_is_what_random_choices_hit_on_average(self):
        relevance, mask = _draw((4, 4), (8, 8), batch=1)
        large = torch.nn.functional.interpolate(relevance, size=(8, 8), mode="nearest-exact").flatten()
        rng = np.random.default_rng(0)
        tied = np.flatnonzero(large == large.max())
        hits = mask.flatten().numpy()[rng.choice(tied, size=4000)]
        # five standard errors of a share
        self.assertAlmostEqual(compute_pointing_game(relevance, mask).item(), hits.mean(), delta=5 * 0.5 / 4000**0.5)

    def test_empty_mask(self):
        relevance, mask = _draw((4, 4), (4, 4), batch=3)
        mask[1] = False
        self.assertEqual(compute_pointing_game(relevance, mask).isnan().tolist(), [False, True, False])


class TestMetric(unittest.TestCase):
    @parameterized.expand([(False,), (True,)])
    def test_updates_accumulate_and_empty_masks_are_left_out(self, as_list):
        relevance, mask = _draw((4, 4), (8, 8))
        mask[1] = False
        expected = compute_pointing_game(relevance, mask)[[0, 2, 3, 4]].mean().item()
        metric = PointingGameMetric()
        for part in (slice(0, 2), slice(2, 5)):
            pair = (relevance[part], mask[part])
            metric(*[list(m) for m in pair] if as_list else pair)
        self.assertAlmostEqual(metric.aggregate(), expected, places=6)

    def test_only_empty_masks(self):
        metric = PointingGameMetric()
        metric(torch.ones(2, 1, 4, 4), torch.zeros(2, 1, 4, 4))
        self.assertTrue(math.isnan(metric.aggregate()))

    def test_direction(self):
        self.assertEqual(PointingGameMetric.better, "higher")


if __name__ == "__main__":
    unittest.main()
