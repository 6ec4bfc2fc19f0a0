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
"""Tests of precision, recall and F-score of the selected patches."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.metrics import (
    PatchSelectionMetric,
    boxes_to_mask,
    compute_patch_selection,
    count_patches,
    patches_of_label,
    select_patches,
)
from tests.metrics.patches import GEOMETRIES, draw, loop_shares

GRID = (12, 9), (4, 3), 3, 3, 0


def _loop_counts(weights, mask, geometry, xi):
    shares = loop_shares(mask[0].numpy(), *geometry[1:])
    values = weights.flatten().tolist()
    selected = [w > np.float32(xi / len(values)) for w in values]
    inside = [2 * share > 1 for share in shares]
    return [sum(a and b for a, b in zip(selected, inside, strict=True)), sum(selected), sum(inside)]


def _divide(a, b):
    return a / b if b else math.nan


def _scores(both, selected, inside):
    if not inside:
        return [math.nan] * 3
    precision, recall = _divide(both, selected), both / inside
    harmonic = 2 * precision * recall / (precision + recall) if both else 0.0
    return [precision, recall, harmonic]


class TestPatchSelection(unittest.TestCase):
    @settings(max_examples=30, deadline=None)
    @given(st.sampled_from(GEOMETRIES[1:]), st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 1.0]))
    def test_equals_loops_for_every_sample_by_itself(self, geometry, seed, xi):
        weights, mask = draw(geometry, seed=seed)
        counts = count_patches(weights, mask, *geometry[2:], xi)
        expected = [_loop_counts(w, m, geometry, xi) for w, m in zip(weights, mask, strict=True)]
        self.assertEqual(counts.tolist(), expected)
        scores = compute_patch_selection(weights, mask, *geometry[2:], xi)
        np.testing.assert_allclose(scores, [_scores(*c) for c in expected], rtol=1e-6)  # divisions in float32

    def test_by_hand(self):
        # 2x2 patches of 4x4 pixels; the mask holds the upper two; selected are the left two
        mask = boxes_to_mask(torch.tensor([[0, 0, 4, 8]]), (8, 8))
        weights = torch.tensor([[[[0.7, 0.0], [0.3, 0.0]]]])
        self.assertEqual(compute_patch_selection(weights, mask, 4, 4).tolist(), [[0.5, 0.5, 0.5]])
        # 0.3 is not above 1.2 / 4: one selected, and it is inside
        torch.testing.assert_close(
            compute_patch_selection(weights, mask, 4, 4, xi=1.2), torch.tensor([[1.0, 0.5, 2 / 3]])
        )

    def test_nothing_selected_and_nothing_to_find(self):
        mask = torch.zeros(2, 1, 8, 8)
        mask[0, :, :4] = 1
        mask[1, :, 0, 0] = 1  # too small for any patch
        weights = torch.zeros(2, 1, 2, 2)
        weights[1] = 0.25
        scores = compute_patch_selection(weights, mask, 4, 4)
        np.testing.assert_array_equal(scores, [[math.nan, 0, 0], [math.nan] * 3])

    def test_select(self):
        weights = torch.tensor([[[[0.5, 0.1], [0.4, 0.0]]]])
        self.assertEqual(select_patches(weights).flatten().tolist(), [True, True, True, False])
        self.assertEqual(select_patches(weights, xi=0.4).flatten().tolist(), [True, False, True, False])

    def test_bad_input(self):
        weights, mask = draw(GRID)
        with self.assertRaisesRegex(
            ValueError, r"^weights, mask: expected \(B, 1, \*G\) and \(B, 1, \*S\), got [^\n]*$"
        ):
            count_patches(weights[:2], mask, *GRID[2:])
        with self.assertRaisesRegex(ValueError, "^weights: expected finite numbers, got 36 NaN or infinite$"):
            count_patches(weights * torch.nan, mask, *GRID[2:])


class TestPatchesOfLabel(unittest.TestCase):
    @parameterized.expand([((3,),), ((3, 1),)])
    def test_single_label(self, shape):
        logits = torch.randn(3, 4, 2, 3, generator=torch.Generator().manual_seed(0))
        target = torch.tensor([0, 3, 1])
        found = patches_of_label(logits, target.reshape(shape))
        for i in range(3):
            for at in np.ndindex(2, 3):
                patch = logits[(i, slice(None), *at)].tolist()
                self.assertEqual(bool(found[(i, 0, *at)]), patch.index(max(patch)) == int(target[i]))

    def test_multi_label(self):
        logits = torch.randn(3, 4, 2, 3, 2, generator=torch.Generator().manual_seed(0))
        target = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
        found = patches_of_label(logits, target, multi_label=True)
        for i in range(3):
            for at in np.ndindex(2, 3, 2):
                likely = torch.sigmoid(logits[(i, slice(None), *at)]) > 0.5
                expected = any(bool(a) and bool(b) for a, b in zip(likely, target[i], strict=True))
                self.assertEqual(bool(found[(i, 0, *at)]), expected)

    @parameterized.expand([(torch.zeros(3, 4), False), (torch.zeros(3), True), (torch.zeros(2), False)])
    def test_bad_target(self, target, multi_label):
        with self.assertRaisesRegex(ValueError, r"^target: expected \(3, [14]\), got [^\n]*$"):
            patches_of_label(torch.zeros(3, 4, 2, 2), target, multi_label)


class TestMetric(unittest.TestCase):
    @parameterized.expand([(m, as_list) for m in range(3) for as_list in (False, True)])
    def test_patches_are_pooled_and_images_without_one_inside_left_out(self, index, as_list):
        weights, mask = draw(GRID, batch=5, seed=3)
        counts = [_loop_counts(w, m, GRID, 0.1) for w, m in zip(weights, mask, strict=True)]
        kept = [c for c in counts if c[2]]
        self.assertTrue(0 < len(kept) < 5)
        metric = PatchSelectionMetric(*GRID[2:], 0.1, ["precision", "recall", "f_score"][index])
        for part in (slice(0, 2), slice(2, 5)):
            pair = (weights[part], mask[part])
            metric(*[list(m) for m in pair] if as_list else pair)
        self.assertAlmostEqual(metric.aggregate(), _scores(*map(sum, zip(*kept, strict=True)))[index], places=6)

    def test_f_score_follows_from_precision_and_recall_as_in_the_papers_table(self):
        weights, mask = draw(GRID, batch=8, seed=5)
        values = []
        for measure in ("precision", "recall", "f_score"):
            metric = PatchSelectionMetric(*GRID[2:], measure=measure)
            metric(weights, mask)
            values.append(metric.aggregate())
        precision, recall, f_score = values
        self.assertAlmostEqual(f_score, 2 * precision * recall / (precision + recall), places=6)

    def test_only_empty_masks(self):
        metric = PatchSelectionMetric(4, 4)
        metric(torch.ones(2, 1, 2, 2), torch.zeros(2, 1, 8, 8))
        self.assertTrue(math.isnan(metric.aggregate()))

    def test_options(self):
        self.assertEqual(PatchSelectionMetric.better, "higher")
        with self.assertRaisesRegex(ValueError, "^measure: expected one of [^\n]*got 'f1'$"):
            PatchSelectionMetric(4, 4, measure="f1")


if __name__ == "__main__":
    unittest.main()
