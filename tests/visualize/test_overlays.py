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
"""Tests of attention overlays and figures."""

from __future__ import annotations

import unittest

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from parameterized import parameterized

from monai_dd.visualize import attention_figure, overlay_attention
from monai_dd.visualize.overlays import centered_norm, resize_to


class TestResize(unittest.TestCase):
    def test_bilinear_by_hand(self):
        # centers 1/8, 3/8, 5/8, 7/8 between and beyond those of the cells at 1/4 and 3/4
        got = resize_to(np.array([[0.0, 4.0]]), (1, 4))
        np.testing.assert_allclose(got, [[0, 1, 3, 4]])

    def test_nearest(self):
        got = resize_to(np.array([[0, 1], [2, 3]]), (4, 4), "nearest-exact")
        np.testing.assert_array_equal(got, np.kron([[0, 1], [2, 3]], np.ones((2, 2))))

    def test_same_size_is_the_same(self):
        image = np.arange(12.0).reshape(3, 4)
        np.testing.assert_array_equal(resize_to(image, (3, 4)), image)

    def test_views_with_negative_strides(self):
        image = np.arange(12.0).reshape(3, 4)
        np.testing.assert_array_equal(resize_to(image[::-1], (3, 4)), image[::-1])


class TestOverlay(unittest.TestCase):
    def test_no_attention_shows_the_image(self):
        image = np.array([[0.0, 1.0], [0.4, 2.0]])
        for invert, gray in ((True, [[255, 0], [153, 0]]), (False, [[0, 255], [102, 255]])):
            got = overlay_attention(image, np.zeros((1, 1)), invert=invert)
            self.assertEqual((got.shape, got.dtype), ((2, 2, 3), np.uint8))
            np.testing.assert_array_equal(got, np.array(gray)[..., None].repeat(3, -1))

    @parameterized.expand(["viridis", "magma"])
    def test_maximum_has_the_color_at_the_asked_opacity(self, name):
        attention = np.array([[0.0, 0.2], [0.0, 0.8]])
        got = overlay_attention(np.zeros((2, 2)), attention, colormap=name, max_alpha=0.6)
        white, color = np.ones(3), np.array(colormaps[name](1.0)[:3])
        np.testing.assert_array_equal(got[1, 1], np.round(255 * (0.4 * white + 0.6 * color)))
        # a quarter of the maximum: half the opacity, as it goes with the square root
        color = np.array(colormaps[name](np.float32(0.25))[:3])
        np.testing.assert_array_equal(got[0, 1], np.round(255 * (0.7 * white + 0.3 * color)))

    def test_scale_of_attention_does_not_matter(self):
        rng = np.random.default_rng(0)
        image, attention = rng.random((16, 16)), rng.random((4, 4))
        a, b = overlay_attention(image, attention), overlay_attention(image, 1e-6 * attention)
        self.assertLessEqual(np.abs(a.astype(int) - b).max(), 1)  # rounding to eight bits

    @settings(max_examples=40, deadline=None)
    @given(
        hnp.arrays(np.float32, (6, 5), elements=st.floats(-1, 2, width=32)),
        hnp.arrays(np.float32, (3, 2), elements=st.floats(0, 1e6, width=32)),
        st.floats(0, 1),
        st.booleans(),
    )
    def test_always_a_picture(self, image, attention, max_alpha, invert):
        got = overlay_attention(image, attention, max_alpha=max_alpha, invert=invert)
        self.assertEqual((got.shape, got.dtype), ((6, 5, 3), np.uint8))

    def test_not_a_number_in_the_image_is_background(self):
        got = overlay_attention(np.array([[np.nan, 1.0]]), np.zeros((1, 2)))
        np.testing.assert_array_equal(got[0, :, 0], [255, 0])

    @parameterized.expand(
        [
            ("image", np.zeros((1, 4, 4)), np.zeros((2, 2)), r"two axes each, got the shapes \(1, 4, 4\) and \(2, 2\)"),
            (
                "attention",
                np.zeros((4, 4)),
                np.zeros((1, 2, 2)),
                r"two axes each, got the shapes \(4, 4\) and \(1, 2, 2\)",
            ),
            ("negative", np.zeros((4, 4)), np.array([[-1e-3, 1.0]]), "finite, non-negative"),
            ("nan", np.zeros((4, 4)), np.array([[np.nan, 1.0]]), "finite, non-negative"),
            ("inf", np.zeros((4, 4)), np.array([[np.inf, 1.0]]), "finite, non-negative"),
        ]
    )
    def test_refuses(self, _name, image, attention, message):
        with self.assertRaisesRegex(ValueError, message):
            overlay_attention(image, attention)

    def test_refuses_an_unknown_color_map(self):
        with self.assertRaisesRegex(ValueError, "^colormap: expected a name that matplotlib has, .*, got 'no'$"):
            overlay_attention(np.zeros((2, 2)), np.ones((2, 2)), colormap="no")


