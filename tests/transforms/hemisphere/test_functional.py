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
from __future__ import annotations

import os
import unittest
from pathlib import Path

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from parameterized import parameterized
from PIL import Image

from monai_dd.transforms.axial import LoadAxialSlice
from monai_dd.transforms.hemisphere import brain_columns, hemisphere_windows, midline_column

REAL = Path(os.environ["MONAI_DD_REAL_DATA"]) if "MONAI_DD_REAL_DATA" in os.environ else None
PATIENT = "brain_4mod/TCGA-DU-7294/TCGA-DU-7294_{}.nii.gz"
WIDTH = 40
# axial slices of different patients, with scalp: columns where the falx meets the skull in front and behind, read off
# the pictures by eye; the heads are turned by up to 6 degrees
T1C_AXIAL = [
    ("0078", 131, 122),
    ("0194", 138, 122),
    ("0716", 133, 124),
    ("1967", 133, 129),
    ("2151", 124, 129),
    ("2367", 121, 130),
]


def brain(seed, columns, rows=12):
    """Random intensities of an irregular silhouette without empty rim, not symmetric."""
    rng = np.random.default_rng(seed)
    image = rng.uniform(0.2, 1, (rows, columns)) * (rng.random((rows, columns)) < 0.8)
    image[rows // 2, [0, -1]] = 1
    return image


def placed(content, start, width=WIDTH):
    """Content at a column of a dark slice."""
    image = np.zeros((content.shape[0], width))
    image[:, start : start + content.shape[1]] = content
    return image


def obvious_extent(image):
    columns = [i for i in range(image.shape[1]) if any(value > 0 for value in image[:, i])]
    return columns[0], columns[-1] + 1


def obvious_windows(mode, image, mask):
    """Column by column, as the words say it."""
    columns = [i for i in range(mask.shape[1]) for j in range(mask.shape[0]) if mask[j, i]]
    if sum(columns) / len(columns) < mask.shape[1] / 2:
        cut = max(columns) + 1
    else:
        cut = min(columns)
    if mode == "boundary":
        return (0, cut), (cut, mask.shape[1])
    first, end = obvious_extent(image)
    width = 0
    while first + width < cut and end - width > cut:
        width += 1
    return (first, first + width), (end - width, end)


class TestMidline(unittest.TestCase):
    @given(st.integers(0, 10_000), st.integers(2, 12), st.integers(0, 16), st.sampled_from([0.0, 0.1]))
    @settings(max_examples=60, deadline=None)
    def test_exact_where_the_slice_is_symmetric(self, seed, half, start, threshold):
        left = brain(seed, half)
        image = placed(np.hstack([left, left[:, ::-1]]), start)
        self.assertEqual(midline_column(image, threshold), start + half)

    @given(st.integers(0, 10_000), st.integers(2, 12), st.integers(0, 15))
    @settings(max_examples=30, deadline=None)
    def test_plane_through_a_column(self, seed, half, start):
        """The plane halves the central column: its left edge is returned."""
        left = brain(seed, half)
        image = placed(np.hstack([left, np.ones((12, 1)), left[:, ::-1]]), start)
        self.assertEqual(midline_column(image), start + half)

    @given(st.integers(0, 10_000), st.integers(3, 24), st.integers(0, 8), st.integers(0, 8))
    @settings(max_examples=60, deadline=None)
    def test_moves_and_mirrors_with_the_slice(self, seed, columns, start, shift):
        content = brain(seed, columns)
        # no two planes score the same: then there is one answer to move and to mirror
        assume(not np.array_equal(content > 0, (content > 0)[:, ::-1]))
        image = placed(content, start)
        cut = midline_column(image)
        self.assertEqual(midline_column(placed(content, start + shift)), cut + shift)
        self.assertEqual(midline_column(image[:, ::-1].copy()), WIDTH - cut)

    def test_a_bright_tumor_on_one_side_does_not_move_it(self):
        y, x = np.mgrid[:60, :80]
        inside = ((x + 0.5 - 43) / 25) ** 2 + ((y - 30) / 28) ** 2 < 1  # symmetric about the boundary of column 43
        image = inside * (1 + 0.3 * np.cos((x + 0.5 - 43) / 3))
        tumor = inside & ((x - 37) ** 2 + (y - 25) ** 2 < 60)
        image[tumor] = 40
        self.assertEqual(midline_column(image), 43)
        self.assertNotEqual(round(float((image * (x + 0.5)).sum() / image.sum())), 43)  # unlike the center of mass

    def test_channels_count_equally(self):
        left = brain(3, 8)
        symmetric = placed(np.hstack([left, left[:, ::-1]]), 5)
        channels = np.stack([symmetric, 1000 * symmetric**2, np.zeros_like(symmetric)])
        self.assertEqual(midline_column(channels), 13)
        self.assertEqual(midline_column(torch.from_numpy(channels)), 13)
        np.testing.assert_array_equal(brain_columns(channels), (5, 21))

    def test_threshold_removes_noise_of_the_background(self):
        left = brain(5, 8)
        image = placed(np.hstack([left, left[:, ::-1]]), 3)
        noisy = np.maximum(image, 0.04 * (np.random.default_rng(0).random(image.shape) < 0.5))
        self.assertEqual(brain_columns(noisy), (0, WIDTH))
        self.assertEqual(brain_columns(noisy, 0.1), (3, 19))
        self.assertEqual(midline_column(noisy, 0.1), 11)

    @unittest.skipIf(REAL is None, "real data: MONAI_DD_REAL_DATA is not set")
    def test_slices_of_a_real_patient_agree(self):
        files, cuts = [REAL / PATIENT.format(name) for name in ("t1", "t1ce", "t2", "flair")], []
        for index in range(5, 150, 6):
            image = LoadAxialSlice()(files, index)
            if (image[0] > 0).sum() >= 3000:  # pixels of 1 mm^2: above the neck, below the vertex
                cuts.append(midline_column(image))
        self.assertGreaterEqual(len(cuts), 15)
        self.assertLessEqual(max(cuts) - min(cuts), 4)
        self.assertLessEqual(abs(np.median(cuts) - 119), 2)  # the falx in the picture

    @parameterized.expand(T1C_AXIAL)
    @unittest.skipIf(REAL is None, "real data: MONAI_DD_REAL_DATA is not set")
    def test_real_slices_with_scalp(self, name, front, back):
        image = np.asarray(Image.open(REAL / "brain_t1c" / "images" / f"{name}.jpg").convert("L"))
        for threshold in (0.05, 0.1):
            # the falx is bent, and read to about 2 columns at either end
            self.assertLessEqual(abs(midline_column(image, threshold) - (front + back) / 2), 4)


class TestWindows(unittest.TestCase):
    @given(st.integers(0, 10_000), st.sampled_from(["boundary", "matched"]), st.integers(1, 30))
    @settings(max_examples=80, deadline=None)
    def test_as_the_words_say(self, seed, mode, pixels):
        rng = np.random.default_rng(seed)
        image = placed(brain(seed, 30), 6)
        mask = np.zeros(image.shape, dtype=np.int64)
        first = rng.integers(7, 30)
        mask[rng.integers(0, 12, pixels), rng.integers(first, 35, pixels)] = rng.integers(1, 5, pixels)
        expected = obvious_windows(mode, image, mask)
        self.assertEqual(hemisphere_windows(mode, image, mask), expected)
        self.assertEqual(
            hemisphere_windows(mode, torch.from_numpy(image)[None], torch.from_numpy(mask)[None]), expected
        )
        (s0, e0), (s1, e1) = expected
        tumor_left = np.nonzero(mask)[1].mean() < WIDTH / 2
        healthy = mask[:, s1:e1] if tumor_left else mask[:, s0:e0]
        self.assertEqual(healthy.sum(), 0)
        if mode == "boundary":
            self.assertEqual((s0, e0, e1), (0, s1, WIDTH))
        else:
            self.assertEqual(e0 - s0, e1 - s1)
            self.assertLessEqual(e0, s1)
            self.assertEqual((s0, e1), brain_columns(image))

    @given(st.integers(0, 10_000))
    @settings(max_examples=20, deadline=None)
    def test_midline_partitions_the_columns(self, seed):
        image = placed(brain(seed, 30), 3)
        (s0, e0), (s1, e1) = hemisphere_windows("midline", image)
        self.assertEqual((s0, e0, e1), (0, s1, WIDTH))
        self.assertEqual(e0, midline_column(image))

    def test_by_hand(self):
        """A brain from column 4 to 15 of 20; a tumor in columns 5 and 6 is cut at 7, one in 12 and 13 at 12."""
        image, mask = np.zeros((3, 20)), np.zeros((3, 20))
        image[:, 4:16] = mask[1, 5:7] = 1
        self.assertEqual(hemisphere_windows("boundary", image, mask), ((0, 7), (7, 20)))
        self.assertEqual(hemisphere_windows("matched", image, mask), ((4, 7), (13, 16)))
        self.assertEqual(hemisphere_windows("midline", image), ((0, 10), (10, 20)))
        mask = mask[:, ::-1] * 1
        self.assertEqual(hemisphere_windows("boundary", image, mask), ((0, 13), (13, 20)))
        self.assertEqual(hemisphere_windows("matched", image, mask), ((4, 7), (13, 16)))

    def test_matched_cuts_a_crossing_tumor_short(self):
        image, mask = np.ones((3, 20)), np.zeros((3, 20))
        mask[1, 2:14] = 1
        self.assertEqual(hemisphere_windows("boundary", image, mask), ((0, 14), (14, 20)))
        self.assertEqual(hemisphere_windows("matched", image, mask), ((0, 6), (14, 20)))

    @parameterized.expand(
        [
            ("mode", "half", np.ones((4, 8)), np.eye(4, 8), "^mode: expected one of"),
            ("no_mask", "boundary", np.ones((4, 8)), None, "^mask: expected .* for mode boundary, .* got none"),
            (
                "empty_mask",
                "matched",
                np.ones((4, 8)),
                np.zeros((4, 8)),
                "^mask: expected .* for mode matched, .* got a mask without one",
            ),
            ("shape", "boundary", np.ones((4, 8)), np.ones((4, 9)), r"\(4, 8\) or \(1, 4, 8\) .* got \(4, 9\)"),
            ("channels", "boundary", np.ones((4, 8)), np.ones((2, 4, 8)), r"^mask: .* got \(2, 4, 8\)"),
            ("all_tumor", "boundary", np.ones((4, 8)), np.ones((4, 8)), "both sides of the cut at 8, .* image_right"),
            ("outside", "matched", np.eye(4, 8), np.eye(1, 8, 7).repeat(4, 0), "both sides of the cut at 7"),
            ("dark", "midline", np.zeros((4, 8)), None, "^image: expected a slice of the brain"),
            ("nan", "midline", np.full((4, 8), np.nan), None, "^image: .* NaN"),
            ("volume", "midline", np.ones((1, 2, 4, 8)), None, r"^image: .* got \(1, 2, 4, 8\)"),
        ]
    )
    def test_refuses(self, _, mode, image, mask, message):
        with self.assertRaisesRegex(ValueError, message) as caught:
            hemisphere_windows(mode, image, mask)
        self.assertNotIn("\n", str(caught.exception))

    def test_refuses_a_dark_slice(self):
        for image in (np.zeros((3, 4)), -np.ones((2, 3, 4))):
            with self.assertRaisesRegex(ValueError, "got no pixel above zero"):
                brain_columns(image)


if __name__ == "__main__":
    unittest.main()
