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
"""Tests of tables of explanations and of their formats."""

from __future__ import annotations

import csv
import io
import unittest

from parameterized import parameterized

from monai_dd.evaluation.explanations.bootstrap import Bootstrap
from monai_dd.evaluation.explanations.reader import Key, Run
from monai_dd.evaluation.explanations.summary import Measured, Row, explanation_rows
from monai_dd.evaluation.tables.explanations import TABLES, explanation_table
from monai_dd.evaluation.tables.formats import escape_latex, to_csv, to_latex, to_markdown


def _values(*values: float, images: int = 20) -> dict[int, Measured]:
    return {seed: Measured(value, images) for seed, value in enumerate(values)}


ROWS = [
    Row("baseline", "random", {("image", "pixel_ap"): _values(0.1), ("image", "perturbation_auc"): _values(0.2)}),
    Row(
        "dual_gated",
        "attention",
        {
            ("fine", "perturbation_auc"): _values(0.5, 0.6),
            ("coarse", "perturbation_auc"): _values(0.4, 0.4),
            ("fine", "pixel_ap"): {0: Measured(0.7, 18)},
            ("coarse", "pointing"): {0: Measured(1.0, 18), 1: Measured(0.9, 19)},
            ("fine", "randomization_01_out"): _values(0.9),
            ("fine", "randomization_02_block4"): _values(0.25),
        },
    ),
    Row(
        "dual_gated",
        "network",
        {("", "balanced_accuracy"): _values(0.8, 0.9), ("", "parameters"): _values(4.96e6, 4.96e6, images=1)},
    ),
]


