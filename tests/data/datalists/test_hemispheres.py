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
"""Tests of the halves of one slice: labels beyond doubt, and the leak through their width."""

from __future__ import annotations

import unittest

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.data.datalists.hemispheres import label_halves, width_auc

SIZE = (16, 24)


def slice_of_brain(start: int = 2, stop: int = 22) -> np.ndarray:
    image = np.zeros(SIZE)
    image[2:14, start:stop] = 1
    return image


def tumor_in(start: int, stop: int) -> np.ndarray:
    """Ten rows of tumor in the columns from ``start`` to ``stop - 1``."""
    mask = np.zeros(SIZE, dtype=bool)
    mask[3:13, start:stop] = True
    return mask


class TestLabels(unittest.TestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from(["boundary", "midline", "matched"]), st.integers(2, 21), st.integers(1, 20), st.data())
    def test_labels_are_beyond_doubt(self, mode, start, width, data):
        mask = tumor_in(start, min(start + width, 22))
        mask &= np.random.default_rng(data.draw(st.integers(0, 99))).random(SIZE) < 0.7
        min_area = data.draw(st.integers(1, 60))
        halves = label_halves(mode, slice_of_brain(), mask, min_area, 0.02)
        for half in halves:
            begin, end = half["window"]
            self.assertTrue(0 <= begin < end <= SIZE[1])
            area = int(mask[:, begin:end].sum())
            self.assertTrue(area == 0 if half["label"] == 0 else area >= min_area)
            self.assertEqual(half["width"], min(end, 22) - max(begin, 2))
        if mode != "midline":
            self.assertLessEqual(sum(half["label"] for half in halves), 1)
        if mode == "boundary" and mask.sum() >= min_area:  # the paper's: the whole tumor in one half
            positive = [half for half in halves if half["label"]]
            self.assertLessEqual(len(halves) - len(positive), 1)
            for half in positive:
                self.assertEqual(mask[:, slice(*half["window"])].sum(), mask.sum())
        if mode == "matched" and halves:
            self.assertEqual(sorted(half["label"] for half in halves), [0, 1])
            self.assertEqual(halves[0]["width"], halves[1]["width"])

    def test_little_tumor_is_neither(self):
        # ten pixels right of the middle column 12, thirty left of it
        mask = tumor_in(9, 13)
        (half,) = label_halves("midline", slice_of_brain(), mask, 20, 0.02)
        self.assertEqual((half["side"], half["window"], half["label"]), ("image_left", [0, 12], 1))
        self.assertEqual([h["label"] for h in label_halves("midline", slice_of_brain(), mask, 10, 0.02)], [1, 1])

    @parameterized.expand(["boundary", "matched"])
    def test_slices_with_little_tumor_do_not_count(self, mode):
        self.assertEqual(label_halves(mode, slice_of_brain(), tumor_in(4, 6), 21, 0.02), [])
        self.assertEqual(len(label_halves(mode, slice_of_brain(), tumor_in(4, 6), 20, 0.02)), 2)
        self.assertEqual(label_halves(mode, slice_of_brain(), np.zeros(SIZE, bool), 1, 0.02), [])

    def test_without_tumor_both_are_negative(self):
        halves = label_halves("midline", slice_of_brain(), np.zeros(SIZE, bool), 20, 0.02)
        self.assertEqual([half["label"] for half in halves], [0, 0])

    def test_negative_halves_have_brain(self):
        # tumor from column 4 to the one before the last of the brain: one column of 12 pixels is left of it
        mask = tumor_in(4, 21)
        self.assertEqual([h["label"] for h in label_halves("boundary", slice_of_brain(3), mask, 20, 12 / 384)], [0, 1])
        self.assertEqual([h["label"] for h in label_halves("boundary", slice_of_brain(3), mask, 20, 13 / 384)], [1])

    def test_tumor_that_fills_the_brain_in_mode_matched(self):
        self.assertEqual(label_halves("matched", slice_of_brain(), tumor_in(2, 22), 20, 0.02), [])

    def test_tumor_between_matched_windows(self):
        # cut at column 17: windows of three columns at the edges of the brain, 2 to 4 and 17 to 19, without tumor
        self.assertEqual(label_halves("matched", slice_of_brain(2, 20), tumor_in(6, 17), 20, 0), [])

    def test_slice_without_brain(self):
        for mode in ("boundary", "midline", "matched"):
            self.assertEqual(label_halves(mode, np.zeros(SIZE), tumor_in(4, 8), 20, 0.02), [])

    def test_threshold(self):
        noise = slice_of_brain() + 0.04
        left, right = label_halves("boundary", noise, tumor_in(4, 8), 20, 0.02, threshold=0.05)
        self.assertEqual((left["width"], right["width"]), (6, 14))
        left, right = label_halves("boundary", noise, tumor_in(4, 8), 20, 0.02)
        self.assertEqual((left["width"], right["width"]), (8, 16))


class TestWidthAuc(unittest.TestCase):
    @parameterized.expand(
        [
            ("tells all", [1, 2, 3, 4], [0, 0, 1, 1], 1.0),
            ("tells all, turned", [4, 3, 2, 1], [0, 0, 1, 1], 1.0),
            ("tells nothing", [5, 5, 5, 5], [0, 1, 0, 1], 0.5),
            # of the four pairs of a positive and a negative half the positive one is wider in three
            ("tells some", [1, 3, 2, 4], [0, 0, 1, 1], 0.75),
        ]
    )
    def test_by_hand(self, _name, widths, labels, expected):
        self.assertEqual(width_auc(widths, labels), expected)
