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
"""Tests of the box around the selected patches."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.metrics import (
    PatchLocalizationMetric,
    boxes_to_mask,
    compute_patch_box_iou,
    mask_boxes,
    selected_boxes,
)
from tests.metrics.patches import GEOMETRIES, draw, loop_boxes

GRID = (12, 9), (4, 3), 3, 3, 0


def _loop_iou(weights, mask, geometry, xi):
    """Pixels of both boxes as sets."""
    size, grid = geometry[:2]
    values = weights.flatten().tolist()
    boxes = [
        box for box, w in zip(loop_boxes(grid, *geometry[2:]), values, strict=True) if w > np.float32(xi / len(values))
    ]
    inside = np.argwhere(mask[0].numpy() > 0)
    if len(inside) == 0:
        return math.nan
    axes = len(size)
    true = {at for at in np.ndindex(*size) if (at >= inside.min(0)).all() and (at <= inside.max(0)).all()}
    low = [min((box[a] for box in boxes), default=0) for a in range(axes)]
    high = [max((box[axes + a] for box in boxes), default=0) for a in range(axes)]
    found = {at for at in np.ndindex(*size) if all(a <= x < b for a, x, b in zip(low, at, high, strict=True))}
    return len(found & true) / len(found | true)


class TestBoxes(unittest.TestCase):
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 10_000), st.sampled_from([(6,), (5, 7), (4, 3, 5)]))
    def test_box_of_the_mask_of_a_box_is_that_box(self, seed, size):
        rng = np.random.default_rng(seed)
        ends = np.array([[sorted(rng.choice(length + 1, 2, replace=False)) for length in size] for _ in range(3)])
        boxes = torch.from_numpy(np.concatenate([ends[..., 0], ends[..., 1]], axis=1))
        boxes[1] = 0
        self.assertEqual(mask_boxes(boxes_to_mask(boxes, size)).tolist(), boxes.tolist())

    def test_selected(self):
        weights = torch.zeros(3, 1, 4, 4)
        weights[0, 0, 0, 1] = weights[0, 0, 2, 0] = 0.5
        weights[1, 0, 3, 3] = 1.0
        found = selected_boxes(weights, (7, 7), 3, 2, 1)
        # patches begin at -1, 1, 3 and 5; the edge of the image cuts the first and the last
        self.assertEqual(found.tolist(), [[0, 0, 6, 4], [5, 5, 7, 7], [0, 0, 0, 0]])


class TestIoU(unittest.TestCase):
    @settings(max_examples=30, deadline=None)
    @given(st.sampled_from(GEOMETRIES[1:]), st.integers(0, 10_000), st.sampled_from([0.0, 1.0, 2.0]))
    def test_equals_loops_for_every_sample_by_itself(self, geometry, seed, xi):
        weights, mask = draw(geometry, seed=seed)
        expected = [_loop_iou(w, m, geometry, xi) for w, m in zip(weights, mask, strict=True)]
        np.testing.assert_allclose(compute_patch_box_iou(weights, mask, *geometry[2:], xi), expected, rtol=1e-6)

    def test_bad_input(self):
        weights, mask = draw(GRID)
        with self.assertRaisesRegex(ValueError, "^weights: expected finite numbers, got [0-9]+ NaN or infinite$"):
            compute_patch_box_iou(weights * torch.nan, mask, *GRID[2:])
        with self.assertRaisesRegex(
            ValueError, r"^weights, mask: expected \(B, 1, \*G\) and \(B, 1, \*S\), got [^\n]*$"
        ):
            compute_patch_box_iou(weights[:2], mask, *GRID[2:])
        with self.assertRaisesRegex(ValueError, "^kernel, stride, padding: expected [^\n]*$"):
            compute_patch_box_iou(weights, mask, 9, 4)


class TestMetric(unittest.TestCase):
    @parameterized.expand([(False,), (True,)])
    def test_share_of_the_images_with_a_mask(self, as_list):
        weights, mask = draw(GRID, batch=9, seed=2, density=1.0)
        iou = [_loop_iou(w, m, GRID, 0.0) for w, m in zip(weights, mask, strict=True)]
        expected = np.mean([value > 0.3 for value in iou if not math.isnan(value)])
        self.assertTrue(0 < expected < 1)
        metric = PatchLocalizationMetric(*GRID[2:], min_iou=0.3)
        for part in (slice(0, 4), slice(4, 9)):
            pair = (weights[part], mask[part])
            metric(*[list(m) for m in pair] if as_list else pair)
        self.assertAlmostEqual(metric.aggregate(), expected, places=6)

    def test_exactly_the_threshold_is_a_miss(self):
        metric = PatchLocalizationMetric(4, 4)
        weights = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
        metric(weights, boxes_to_mask(torch.tensor([[0, 0, 4, 8]]), (8, 8)))  # the box is half of the mask
        self.assertEqual(metric.aggregate(), 0.0)
        metric(weights, boxes_to_mask(torch.tensor([[0, 0, 4, 7]]), (8, 8)))  # 16 of 28 pixels
        self.assertEqual(metric.aggregate(), 0.5)

    def test_only_empty_masks(self):
        metric = PatchLocalizationMetric(4, 4)
        metric(torch.ones(2, 1, 2, 2), torch.zeros(2, 1, 8, 8))
        self.assertTrue(math.isnan(metric.aggregate()))

    def test_options(self):
        self.assertEqual(PatchLocalizationMetric.better, "higher")
        with self.assertRaisesRegex(ValueError, "^min_iou: expected [^\n]*got 1$"):
            PatchLocalizationMetric(4, 4, min_iou=1)


if __name__ == "__main__":
    unittest.main()