class TestFigure(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(0)
        self.image = rng.random((24, 12))
        self.maps = {"fine": rng.random((8, 4)), "coarse": rng.random((4, 2))}

    def _panels(self, figure) -> list:
        FigureCanvasAgg(figure).draw()
        return figure.axes

    def test_panels(self):
        axes = self._panels(attention_figure(self.image, self.maps, title="severe"))
        self.assertEqual([a.get_title() for a in axes], ["image", "fine (8x4)", "coarse (4x2)"])
        np.testing.assert_array_equal(axes[0].images[0].get_array(), self.image)
        np.testing.assert_array_equal(axes[1].images[0].get_array(), overlay_attention(self.image, self.maps["fine"]))
        self.assertFalse(any(a.axison for a in axes))

    def test_contributions_are_red_for_the_class_and_blue_against_it(self):
        values = np.array([[-2.0, 0.0], [1.0, 0.5]])
        axes = self._panels(
            attention_figure(self.image, self.maps, signed={"sum": values}, class_name="severe", aspect=2)
        )
        self.assertEqual([a.get_title() for a in axes[:4]], ["image", "fine (8x4)", "coarse (4x2)", "sum (2x2)"])
        drawn = axes[3].images[0]
        self.assertEqual(drawn.get_clim()[1], -drawn.get_clim()[0])
        colors = drawn.to_rgba(np.array([-2.0, 0.0, 2.0]))
        self.assertTrue(colors[0, 2] > colors[0, 0] + 0.2 and colors[2, 0] > colors[2, 2] + 0.2)
        np.testing.assert_allclose(colors[1, :3], 1, atol=0.05)
        self.assertEqual(axes[4].get_ylabel(), "red: for severe, blue: against it")
        boxes = [a.get_window_extent() for a in axes[:4]]  # the map lies as the image does
        for box in boxes[1:]:
            np.testing.assert_allclose([box.width, box.height], [boxes[0].width, boxes[0].height], rtol=1e-3)
        self.assertEqual((axes[3].get_xlim(), axes[3].get_ylim()), (axes[0].get_xlim(), axes[0].get_ylim()))

    def test_a_contribution_of_zero_has_a_scale(self):
        self.assertEqual(centered_norm([np.zeros((2, 2))]).vmax, 1)

    def test_no_maps(self):
        self.assertEqual(len(self._panels(attention_figure(self.image, {}))), 1)

    @parameterized.expand([(1.0,), (3.0,), (0.5,)])
    def test_aspect(self, aspect):
        for axis in self._panels(attention_figure(self.image, self.maps, aspect=aspect)):
            box = axis.get_window_extent()
            # 24 rows of height `aspect` over 12 columns of width 1; layout is to the pixel
            self.assertAlmostEqual(box.height / box.width, 2 * aspect, delta=0.02 * aspect)

    def test_rows_go_down(self):
        axis = self._panels(attention_figure(self.image, {}))[0]
        self.assertGreater(axis.get_ylim()[0], axis.get_ylim()[1])

    def test_mask(self):
        mask = np.zeros((24, 12))
        mask[6:12, 3:9] = 1
        with_mask = self._panels(attention_figure(self.image, self.maps, mask=mask))
        self.assertTrue(all(len(a.collections) == 1 for a in with_mask))
        corners = with_mask[0].collections[0].get_paths()[0].vertices
        np.testing.assert_allclose([corners.min(0), corners.max(0)], [[2.5, 5.5], [8.5, 11.5]])
        for empty in (None, np.zeros((24, 12))):
            without = self._panels(attention_figure(self.image, self.maps, mask=empty))
            self.assertTrue(all(len(a.collections) == 0 for a in without))
