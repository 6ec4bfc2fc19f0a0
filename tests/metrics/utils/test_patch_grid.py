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
"""Tests of where patches lie."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.metrics import boxes_to_mask, patch_boxes, patch_shares
from tests.metrics.patches import GEOMETRIES, draw, loop_boxes, loop_shares


class TestPatchBoxes(unittest.TestCase):
    @parameterized.expand([(g,) for g in GEOMETRIES])
    def test_equals_loops(self, geometry):
        self.assertEqual(patch_boxes(*geometry[1:]).tolist(), loop_boxes(*geometry[1:]))

    def test_are_what_a_convolution_sees(self):
        """A kernel of ones on an image with one bright pixel answers in the patches whose box holds that pixel."""
        boxes = patch_boxes((6, 6), 9, 4)
        for row, column in ((0, 0), (8, 13), (31, 4)):
            image = torch.zeros(1, 1, 32, 32)
            image[..., row, column] = 1
            answer = torch.nn.functional.conv2d(image, torch.ones(1, 1, 9, 9), stride=4).flatten() > 0
            at = torch.tensor([row, column])
            self.assertEqual(((boxes[:, :2] <= at) & (at < boxes[:, 2:])).all(1).tolist(), answer.tolist())

    def test_bad_arguments(self):
        with self.assertRaisesRegex(ValueError, "^kernel, stride: expected 1 or more, got 3 and 0$"):
            patch_boxes((2, 2), 3, 0)


class TestPatchShares(unittest.TestCase):
    @settings(max_examples=30, deadline=None)
    @given(st.sampled_from(GEOMETRIES[1:]), st.integers(0, 10_000), st.floats(0, 1))
    def test_equals_loops(self, geometry, seed, density):
        _, mask = draw(geometry, seed=seed, density=density)
        shares = patch_shares(mask, *geometry[1:])
        self.assertEqual(tuple(shares.shape), (3, 1, *geometry[1]))
        for found, one in zip(shares, mask, strict=True):
            expected = loop_shares(one[0].numpy(), *geometry[1:])
            # one division in float32
            np.testing.assert_allclose(found.flatten(), [float(share) for share in expected], rtol=1e-6)
            self.assertEqual((found.flatten() > 0.5).tolist(), [2 * share > 1 for share in expected])

    @parameterized.expand([((32, 32), (6, 6), 9, 4, 0), ((7, 7), (4, 4), 3, 2, 1), ((9, 9, 9), (4, 4, 4), 3, 2, 0)])
    def test_equals_average_pooling(self, size, grid, kernel, stride, padding):
        mask = (torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(0)) < 0.5).double()
        pool = torch.nn.functional.avg_pool2d if len(size) == 2 else torch.nn.functional.avg_pool3d
        expected = pool(mask, kernel, stride, padding, count_include_pad=False)
        torch.testing.assert_close(patch_shares(mask, grid, kernel, stride, padding).double(), expected)

    def test_exactly_half_is_not_more_than_half(self):
        mask = torch.zeros(1, 1, 4, 8)
        mask[..., :2] = 1
        self.assertEqual(patch_shares(mask, (1, 2), 4, 4).flatten().tolist(), [0.5, 0.0])

    def test_large_patches_of_an_encoder_with_strides(self):
        # 64 pixels, stride 2 in the encoder, then 9x9/4 on 32 cells: 6 patches of 18 pixels
        self.assertEqual(patch_shares(torch.ones(1, 1, 64, 64), (6, 6), 18, 8).unique().tolist(), [1.0])

    @parameterized.expand([((5, 5), 9, 4), ((9, 9), 9, 4), ((6, 6), 9, 2), ((9, 6), 9, 4)])
    def test_patches_that_do_not_fit(self, grid, kernel, stride):
        with self.assertRaisesRegex(
            ValueError, r"^kernel, stride, padding: expected [^\n]*\(32, 32\)[^\n]*got [^\n]*$"
        ):
            patch_shares(torch.ones(1, 1, 32, 32), grid, kernel, stride)

    @parameterized.expand([((1, 2, 8, 8),), ((1, 1, 8),)])
    def test_bad_mask(self, shape):
        with self.assertRaisesRegex(ValueError, r"^mask: expected \(B, 1, \*S\) with 2 axes, got [^\n]*$"):
            patch_shares(torch.ones(shape), (2, 2), 4, 4)


class TestBoxesToMask(unittest.TestCase):
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 10_000), st.sampled_from([(6,), (5, 7), (4, 3, 5)]))
    def test_equals_slices(self, seed, size):
        rng = np.random.default_rng(seed)
        low = rng.integers(-2, 5, (2, 3, len(size)))
        boxes = np.concatenate([low, low + rng.integers(0, 5, low.shape)], axis=-1)
        boxes[1, 2] = 0
        expected = np.zeros((2, 1, *size), dtype=bool)
        for i, image in enumerate(boxes):
            for box in image:
                corners = zip(box[: len(size)].clip(0), box[len(size) :].clip(0), strict=True)
                expected[(i, 0, *(slice(a, b) for a, b in corners))] = True
        found = boxes_to_mask(torch.from_numpy(boxes), size)
        self.assertEqual(found.tolist(), expected.tolist())
        first = boxes_to_mask(torch.from_numpy(boxes[:, 0]), size)
        self.assertEqual(first.tolist(), boxes_to_mask(torch.from_numpy(boxes[:, :1]), size).tolist())

    def test_bad_boxes(self):
        with self.assertRaisesRegex(ValueError, r"^boxes: expected \(B, 4\) or [^\n]*got \(2, 6\)$"):
            boxes_to_mask(torch.zeros(2, 6), (4, 4))


if __name__ == "__main__":
    unittest.main()
