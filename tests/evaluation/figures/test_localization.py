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
"""Tests of the figure of localization accuracy: what is drawn, and that it can be read."""

from __future__ import annotations

import math
import unittest

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from parameterized import parameterized

from monai_dd.evaluation.figures.localization import MEAN, localization_figure, localization_points
from monai_dd.evaluation.localization.reader import LocalizationRun


def _run(variant="baseline", seed=0, methods=("cam",), classes=("Mass", "Nodule", "Hernia")):
    run = LocalizationRun(variant, seed)
    for k, name in enumerate(classes):
        run.images[name] = 0 if name == "Hernia" else 10 + k
        for method in methods:
            for t in (0.5, 0.1, 0.3):
                value = 0.9 - t - 0.2 * k - 0.1 * seed
                run.accuracy[method, name, t] = math.nan if name == "Hernia" else value
    return run


class TestPoints(unittest.TestCase):
    def test_by_hand(self):
        runs = [_run(), _run(seed=1), _run("robust"), _run(seed=2, methods=("saliency",))]
        x, mean, sd = localization_points(runs, "baseline", "cam", "Nodule")
        np.testing.assert_allclose(x, [0.1, 0.3, 0.5])
        np.testing.assert_allclose(mean, [0.55, 0.35, 0.15])
        np.testing.assert_allclose(sd, [0.1 / np.sqrt(2)] * 3)
        mean, sd = localization_points(runs, "baseline", "cam", MEAN)[1:]  # over two classes, Hernia has no number
        np.testing.assert_allclose(mean, [0.65, 0.45, 0.25])
        np.testing.assert_allclose(sd, [0.1 / np.sqrt(2)] * 3)

    def test_one_run_and_none(self):
        mean, sd = localization_points([_run()], "baseline", "cam", "Mass")[1:]
        np.testing.assert_allclose(mean, [0.8, 0.6, 0.4])
        self.assertTrue(np.isnan(sd).all())
        self.assertEqual([len(part) for part in localization_points([_run()], "baseline", "cam", "Hernia")], [0, 0, 0])


class TestFigure(unittest.TestCase):
    def test_panels_lines_and_bands(self):
        figure = localization_figure([_run("robust"), _run(methods=("saliency", "cam")), _run(seed=1)])
        self.assertEqual([a.get_title() for a in figure.axes], ["Mass (10 images)", "Nodule (11 images)", MEAN])
        names = [text.get_text() for text in figure.legends[0].get_texts()]
        self.assertEqual(names, ["baseline: saliency", "baseline: cam", "robust: cam"])
        for axis in figure.axes:
            self.assertEqual(len(axis.lines), 3)
            self.assertEqual(len(axis.collections), 1)  # one line has two runs
            for line, handle in zip(axis.lines, figure.legends[0].get_lines(), strict=True):
                self.assertEqual(line.get_color(), handle.get_color())
        np.testing.assert_allclose(figure.axes[1].lines[2].get_xydata(), [[0.1, 60], [0.3, 40], [0.5, 20]])
        np.testing.assert_allclose(figure.axes[2].lines[1].get_ydata(), [65, 45, 25])
        title = figure.legends[0].get_title().get_text().replace("\n", " ")
        self.assertEqual(title, "bands: standard deviation over runs too few boxes: Hernia")

    def test_choice(self):
        runs = [_run(methods=("saliency", "cam")), _run("robust")]
        names = [t.get_text() for t in localization_figure(runs, methods=["cam"]).legends[0].get_texts()]
        self.assertEqual(names, ["baseline: cam", "robust: cam"])
        names = [t.get_text() for t in localization_figure(runs, variants=["baseline"]).legends[0].get_texts()]
        self.assertEqual(names, ["baseline: saliency", "baseline: cam"])

    @parameterized.expand([(1, 1), (8, 3), (14, 12)])
    def test_nothing_overlaps(self, classes, variants):
        names = [f"Pleural_Thickening_{k}" for k in range(classes)]
        runs = [_run(f"loss_attention_{v}", seed, classes=names) for v in range(variants) for seed in (0, 1)]
        figure = localization_figure(runs)
        self.assertEqual(len(figure.axes), classes + 1)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        boxes = [axis.get_tightbbox(renderer) for axis in figure.axes]
        boxes += [figure.legends[0].get_window_extent(renderer)]
        boxes += [text.get_window_extent(renderer) for text in figure.texts]
        for i, box in enumerate(boxes):
            self.assertTrue(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1)
            self.assertFalse(any(box.shrunk(0.99, 0.99).overlaps(other) for other in boxes[:i]))

    def test_refusals(self):
        for options, line in (
            ({"variants": ["no"]}, r"variants: expected one of \['baseline'\], got 'no'"),
            ({"methods": ["no"]}, r"methods: expected one of \['cam'\], got 'no'"),
        ):
            with self.assertRaisesRegex(ValueError, f"^{line}$"):
                localization_figure([_run()], **options)
        with self.assertRaisesRegex(
            ValueError, "^localization: expected a class with as many boxed images .* all have fewer$"
        ):
            localization_figure([_run(classes=("Hernia",))])


if __name__ == "__main__":
    unittest.main()
