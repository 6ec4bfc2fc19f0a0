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
"""Tests of the localization of boxes by maps."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.metrics import BoxLocalizationMetric, boxes_to_mask, compute_box_iou, compute_box_localization

THRESHOLDS = (0.1, 0.3, 0.5)


def _loop_iou(relevance, mask):
    """One map ``(*S)`` and one mask ``(*M)``: every threshold by itself, the pixels as sets."""
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[mask.dim()]
    values = torch.nn.functional.interpolate(relevance[None, None].double(), tuple(mask.shape), mode=mode)[0, 0].numpy()
    span = values.max() - values.min()
    scaled = (values - values.min()) / span * 255 if span > 0 else np.zeros_like(values)
    box = {tuple(at) for at in np.argwhere(mask.numpy() > 0)}
    if not box:
        return [math.nan] * 256
    curve = []
    for t in range(256):
        above = {tuple(at) for at in np.argwhere(scaled > t)}
        curve.append(len(above & box) / len(above | box))
    return curve


def _loop_accuracy(curves, iou_threshold, folds, select, seed):
    """One class: every turn, every threshold, every image by itself; the division is that of the function."""
    curves = sorted((c for c in curves if not math.isnan(c[0])), key=lambda c: list(reversed(c)))
    if len(curves) < folds:
        return math.nan
    order = np.random.default_rng(seed).permutation(len(curves)).tolist()
    parts, start = [], 0
    for i in range(folds):
        size = len(order) // folds + (i < len(order) % folds)
        parts.append(order[start : start + size])
        start += size
    turns = []
    for part in parts:
        best = None
        for t in range(256):
            right = sum(curves[i][t] > iou_threshold for i in part)
            mean = sum(curves[i][t] for i in part) / len(part)
            quality = (right, round(mean, 12)) if select == "accuracy" else (round(mean, 12),)
            if best is None or quality > best[0]:
                best = (quality, t)
        rest = [i for i in order if i not in part]
        turns.append(sum(curves[i][best[1]] > iou_threshold for i in rest) / len(rest))
    return sum(turns) / folds


def _draw(seed, size, grid, batch=3, classes=2):
    """Noise on a grid, and boxes of which some are empty."""
    rng = np.random.default_rng(seed)
    ends = np.array([[sorted(rng.choice(n + 1, 2, replace=False)) for n in size] for _ in range(batch * classes)])
    mask = boxes_to_mask(torch.from_numpy(np.concatenate([ends[..., 0], ends[..., 1]], axis=1)), size)
    mask = mask.reshape(batch, classes, *size) & torch.from_numpy(rng.random((batch, classes)) > 0.3).reshape(
        batch, classes, *[1] * len(size)
    )
    return torch.from_numpy(rng.normal(size=(batch, classes, *grid))).float(), mask.float()


def _curves(seed, images=17, classes=3):
    """Curves of images whose best threshold lies about one place of each class; some images lack a class."""
    rng = np.random.default_rng(seed)
    place, width = rng.uniform(60, 200, (1, classes, 1)), rng.uniform(20, 120, (images, classes, 1))
    at = place + rng.normal(scale=30, size=(images, classes, 1))
    curves = rng.uniform(0.1, 0.9, (images, classes, 1)) * np.exp(-(((np.arange(256) - at) / width) ** 2))
    curves[rng.random((images, classes)) < 0.2] = np.nan
    return torch.from_numpy(curves).float()


class TestIoU(unittest.TestCase):
    @settings(max_examples=25, deadline=None)
    @given(
        st.integers(0, 10_000),
        st.sampled_from([((9, 7), (3, 4)), ((8, 8), (8, 8)), ((6, 6), (9, 5)), ((4, 5, 3), (2, 2, 2)), ((11,), (4,))]),
    )
    def test_equals_a_loop_over_thresholds_and_pixels(self, seed, sizes):
        relevance, mask = _draw(seed, *sizes)
        found = compute_box_iou(relevance, mask)
        expected = [[_loop_iou(r, m) for r, m in zip(*pair, strict=True)] for pair in zip(relevance, mask, strict=True)]
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)

    def test_by_hand(self):
        """Values 0, 51, 102, 255 after scaling, and a box around the last two."""
        relevance = torch.tensor([-1.0, 0.0, 1.0, 4.0]).reshape(1, 1, 1, 4)
        iou = compute_box_iou(relevance, torch.tensor([0, 0, 1, 1]).reshape(1, 1, 1, 4))[0, 0]
        expected = [2 / 3] * 51 + [1.0] * 51 + [1 / 2] * 153 + [0.0]
        np.testing.assert_allclose(iou, expected, rtol=1e-6)

    @parameterized.expand([(0.0,), (3.5,), (-1.0,)])
    def test_a_constant_map_finds_nothing(self, value):
        mask = torch.ones(1, 1, 4, 4)
        iou = compute_box_iou(torch.full((1, 1, 2, 2), value), mask)
        self.assertEqual(iou.unique().tolist(), [0.0])

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 10_000), st.sampled_from([0.25, 1.0, 8.0]), st.sampled_from([-4.0, 0.0, 2.0]))
    def test_scale_and_offset_of_a_map_do_not_matter(self, seed, scale, offset):
        """Small whole numbers and powers of two, so that nothing is rounded before the map is scaled."""
        relevance, mask = _draw(seed, (6, 6), (6, 6))
        relevance = (4 * relevance).round()
        expected = compute_box_iou(relevance, mask)
        torch.testing.assert_close(
            compute_box_iou(scale * relevance + offset, mask), expected, rtol=0, atol=0, equal_nan=True
        )

    def test_pairs_are_alone(self):
        relevance, mask = _draw(3, (9, 7), (3, 4))
        found = compute_box_iou(relevance, mask)
        self.assertTrue(0 < int(found.isnan().sum()) < found.numel())
        for i in range(3):
            for k in range(2):
                one = compute_box_iou(relevance[i : i + 1, k : k + 1], mask[i : i + 1, k : k + 1])
                torch.testing.assert_close(one[0, 0], found[i, k], rtol=0, atol=0, equal_nan=True)

    def test_maps_without_a_box_are_not_read(self):
        relevance, mask = torch.rand(2, 1, 4, 4), torch.zeros(2, 1, 8, 8)
        mask[0, 0, :4] = 1
        relevance[1] = math.nan
        self.assertEqual(compute_box_iou(relevance, mask).isnan().all(2).tolist(), [[False], [True]])
        self.assertTrue(compute_box_iou(relevance, torch.zeros_like(mask)).isnan().all())

    def test_bad_input(self):
        relevance, mask = _draw(0, (9, 7), (3, 4))
        for pair in (
            (relevance[:2], mask),
            (relevance[:, :1], mask),
            (relevance[0], mask[0, :, 0]),
            (mask[..., 0], mask),
        ):
            with self.assertRaisesRegex(
                ValueError, r"^relevance, mask: expected \(B, K, \*S\) and \(B, K, \*M\), got [^\n]*$"
            ):
                compute_box_iou(*pair)
        relevance[0, 0, 0, 0] = math.inf
        with self.assertRaisesRegex(ValueError, "^relevance: expected finite numbers, got 1 NaN or infinite$"):
            compute_box_iou(relevance, torch.ones_like(mask))


class TestLocalization(unittest.TestCase):
    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, 10_000), st.sampled_from(["accuracy", "mean_iou"]), st.integers(2, 5))
    def test_equals_loops(self, seed, select, folds):
        curves = _curves(seed)
        found = compute_box_localization(curves, THRESHOLDS, folds, select, seed=7)
        lists = curves.double().transpose(0, 1).tolist()
        expected = [[_loop_accuracy(c, t, folds, select, 7) for t in THRESHOLDS] for c in lists]
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)

    def test_by_hand(self):
        """Ten images that any threshold below 128 finds, one of them always missed: whatever the division, 0.9."""
        curves = torch.zeros(10, 1, 256)
        curves[:9, :, :128] = 0.6
        found = compute_box_localization(curves, (0.5, 0.6))
        torch.testing.assert_close(found, torch.tensor([[0.9, 0.0]], dtype=torch.float64))

    def test_the_threshold_comes_from_the_other_part(self):
        """Two images that need other thresholds: each is evaluated at the threshold of the other, and missed."""
        curves = torch.zeros(2, 1, 256)
        curves[0, 0, :100], curves[1, 0, 100:] = 0.8, 0.8
        for select in ("accuracy", "mean_iou"):
            self.assertEqual(float(compute_box_localization(curves, (0.5,), 2, select)), 0.0)

    def test_what_is_selected(self):
        """Above 0.5 lie more images at threshold 0, by their mean more at threshold 1; each is best at its own."""
        curves = torch.zeros(10, 1, 256)
        curves[:, 0, 0], curves[:, 0, 1] = 0.55, 0.45
        curves[::2, 0, 1] = 0.99
        for select, expected in (("accuracy", 1.0), ("mean_iou", 0.5)):
            self.assertAlmostEqual(float(compute_box_localization(curves, (0.5,), 2, select)), expected)

    def test_neither_order_nor_images_without_boxes_matter(self):
        curves = _curves(1)
        expected = compute_box_localization(curves, THRESHOLDS)
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(curves)))
        more = torch.cat([curves[order], torch.full((4, 3, 256), math.nan)])
        torch.testing.assert_close(compute_box_localization(more, THRESHOLDS), expected, rtol=0, atol=0)
        others = [compute_box_localization(curves, THRESHOLDS, seed=seed) for seed in range(1, 6)]
        self.assertTrue(any(not torch.equal(other, expected) for other in others))

    def test_classes_with_too_few_images(self):
        curves = _curves(0, images=6)
        curves[:, 0], curves[:2, 1], curves[:, 2] = math.nan, math.nan, 0.5
        found = compute_box_localization(curves, THRESHOLDS)
        self.assertEqual(found.isnan().all(1).tolist(), [True, True, False])
        self.assertFalse(compute_box_localization(curves, THRESHOLDS, folds=4)[1].isnan().any())

    def test_bad_input(self):
        curves = _curves(0)
        for options, line in (
            ({"folds": 1}, "folds: expected 2 or more, got 1"),
            (
                {"iou_thresholds": (0.5, 1.0)},
                r"iou_thresholds: expected numbers from 0 to less than 1, got \[0.5, 1.0\]",
            ),
            ({"iou_thresholds": ()}, r"iou_thresholds: expected numbers from 0 to less than 1, got \[\]"),
            ({"select": "best"}, r"select: expected one of \['accuracy', 'mean_iou'\], got 'best'"),
        ):
            with self.assertRaisesRegex(ValueError, f"^{line}$"):
                compute_box_localization(curves, **options)
            with self.assertRaisesRegex(ValueError, f"^{line}$"):
                BoxLocalizationMetric(**options)
        with self.assertRaisesRegex(ValueError, r"^iou: expected \(N, K, thresholds\), got \(17, 256\)$"):
            compute_box_localization(curves[:, 0])


class TestMetric(unittest.TestCase):
    @parameterized.expand([(False,), (True,)])
    def test_equals_the_functions(self, as_list):
        relevance, mask = _draw(5, (9, 7), (3, 4), batch=24)
        relevance = relevance + 3 * torch.nn.functional.interpolate(mask, (3, 4), mode="area")  # maps that find boxes
        expected = compute_box_localization(compute_box_iou(relevance, mask), THRESHOLDS, 3, seed=2)
        self.assertTrue(bool(((expected > 0.1) & (expected < 1)).any()))
        metric = BoxLocalizationMetric(THRESHOLDS, 3, seed=2)
        for _ in range(2):
            for part in (slice(0, 10), slice(10, 24)):
                pair = (relevance[part], mask[part])
                metric(*[list(m) for m in pair] if as_list else pair)
            torch.testing.assert_close(metric.aggregate(), expected, rtol=0, atol=0)
            self.assertEqual(metric.count_images().tolist(), mask.flatten(2).any(2).sum(0).tolist())
            metric.reset()

    def test_exactly_the_threshold_is_a_miss(self):
        """7 of 10 pixels at every threshold: not greater than 0.7."""
        relevance, mask = torch.zeros(5, 1, 1, 10), torch.ones(5, 1, 1, 10)
        relevance[..., :7] = 1
        metric = BoxLocalizationMetric((0.69, 0.7))
        metric(relevance, mask)
        self.assertEqual(metric.aggregate().tolist(), [[1.0, 0.0]])

    def test_no_boxes(self):
        metric = BoxLocalizationMetric(THRESHOLDS)
        metric(torch.rand(6, 2, 4, 4), torch.zeros(6, 2, 8, 8))
        self.assertTrue(metric.aggregate().isnan().all())
        self.assertEqual(metric.count_images().tolist(), [0, 0])
        self.assertEqual(BoxLocalizationMetric.better, "higher")
        with self.assertRaisesRegex(ValueError, "^BoxLocalizationMetric: expected a batch before aggregate"):
            BoxLocalizationMetric().aggregate()


if __name__ == "__main__":
    unittest.main()
