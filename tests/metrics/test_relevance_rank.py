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
"""Tests of the relevance rank accuracy."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.metrics import compute_relevance_rank_accuracy


def _draw(size, batch=5, seed=0, levels=10_000):
    rng = np.random.default_rng(seed)
    relevance = torch.from_numpy(rng.integers(levels, size=(batch, 1, *size)).astype(float))
    mask = torch.from_numpy(rng.random((batch, 1, *size)) < 0.3)
    mask[:, :, *[0] * len(size)] = True
    return relevance, mask


def _loop(values, mask):
    top = set(np.argsort(-values)[: mask.sum()].tolist())
    return sum(i in top for i in np.flatnonzero(mask)) / mask.sum()


class TestRelevanceRankAccuracy(unittest.TestCase):
    @parameterized.expand([((6, 8),), ((3, 4, 5),), ((1, 9),)])
    def test_equals_a_loop(self, size):
        mask = _draw(size)[1]
        rng = np.random.default_rng(1)
        relevance = np.stack([rng.permutation(math.prod(size)) for _ in mask]).reshape(mask.shape)
        expected = [_loop(r.ravel(), m.ravel()) for r, m in zip(relevance, mask.numpy(), strict=True)]
        # one division in float32
        np.testing.assert_allclose(
            compute_relevance_rank_accuracy(torch.from_numpy(relevance), mask), expected, rtol=1e-6
        )

    @given(seed=st.integers(0, 999), levels=st.integers(1, 30), solid=st.booleans())
    @settings(max_examples=30, deadline=None)
    def test_only_the_order_counts_and_a_sample_counts_for_itself(self, seed, levels, solid):
        relevance, mask = _draw((2, 4, 3) if solid else (5, 6), 3, seed, levels)
        result = compute_relevance_rank_accuracy(relevance, mask, seed)
        for image in (relevance**3 - 7, relevance.exp(), relevance / 64):
            torch.testing.assert_close(compute_relevance_rank_accuracy(image, mask, seed), result, rtol=0, atol=0)
        alone = [compute_relevance_rank_accuracy(r[None], m[None], seed) for r, m in zip(relevance, mask, strict=True)]
        torch.testing.assert_close(torch.cat(alone), result, rtol=0, atol=0)
        torch.testing.assert_close(compute_relevance_rank_accuracy(mask.float(), mask), torch.ones(3))

    def test_coarse_maps_select_within_a_block_by_chance(self):
        relevance = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]])
        mask = torch.zeros(1, 1, 8, 8)
        mask[..., :2, 4:] = 1  # half of the block of the maximum
        values = [compute_relevance_rank_accuracy(relevance, mask, s).item() for s in range(200)]
        self.assertAlmostEqual(np.mean(values), 0.5, delta=5 * np.std(values) / 200**0.5)

    def test_empty_mask(self):
        relevance, mask = _draw((4, 4), 3)
        mask[1] = False
        self.assertEqual(compute_relevance_rank_accuracy(relevance, mask).isnan().tolist(), [False, True, False])


if __name__ == "__main__":
    unittest.main()
