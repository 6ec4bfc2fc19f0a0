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
"""Tests of the figure of maps."""

from __future__ import annotations

import itertools
import tempfile
import unittest
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from parameterized import parameterized

from monai_dd.evaluation.figures.maps import map_figure, row_maximum, transparent_colormap
from monai_dd.evaluation.maps.reader import read_cases
from tests.evaluation.files import write_case

LONG = "integrated_gradients_of_a_very_long_name"


class TestScale(unittest.TestCase):
    def test_end_of_a_row(self):
        flat, peak = np.ones((10, 10)), np.zeros((10, 10))
        peak[0, 0] = 100.0
        self.assertEqual(row_maximum([flat]), 2.0)  # at least twice the uniform map
        self.assertEqual(row_maximum([]), 2.0)
        # 99.5 % of 99 steps is 98.505: from 0 to 100 between the last two
        self.assertAlmostEqual(row_maximum([peak]), 50.5)
        self.assertEqual(row_maximum([flat, flat, peak]), 2.0)  # one map cannot move the scale of all

    def test_opacity(self):
        colors = transparent_colormap("viridis", 0.8)
        np.testing.assert_allclose(colors([0, 255])[:, 3], [0, 0.8])
        np.testing.assert_allclose(colors(64)[3], 0.8 * (64 / 255) ** 0.5)
        np.testing.assert_allclose(colors(64)[:3], matplotlib.colormaps["viridis"](64)[:3])
        with self.assertRaisesRegex(ValueError, "^colormap: expected a name that matplotlib has, .*, got 'no'$"):
            transparent_colormap("no")


