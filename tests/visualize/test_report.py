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
"""The picture of a result: proportions, sides, and what it refuses."""

from __future__ import annotations

import unittest

import numpy as np
from parameterized import parameterized

from monai_dd.visualize import report_picture
from tests.evaluation.picture import panels


def draw(image, spacing=(4.0, 4.0), maps=None, headline="class", **kwargs):
    return report_picture(np.asarray(image, dtype=float), maps or {}, spacing, headline, **kwargs)


class TestProportions(unittest.TestCase):
    @parameterized.expand(
        [
            ("square_pixels", (60, 20), (4.0, 4.0)),
            ("tall_pixels", (40, 40), (5.0, 2.0)),
            ("wide_pixels", (200, 50), (1.0, 2.5)),
            ("as_wide_as_tall", (30, 60), (6.0, 3.0)),
        ]
    )
    def test_height_to_width_is_that_in_mm(self, _, shape, spacing):
        # a map of zeros leaves the image as it is: black all over
        picture = draw(np.ones(shape), spacing, {"one": np.zeros((2, 2)), "two": np.zeros((2, 2))})
        expected = shape[0] * spacing[0] / (shape[1] * spacing[1])
        found = panels(picture, (picture < 30).all(axis=-1))
        self.assertEqual(len(found), 3)
        for top, bottom, left, right in found:
            height, width = bottom - top, right - left
            # edges fall between pixels: one pixel more or less in both directions
            self.assertAlmostEqual(height / width, expected, delta=(1 + expected) * 1.5 / width)

    def test_fills_the_page(self):
        picture = draw(np.ones((60, 20)), maps={"one": np.zeros((2, 2))})
        for top, bottom, _, _ in panels(picture, (picture < 30).all(axis=-1)):
            self.assertGreater(bottom - top, 0.7 * len(picture))


class TestSides(unittest.TestCase):
    def setUp(self):
        """A dark mark in one corner, drawn with and without: the difference is the mark."""
        self.blank = draw(np.zeros((40, 40)))

    @parameterized.expand([("head_right", 0, 0), ("head_left", 0, 30), ("feet_right", 30, 0), ("feet_left", 30, 30)])
    def test_corner(self, _, row, column):
        image = np.zeros((40, 40))
        image[row : row + 10, column : column + 10] = 1
        changed = np.argwhere((draw(image) != self.blank).any(axis=-1))
        center = changed.mean(axis=0)
        everything = np.argwhere((draw(np.ones((40, 40))) != self.blank).any(axis=-1)).mean(axis=0)
        self.assertEqual(tuple(center > everything), (row > 0, column > 0))

    def test_attention_is_where_it_is(self):
        attention = np.zeros((4, 4))
        attention[3, 0] = 1
        none = draw(np.zeros((40, 40)), maps={"map": np.zeros((4, 4))})
        changed = np.argwhere((draw(np.zeros((40, 40)), maps={"map": attention}) != none).any(axis=-1))
        ((top, bottom, left, right),) = panels(
            none, (draw(np.ones((40, 40)), maps={"map": np.ones((4, 4))}) != none).any(axis=-1)
        )[1:]
        row, column = changed.mean(axis=0)
        self.assertGreater(row, (top + bottom) / 2)
        self.assertTrue(left <= column < (left + right) / 2)


class TestPicture(unittest.TestCase):
    def test_form(self):
        picture = draw(np.zeros((20, 10)), height=500, maps={"map": np.ones((2, 2))})
        self.assertEqual((picture.dtype, picture.shape[0], picture.shape[2]), (np.uint8, 500, 3))
        self.assertTrue(picture.flags["C_CONTIGUOUS"])

    def test_same_again(self):
        image = np.random.default_rng(0).random((20, 10))
        np.testing.assert_array_equal(draw(image), draw(image))

    def test_texts_are_drawn(self):
        image = np.zeros((20, 10))
        plain = draw(image, headline="normal")
        for other in (draw(image, headline="severe"), draw(image, headline="normal", footer=["research use only"])):
            self.assertTrue((other != plain).any())

    @parameterized.expand([((0.0, 1.0),), ((1.0, -2.0),), ((1.0,),), ((1.0, 1.0, 1.0),)])
    def test_spacing(self, spacing):
        with self.assertRaisesRegex(ValueError, "^spacing: expected two positive numbers of mm, got "):
            draw(np.zeros((4, 4)), spacing)

    @parameterized.expand([("negative", -1.0), ("nan", np.nan), ("infinite", np.inf)])
    def test_attention(self, _, value):
        with self.assertRaisesRegex(ValueError, "attention: expected finite, non-negative"):
            draw(np.zeros((4, 4)), maps={"map": np.full((2, 2), value)})


if __name__ == "__main__":
    unittest.main()