def _rows_of(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|") and not line.startswith("|-")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


class TestTables(unittest.TestCase):
    def test_perturbation(self):
        header, control, dual = _rows_of(to_markdown([explanation_table("1", ROWS)]))
        paper = "paper (FDG-PET-MUAB)"
        columns = ["AUC, fine", f"AUC, fine, {paper}", "AUC, coarse", f"AUC, coarse, {paper}"]
        self.assertEqual(header, ["row", "in the paper", "runs", "images", *columns])
        self.assertEqual(control, ["baseline: random", "", "1", "20", "20.0", "", "20.0", ""])
        # (50 + 60) / 2 = 55; sqrt(5^2 + 5^2) = 7.07
        expected = ["dual_gated", "Dual", "2", "20", "55.0 ± 7.1", "32.48 ± 1.81", "40.0 ± 0.0", "27.59 ± 1.23"]
        self.assertEqual(dual, expected)

    def test_overlap(self):
        header, *lines = _rows_of(to_markdown([explanation_table("2", ROWS)]))
        # metrics that we have no values of have no columns, not even the paper's
        self.assertEqual(header[:5], ["level", "row", "in the paper", "runs", "images"])
        self.assertEqual(header[5:], ["mAP", "mAP, paper (BraTS18)", "pointing"])
        self.assertEqual(lines[0][:2], ["fine", "baseline: random"])
        self.assertEqual(lines[1][3:7], ["1", "18", "70.0", "71.82 ± 4.2"])  # one run has no value
        self.assertEqual(lines[3][:5], ["coarse", "dual_gated", "Dual", "2", "18-19"])
        self.assertEqual(lines[3][-1], "95.0 ± 7.1")

    def test_networks(self):
        header, line = _rows_of(to_markdown([explanation_table("3", ROWS)]))
        self.assertEqual(line[:4], ["dual_gated", "Dual", "2", "20"])
        cells = dict(zip(header, line))
        self.assertEqual(cells["balanced accuracy"], "85.0 ± 7.1")
        self.assertEqual(cells["balanced accuracy, paper (FDG-PET-MUAB)"], "82.79 ± 0.46")
        self.assertEqual(cells["parameters, M"], "5.0 ± 0.0")
        self.assertEqual(cells["parameters, M, paper (BraTS18)"], "4.9M")

    def test_numbers_of_runs_that_differ(self):
        row = Row("exact", "attention", {("fine", "pixel_ap"): _values(0.5, 0.6, 0.7), ("fine", "mass"): _values(0.5)})
        (line,) = _rows_of(to_markdown([explanation_table("2", [row])]))[1:]
        self.assertEqual(line[2], "1-3")

    @parameterized.expand([("dual", "attention"), ("unconstrained", "attention"), ("unconstrained", "consistent")])
    def test_other_settings_than_the_paper_s_stand_without_its_numbers(self, variant, explainer):
        values = {
            (level, name): _values(0.5) for level in ("fine", "coarse") for name in ("pixel_ap", "perturbation_auc")
        }
        for name in ("1", "2"):
            table = explanation_table(name, [Row(variant, explainer, values)])
            self.assertEqual({column.dataset for column in table.columns}, {None})
            self.assertEqual(table.lines[0].row.method, "")

    def test_randomization_has_a_column_for_each_layer(self):
        header, line = _rows_of(to_markdown([explanation_table("randomization", ROWS)]))
        self.assertEqual(header, ["level", "row", "runs", "images", "01 out", "02 block4"])
        self.assertEqual(line, ["fine", "dual_gated", "1", "20", "90.0", "25.0"])

    def test_a_table_without_values_has_no_lines(self):
        self.assertEqual(explanation_table("deletion", ROWS).lines, [])
        self.assertEqual([explanation_table(name, []).lines for name in TABLES], [[]] * len(TABLES))

    def test_refuses_names(self):
        with self.assertRaisesRegex(ValueError, r"^name: expected one of \['1', '2', .*\], got '4'$"):
            explanation_table("4", ROWS)

    def test_maps_of_one_resolution_only(self):
        header, line = _rows_of(to_markdown([explanation_table("1", ROWS[:1])]))
        self.assertEqual(header, ["row", "runs", "images", "AUC, image"])  # the paper has no such row
        self.assertEqual(line, ["baseline: random", "1", "20", "20.0"])


class TestIntervals(unittest.TestCase):
    """Two patients of one image each: a resample has one of them or both, its bounds are the two."""

    def setUp(self):
        self.runs = []
        for variant, explainer, values in (("exact", "attention", (0.2, 0.6)), ("baseline", "random", (0.125, 0.375))):
            run = Run(variant, 0)
            for image, value in enumerate(values):
                level = "fine" if explainer == "attention" else "image"
                run.add(Key(explainer, level, "pixel_ap"), str(image), value, f"patient {image}")
                run.add(Key("network", "", "label"), str(image), image)
                run.add(Key("network", "", "predicted"), str(image), int(variant == "baseline"))
                run.add(Key("network", "", "area"), str(image), 0.01 + 0.05 * image)
            run.add(Key("network", "", "parameters"), "", 5e6)
            self.runs.append(run)

    def table(self, name, reference=None, **options):
        rows = explanation_rows(self.runs, ("pixel_ap", (0.02, 0.05, 0.1)))
        return explanation_table(name, rows, False, Bootstrap(self.runs, **options), reference)

    def test_intervals(self):
        text = to_markdown([self.table("2")])
        header, control, exact = _rows_of(text)
        self.assertEqual(header[4:], ["mAP", "mAP, interval"])
        self.assertEqual((control[4:], exact[4:]), (["25.0", "12.5 to 37.5"], ["40.0", "20.0 to 60.0"]))
        self.assertIn("- 95 % intervals: percentiles over 2000 resamples of the 2 patients", text)

    def test_differences(self):
        text = to_markdown([self.table("2", "baseline: random")])
        header, control, exact = _rows_of(text)
        self.assertEqual(header[4:], ["mAP", "mAP, interval", "mAP, difference"])
        self.assertEqual((control[6], exact[6]), ("", "+15.0 (7.5 to 22.5)"))
        self.assertIn("- differences are to baseline: random at the same level", text)

    def test_networks_are_compared_with_the_network_of_the_row(self):
        header, baseline, exact = _rows_of(to_markdown([self.table("3", "baseline: random")]))
        cells = dict(zip(header, exact))
        self.assertEqual(cells["accuracy, difference"], "+0.0 (-100.0 to 100.0)")
        self.assertEqual(dict(zip(header, baseline))["accuracy, difference"], "")
        self.assertEqual([name for name in header if name.startswith("parameters")], ["parameters, M"])

    def test_csv(self):
        table = self.table("2", "baseline: random")
        control, exact = csv.DictReader(io.StringIO(to_csv([table])))
        names = ("low", "high", "difference", "difference_low", "difference_high")
        self.assertEqual([exact[name] for name in names], ["20", "60", "15", "7.5", "22.5"])
        self.assertEqual([control[name] for name in names], ["12.5", "37.5", "", "", ""])

    def test_by_area(self):
        rows = explanation_rows(self.runs, ("pixel_ap", (0.02, 0.05, 0.1)))
        header, control, exact = _rows_of(to_markdown([explanation_table("area", rows)]))
        titles = ["pixel_ap, below 2 %, 1 images", "pixel_ap, 5 to 10 %, 1 images"]
        self.assertEqual((header[4:], control[4:], exact[4:]), (titles, ["12.5", "37.5"], ["20.0", "60.0"]))
        many = explanation_rows(self.runs, ("pixel_ap", [0.02]))
        self.assertEqual(
            _rows_of(to_markdown([explanation_table("area", many)]))[0][5], "pixel_ap, above 2 %, 1 images"
        )
        cell = _rows_of(to_markdown([self.table("area", "exact")]))[1][6]
        self.assertEqual(cell, "-7.5 (-7.5 to -7.5)")  # of the one patient there is, whenever drawn

    def test_refusals(self):
        with self.assertRaisesRegex(ValueError, r"^difference_to: expected one of \['baseline: random', .*got 'lime'$"):
            self.table("2", "lime")
        with self.assertRaisesRegex(ValueError, "^reference: expected a bootstrap to compare with, got none$"):
            explanation_table("2", explanation_rows(self.runs), reference="exact")


class TestFormats(unittest.TestCase):
    def test_markdown_has_captions_and_notes(self):
        text = to_markdown([explanation_table("1", ROWS), explanation_table("3", ROWS)])
        self.assertEqual(
            [line[:10] for line in text.splitlines() if line.startswith("**")], ["**Table 1:", "**Table 3:"]
        )
        self.assertIn("- the printed areas lie below 33.3", text)
        self.assertEqual(text.count("- paper: Ron et al., ICML 2022"), 2)
        self.assertNotIn("paper", to_markdown([explanation_table("1", ROWS[:1])]))  # nothing of the paper to show
        for name in ("1", "2", "3"):
            self.assertNotIn("paper", to_markdown([explanation_table(name, ROWS, paper=False)]))

    def test_latex(self):
        text = to_latex([explanation_table("1", ROWS)])
        lines = [line for line in text.splitlines() if not line.startswith("%")]
        self.assertEqual(lines[0], r"\begin{tabular}{llrrrrrr}")
        self.assertEqual(
            [line for line in lines if line.startswith("\\")], [lines[0], *[r"\hline"] * 3, r"\end{tabular}"]
        )
        body = [line for line in lines if not line.startswith("\\")]
        self.assertEqual({line.count("&") for line in body}, {7})
        self.assertTrue(all(line.endswith(r" \\") for line in body))
        self.assertIn(r"dual\_gated & Dual & 2 & 20 & 55.0 $\pm$ 7.1 & 32.48 $\pm$ 1.81", text)

    @parameterized.expand(
        [
            ("a_b & 5%", r"a\_b \& 5\%"),
            ("KL(τ^k, Σ τ^l)", r"KL($\tau^{k}$, $\sum$ $\tau^{l}$)"),
            ("x^2 \\ {y} ~ #$", r"x\textasciicircum{}2 \textbackslash{} \{y\} \textasciitilde{} \#\$"),
            ("1 ± 2", r"1 $\pm$ 2"),
        ]
    )
    def test_escape(self, text, expected):
        self.assertEqual(escape_latex(text), expected)

    def test_csv_has_every_number(self):
        lines = list(csv.DictReader(io.StringIO(to_csv([explanation_table(name, ROWS) for name in ("1", "2", "3")]))))
        cells = {(line["table"], line["row"], line["level"], line["metric"]): line for line in lines}
        self.assertEqual(len(cells), 4 + 4 + 2)
        self.assertEqual(len(lines), len(cells) + 1)  # a number of parameters has two of the paper next to it
        dual = cells["1", "dual_gated", "fine", "perturbation_auc"]
        self.assertAlmostEqual(float(dual["mean"]), 55, places=4)
        self.assertAlmostEqual(float(dual["sd"]), 50**0.5, places=4)
        self.assertEqual([dual["runs"], dual["images"], dual["unit"]], ["2", "20", "percent"])
        self.assertEqual(
            [dual["paper_dataset"], dual["paper_mean"], dual["paper_sd"]], ["FDG-PET-MUAB", "32.48", "1.81"]
        )
        control = cells["1", "baseline: random", "coarse", "perturbation_auc"]
        self.assertEqual([control["mean"], control["sd"], control["paper_mean"]], ["20", "", ""])
        some = cells["2", "dual_gated", "fine", "pixel_ap"]  # one run has no value
        self.assertEqual([some["mean"], some["sd"], some["runs"], some["images"]], ["70", "", "1", "18"])
        parameters = [line for line in lines if line["metric"] == "parameters"]
        self.assertEqual([line["paper_mean"] for line in parameters], ["30.8", "4.9"])
        self.assertEqual(
            [(line["mean"], line["unit"], line["images"]) for line in parameters], [("4.96", "million", "")] * 2
        )


if __name__ == "__main__":
    unittest.main()