class TestFigure(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.rng = np.random.default_rng(0)

    def _write(self, count=2, explainers=("attention", "gradcam"), shape=(24, 12), spacing=(1.0, 1.0, 1.0), **info):
        mask = np.zeros(shape)
        mask[0:6, 3:9] = 1  # at the edge of the image
        for i in range(count):
            maps = {}
            for name in explainers:
                maps |= {f"{name}_fine": self.rng.random((8, 4)), f"{name}_coarse": self.rng.random((4, 2))}
            picture, variant = self.rng.random(shape), info.get("variant", "exact")
            more = {"image": str(i), "predicted": 1, **info}
            write_case(self.folder / variant / "maps" / f"case_{i:04d}", picture, maps, mask, spacing, **more)
        return self.folder

    def _draw(self, **arguments):
        figure = map_figure(read_cases([self.folder]), **arguments)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return figure, canvas.get_renderer()

    def test_content(self):
        self._write()
        figure, _ = self._draw()
        self.assertEqual(len(figure.axes), 2 * (1 + 2 + 1))  # image, two maps, bar of colors
        image, gradcam, attention, bar = figure.axes[:4]
        self.assertEqual([a.get_title() for a in figure.axes[:3]], ["image", "exact: gradcam", "exact"])
        self.assertTrue(all(a.get_title() == "" for a in figure.axes[4:]))
        self.assertEqual(image.get_ylabel(), "case_0000\nnormal")
        self.assertEqual([len(a.images) for a in (image, gradcam, attention)], [1, 2, 2])
        self.assertEqual(attention.images[1].get_array().shape, (8, 4))  # cells as they are
        self.assertEqual(attention.images[1].get_interpolation(), "nearest")
        self.assertAlmostEqual(float(attention.images[1].get_array().mean()), 1.0)
        self.assertEqual(attention.get_xlabel(), "predicted: severe")
        self.assertIn("map / its mean", bar.get_ylabel() + bar.get_xlabel())
        self.assertTrue(all(len(a.collections) == 1 for a in (image, gradcam, attention)))

    def test_one_scale_for_a_row(self):
        self._write(2)
        figure, _ = self._draw()
        for row in (figure.axes[:4], figure.axes[4:]):
            limits = {axis.images[1].get_clim() for axis in row[1:3]}
            self.assertEqual(len(limits), 1)
            maps = [np.asarray(axis.images[1].get_array()) for axis in row[1:3]]
            np.testing.assert_allclose(limits.pop(), (0, row_maximum(maps)))

    def test_maps_cover_the_image_and_the_contour_lies_on_the_mask(self):
        self._write(1, spacing=(2.0, 1.0, 1.0))
        figure, _ = self._draw()
        for axis in figure.axes[:3]:
            self.assertEqual({tuple(image.get_extent()) for image in axis.images}, {(0, 12, 48, 0)})
            corners = np.concatenate([path.vertices for path in axis.collections[0].get_paths()])
            # half a pixel about the centers of the outermost pixels of the mask, 2 mm high; closed at the edge
            np.testing.assert_allclose([corners.min(0), corners.max(0)], [[3, 0], [9, 12]])
            box = axis.get_window_extent()
            self.assertAlmostEqual(box.height / box.width, 48 / 12, places=6)

    def test_levels(self):
        self._write(1)
        coarse = {"attention_coarse": np.ones((4, 2))}
        write_case(self.folder / "c", np.zeros((24, 12)), coarse, image="0", variant="tau_coarse_gated", predicted=0)
        figure, _ = self._draw(levels=("fine", "coarse"))
        self.assertEqual(len(figure.axes), 2 * (1 + 3 + 1))
        titles = [axis.get_title() for axis in figure.axes[:4]]
        place = titles.index("tau_coarse_gated")
        # the only level that it has stands in both rows, and says so where it is another
        self.assertEqual(figure.axes[place].get_xlabel(), "coarse")
        self.assertEqual(figure.axes[5 + place].get_xlabel(), "")
        self.assertEqual([figure.axes[i].get_ylabel().split(", ")[-1] for i in (0, 5)], ["fine", "coarse"])

    def test_a_case_that_lacks_a_map(self):
        self._write(1, variant="exact")
        self._write(2, variant="dual")
        figure, _ = self._draw()
        texts = [text.get_text() for axis in figure.axes for text in axis.texts]
        self.assertEqual(texts.count("no map"), 2)

    @parameterized.expand([(1, 1), (8, 12), (3, 6)])
    def test_nothing_overlaps(self, count, columns):
        self._write(count, [f"{LONG}_{i}" for i in range(columns)])
        figure, renderer = self._draw()
        boxes = [axis.get_window_extent(renderer) for axis in figure.axes]
        for i, a in enumerate(boxes):
            for b in boxes[i + 1 :]:
                self.assertFalse(a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1)
        titles = [axis.title.get_window_extent(renderer) for axis in figure.axes[: columns + 1]]
        for a, b in itertools.pairwise(titles):
            self.assertLessEqual(a.x1, b.x0)
        foot = figure.texts[0].get_window_extent(renderer)
        self.assertLessEqual(foot.x1, figure.bbox.x1)
        self.assertGreaterEqual(foot.y0, 0)
        for axis in figure.axes:
            whole = axis.get_tightbbox(renderer)
            self.assertLessEqual(whole.x1, figure.bbox.x1 + 1)  # to the pixel
            self.assertLessEqual(whole.y1, figure.bbox.y1 + 1)
            self.assertGreaterEqual(whole.x0, -1)
            self.assertGreaterEqual(whole.y0, foot.y1 - 1)

    def _signed(self):
        values = np.array([[-0.5, 0.0], [0.25, 0.5], [0.0, 0.0], [0.0, 0.125]])
        maps = {"contribution_signed_fine": values, "attention_coarse": np.ones((4, 2))}
        write_case(self.folder / "s" / "case_0000", np.zeros((24, 12)), maps, np.ones((24, 12)), predicted=0)
        return values

    def test_a_map_with_a_sign_is_red_for_the_class_and_blue_against_it(self):
        values = self._signed()
        figure, _ = self._draw()
        titles = [axis.get_title() for axis in figure.axes]
        self.assertEqual(len(figure.axes), 1 + 2 + 2)  # image, two maps, two bars of colors
        drawn = figure.axes[titles.index("exact: contribution\nsigned")].images[1]
        np.testing.assert_allclose(drawn.get_array(), values * 8)  # the mean is the sum of the file's
        self.assertEqual(drawn.get_clim(), (-4, 4))
        (red, _, blue, opaque), white, (for_red, _, for_blue, _) = (drawn.to_rgba(v) for v in (-4.0, 0.0, 4.0))
        self.assertTrue(blue > red + 0.2 and for_red > for_blue + 0.2 and min(white[:3]) > 0.95 and opaque == 1)
        self.assertEqual(
            [axis.get_ylabel() for axis in figure.axes[3:]], ["map / its mean", "against (blue), for (red)"]
        )
        self.assertIn("red speaks for the class, blue against it", figure.texts[0].get_text().replace("\n", " "))

    def test_without_a_sign_nothing_is_said_of_it(self):
        self._write(1)
        self.assertNotIn("red", self._draw()[0].texts[0].get_text())

    def test_all_maps_of_a_row_with_a_sign_have_one_scale(self):
        self._signed()
        maps = {"contribution_signed_coarse": np.array([[-5.0]]), "contribution_signed_fine": np.ones((1, 1))}
        write_case(self.folder / "b", np.zeros((24, 12)), maps, variant="dual", predicted=0)
        columns = ["exact:contribution_signed/fine", "dual:contribution_signed/fine", "dual:contribution_signed/coarse"]
        figure, _ = self._draw(columns=columns)
        limits = {axis.images[1].get_clim() for axis in figure.axes[1:4]}
        self.assertEqual(len(limits), 1)
        # 99.5 % of the way through the ten magnitudes is 95.5 % of the step from 4 to 5
        np.testing.assert_allclose(limits.pop(), (-4.955, 4.955))

    def test_columns(self):
        self._write(2)
        self._signed()
        chosen = ["exact:attention/coarse", "exact:contribution_signed/fine", "exact:gradcam/fine"]
        cases = read_cases([self.folder / "exact"])
        figure = map_figure(cases, columns=[chosen[2], chosen[0]])
        self.assertEqual(
            [axis.get_title() for axis in figure.axes[:3]], ["image", "exact: gradcam, fine", "exact, coarse"]
        )
        self.assertEqual([axis.images[1].get_array().shape for axis in figure.axes[1:3]], [(8, 4), (4, 2)])
        self.assertEqual(len(figure.axes), 2 * (1 + 2 + 1))  # a row for each case
        self.assertEqual(figure.axes[0].get_ylabel(), "case_0000\nnormal")
        with self.assertRaisesRegex(
            ValueError, r"^columns: expected one of \['exact:attention/coarse', .*, got 'cam'$"
        ):
            map_figure(cases, columns=["cam"])

    def test_refuses_levels_that_are_not_there(self):
        self._write(1)
        with self.assertRaisesRegex(ValueError, r"^levels: expected maps at \['level1'\], found \['coarse', 'fine'\]$"):
            self._draw(levels=["level1"])


if __name__ == "__main__":
    unittest.main()
