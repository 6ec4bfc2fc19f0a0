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
"""Tests of masks of boxes, against the definition, cell by cell."""

from __future__ import annotations

import unittest

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import DataLoader, Dataset
from parameterized import parameterized

from monai_dd.transforms import BoxMask, BoxMaskd
from monai_dd.transforms.box_mask import BoxMaskD, BoxMaskDict

SIDES = st.tuples(st.integers(0, 63), st.integers(1, 64)).map(lambda p: (p[0] / 64, min(p[0] + p[1], 64) / 64))


def slow_mask(boxes: list[list[float]], num_classes: int, height: int, width: int) -> torch.Tensor:
    """The definition: a cell counts when its center is inside; the middle of a box stands in for centers it misses."""
    mask = torch.zeros(num_classes, height, width, dtype=torch.uint8)
    for index, top, left, bottom, right in boxes:
        rows = [i for i in range(height) if top <= (i + 0.5) / height < bottom]
        columns = [j for j in range(width) if left <= (j + 0.5) / width < right]
        rows = rows or [i for i in range(height) if i / height <= (top + bottom) / 2 < (i + 1) / height]
        columns = columns or [j for j in range(width) if j / width <= (left + right) / 2 < (j + 1) / width]
        for i in rows:
            for j in columns:
                mask[index, i, j] = 1
    return mask


class TestBoxMask(unittest.TestCase):
    def test_no_boxes(self):
        mask = BoxMask(3, (4, 5))([])
        self.assertEqual((mask.shape, mask.dtype, int(mask.sum())), ((3, 4, 5), torch.uint8, 0))

    def test_hand_drawn(self):
        # 4 rows, 8 columns; rows 1 and 2; columns 2, 3 and 4: centers 2.5/8 to 4.5/8
        mask = BoxMask(2, (4, 8))([[1, 0.25, 0.25, 0.75, 0.6]])
        expected = torch.tensor([[0] * 8, [0, 0, 1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0, 0], [0] * 8])
        self.assertTrue(torch.equal(mask[1].long(), expected))
        self.assertEqual(int(mask[0].sum()), 0)

    def test_whole_image_and_one_size(self):
        self.assertTrue(bool((BoxMask(1, 7)([[0, 0, 0, 1, 1]]) == 1).all()))

    def test_boxes_unite(self):
        first, second = [0, 0.0, 0.0, 0.5, 0.5], [0, 0.25, 0.25, 0.75, 0.75]
        draw = BoxMask(1, 8)
        self.assertTrue(torch.equal(draw([first, second]), draw([first]) | draw([second])))

    def test_thin_boxes_keep_a_cell(self):
        mask = BoxMask(1, (4, 4))([[0, 0.26, 0.01, 0.30, 0.02], [0, 0.99, 0.9999, 1.0, 1.0]])
        self.assertEqual(mask[0].nonzero().tolist(), [[1, 0], [3, 3]])

    # sides are 64ths and sizes powers of two, or 3 and 7, so that both ways of counting are exact or far from a tie
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 1), SIDES, SIDES), max_size=3),
        st.sampled_from([1, 4, 7, 16]),
        st.sampled_from([2, 3, 8]),
    )
    def test_definition(self, drawn, height, width):
        boxes = [[k, rows[0], columns[0], rows[1], columns[1]] for k, rows, columns in drawn]
        expected = slow_mask(boxes, 2, height, width)
        self.assertTrue(torch.equal(BoxMask(2, (height, width))(boxes), expected))

    @parameterized.expand(
        [
            ([[2, 0, 0, 1, 1]], "boxes: expected a class from 0 to 1, got 2"),
            ([[-1, 0, 0, 1, 1]], "boxes: expected a class from 0 to 1, got -1"),
            ([[0.5, 0, 0, 1, 1]], "boxes: expected a class from 0 to 1, got 0.5"),
            ([[0, 0, 0, 1]], r"boxes: expected class, top, left, bottom and right of each, got \[0, 0, 0, 1\]"),
            ([[0, 0.5, 0, 0.5, 1]], "top < bottom <= 1 .* got top 0.5, left 0, bottom 0.5, right 1"),
            ([[0, 0, 0.6, 1, 0.4]], "got top 0, left 0.6, bottom 1, right 0.4"),
            ([[0, -0.1, 0, 1, 1]], "got top -0.1"),
            ([[0, 0, 0, 1, 40]], "right 40"),
            ([[0, 0, 0, float("nan"), 1]], "bottom nan"),
        ]
    )
    def test_refuses_boxes(self, boxes, message):
        with self.assertRaisesRegex(ValueError, message):
            BoxMask(2, 4)(boxes)

    def test_refuses_arguments(self):
        with self.assertRaisesRegex(ValueError, "^num_classes: expected 1 or more, got 0$"):
            BoxMask(0, 4)
        with self.assertRaisesRegex(ValueError, r"^spatial_size: expected a height and width .*, got \(4, 0\)$"):
            BoxMask(1, (4, 0))


class TestBoxMaskd(unittest.TestCase):
    def test_aliases(self):
        self.assertIs(BoxMaskD, BoxMaskd)
        self.assertIs(BoxMaskDict, BoxMaskd)

    def test_replaces_boxes_and_leaves_the_rest(self):
        item = {"boxes": [[0, 0, 0, 0.5, 1]], "patient": "1"}
        out = BoxMaskd("boxes", 1, 2)(item)
        self.assertEqual(out["boxes"].tolist(), [[[1, 1], [0, 0]]])
        self.assertEqual((out["patient"], item["boxes"]), ("1", [[0, 0, 0, 0.5, 1]]))

    def test_missing_key(self):
        self.assertEqual(BoxMaskd("boxes", 1, 2, allow_missing_keys=True)({"x": 1}), {"x": 1})
        with self.assertRaisesRegex(KeyError, "boxes"):
            BoxMaskd("boxes", 1, 2)({"x": 1})

    def test_batches_of_different_numbers_of_boxes(self):
        items = [{"boxes": []}, {"boxes": [[0, 0, 0, 1, 1]]}, {"boxes": [[0, 0, 0, 0.5, 1], [1, 0, 0, 1, 1]]}]
        batch = next(iter(DataLoader(Dataset(items, BoxMaskd("boxes", 2, 2)), batch_size=3)))
        self.assertEqual(batch["boxes"].sum((2, 3)).tolist(), [[0, 0], [4, 0], [2, 4]])


if __name__ == "__main__":
    unittest.main()
