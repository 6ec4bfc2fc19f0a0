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
"""Tests of curves: what is drawn, where, and in which style."""

from __future__ import annotations

import re
import unittest

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from monai_dd.evaluation.explanations.summary import Measured, Row
from monai_dd.evaluation.figures.curves import curve, perturbation_figure, randomization_figure

FRACTIONS = ("0.00", "0.50", "1.00")


def _row(
    variant: str, levels: tuple[str, ...] = ("fine", "coarse"), seeds: int = 2, explainer: str = "attention"
) -> Row:
    row = Row(variant, explainer)
    for level in levels:
        for i, fraction in enumerate(FRACTIONS):
            values = {seed: Measured(0.9 - 0.2 * i - 0.1 * seed, 5) for seed in range(seeds)}
            row.measured[level, f"perturbation_{fraction}"] = values
        row.measured[level, "perturbation_auc"] = {0: Measured(0.5, 5)}
        row.measured[level, "randomization_02_block4"] = {0: Measured(0.25, 5)}
        row.measured[level, "randomization_01_out"] = {0: Measured(0.5, 5)}
    return row


class TestCurve(unittest.TestCase):
    def test_points_by_hand(self):
        x, mean, sd = curve(_row("dual"), "fine", re.compile(r"perturbation_([\d.]+)"))
        np.testing.assert_allclose(x, [0, 0.5, 1])
        np.testing.assert_allclose(mean, [0.85, 0.65, 0.45])
        np.testing.assert_allclose(sd, [0.1 / np.sqrt(2)] * 3)

    def test_one_run_has_no_deviation(self):
        _, mean, sd = curve(_row("dual", seeds=1), "fine", re.compile(r"perturbation_([\d.]+)"))
        np.testing.assert_allclose(mean, [0.9, 0.7, 0.5])
        self.assertTrue(np.isnan(sd).all())

    def test_no_points(self):
        self.assertEqual([len(part) for part in curve(_row("dual"), "fine", re.compile("x(.)"))], [0, 0, 0])


class TestFigures(unittest.TestCase):
    def test_panels_lines_and_bands(self):
        control = _row("baseline", ("image",), 1, "random")
        figure = perturbation_figure([control, _row("dual"), _row("tau_fine_gated", ("fine",), 1)])
        fine, coarse = figure.axes
        self.assertEqual([fine.get_title(), coarse.get_title()], ["fine", "coarse"])
        self.assertEqual([len(axis.lines) for axis in figure.axes], [3, 2])  # the control stands in both panels
        self.assertEqual([len(axis.collections) for axis in figure.axes], [1, 1])  # bands where there are two runs
        np.testing.assert_allclose(fine.lines[1].get_xydata(), [[0, 85], [50, 65], [100, 45]])
        band = fine.collections[0].get_paths()[0].vertices[:, 1]
        half = 10 / np.sqrt(2)
        np.testing.assert_allclose([band.min(), band.max()], [45 - half, 85 + half])
        names = [text.get_text() for text in figure.legends[0].get_texts()]
        self.assertEqual(names, ["baseline: random", "dual", "tau_fine_gated"])

    def test_styles_tell_28_rows_apart(self):
        figure = perturbation_figure([_row(f"variant{i}", seeds=1) for i in range(28)])
        for axis in figure.axes:
            self.assertEqual(len({(to_hex(line.get_color()), line.get_linestyle()) for line in axis.lines}), 28)

    def test_a_row_looks_the_same_in_all_panels(self):
        figure = perturbation_figure([_row("tau_fine_gated", ("fine",)), _row("dual")])
        fine, coarse = figure.axes
        self.assertEqual(fine.lines[1].get_color(), coarse.lines[0].get_color())
        self.assertNotEqual(fine.lines[0].get_color(), coarse.lines[0].get_color())

    def test_legend_lies_next_to_the_panels(self):
        """Nothing overlaps, with names as long as they come and more rows than a column of the legend holds."""
        figure = perturbation_figure([_row(f"unconstrained_gated_number_{i}") for i in range(30)])
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        legend = figure.legends[0].get_window_extent(canvas.get_renderer())
        panels = [axis.get_tightbbox(canvas.get_renderer()) for axis in figure.axes]
        self.assertLess(panels[0].x1, panels[1].x0)
        self.assertLess(panels[1].x1, legend.x0)
        self.assertGreaterEqual(legend.y0, 0)
        self.assertLessEqual(legend.x1, figure.bbox.x1)
        self.assertLessEqual(legend.y1, figure.bbox.y1)
        self.assertGreater(figure.axes[0].get_window_extent().width, 200)

    def test_randomization(self):
        figure = randomization_figure([_row("dual")])
        np.testing.assert_allclose(figure.axes[0].lines[0].get_xydata(), [[1, 50], [2, 25]])
        self.assertEqual(figure.axes[0].get_xlabel(), "randomized layers, from the last one")

    def test_nothing_to_draw(self):
        empty = Row("dual", "attention", {("fine", "perturbation_auc"): {0: Measured(0.5, 1)}})
        with self.assertRaisesRegex(
            ValueError, "^curves: expected values of perturbation_<fraction>, the files have none$"
        ):
            perturbation_figure([empty])
        with self.assertRaisesRegex(ValueError, "^curves: expected values of randomization_<k>_<layer>, "):
            randomization_figure([empty])


if __name__ == "__main__":
    unittest.main()
