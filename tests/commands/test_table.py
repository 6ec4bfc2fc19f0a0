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
"""``monai-dd table``: what it prints and writes, and what it refuses."""

from __future__ import annotations

import unittest
from pathlib import Path

from parameterized import parameterized

from tests.commands.calls import InFolder, call
from tests.commands.results import write_results
from tests.evaluation.files import write_csv


class TestTable(InFolder):
    def setUp(self):
        super().setUp()
        write_results(self.folder / "results")

    def test_tables_that_have_values_are_printed(self):
        status, out, err = call("table", "explanations", "results")
        self.assertEqual((status, err), (0, ""))
        captions = [line.strip("*").split(":")[0] for line in out.splitlines() if line.startswith("**")]
        self.assertEqual(captions, ["Table 2", "Table 3", "Table, randomization"])
        self.assertIn("50.0 ± 0.0", out)

    def test_without_the_paper(self):
        write_csv(self.folder / "results" / "gated", [("a", "attention", "fine", "pixel_ap", 0.5, "dual_gated", 0)])
        for options, named in (([], True), (["--no_paper"], False)):
            status, out, _ = call("table", "explanations", "results", *options)
            self.assertEqual((status, "71.82" in out, "paper" in out), (0, named, named))

    def test_intervals(self):
        lines = [(i, "attention", "fine", "pixel_ap", 0.75, "exact", 0) for i in "ab"]
        write_csv(self.folder / "results" / "exact", lines)
        for options, expected in (
            (["--intervals"], ["mAP", "mAP, interval"]),
            (["--difference_to", "dual"], ["mAP", "mAP, interval", "mAP, difference"]),
            ([], ["mAP"]),
        ):
            options = ["--table", "2", "--resamples", "50", "--no_paper", *options]
            status, out, err = call("table", "explanations", "results", *options)
            self.assertEqual((status, err), (0, ""))
            header = next(line for line in out.splitlines() if line.startswith("| level"))
            self.assertEqual([name.strip() for name in header.strip("|").split("|")][4:], expected)
            self.assertEqual("over 50 resamples of the 2 images" in out, len(expected) > 1)

    def test_by_area(self):
        lines = [(i, "network", "", "area", 0.01 if i == "a" else 0.3, "dual", 0) for i in "ab"]
        write_csv(self.folder / "results" / "more", lines)
        options = ["--table", "area", "--area_edges", "0.2"]
        _, out, _ = call("table", "explanations", "results", *options)
        self.assertIn("pixel_ap, below 20 %, 1 images", out)
        self.assertIn("pixel_ap, above 20 %, 1 images", out)
        _, out, _ = call("table", "explanations", "results", *options, "--area_metric", "randomization_01_out")
        self.assertIn("randomization_01_out, above 20 %", out)

    def test_in_a_file(self):
        options = ["--format", "latex", "--table", "3", "--output", "tables.tex"]
        self.assertEqual(call("table", "explanations", "results", *options), (0, "tables.tex\n", ""))
        self.assertEqual(Path("tables.tex").read_text(encoding="utf-8").count(r"\begin{tabular}"), 1)
        self.assertEqual(self.files(), ["results", "tables.tex"])

    def test_localization_is_printed_or_written(self):
        status, out, err = call("table", "localization", "results", "--methods", "cam")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("| dual: cam | 1    | 50.0", out)
        self.assertEqual(call("table", "localization", "results", "--output", "x.md"), (0, "x.md\n", ""))
        self.assertEqual(Path("x.md").read_text(encoding="utf-8"), out)

    @parameterized.expand(
        [
            ("explanations none", "runs: expected files or folders, 'none' is not there"),
            ("explanations results --table 2 deletion", "table: expected values for deletion, "),
            ("explanations results --table area", "table: expected values for area, "),
            ("explanations results --area_edges 0.1 0.1", r"area_edges: expected shares above 0 and below 1 in rising"),
            ("explanations results --area_edges 1", r"area_edges: expected shares above 0 and below 1 in rising order"),
            ("explanations results --difference_to lime", r"difference_to: expected one of \['dual'\], got 'lime'"),
            ("explanations results --variants exact", r"variants: expected one of \['dual'\], got 'exact'"),
            ("explanations results --output results", "output: expected the name of a file, got the folder 'results'"),
            ("localization results --methods lime --output x.md", "methods: expected one of"),
        ]
    )
    def test_refusals(self, arguments, message):
        self.refuse(message, "table", *arguments.split())

    def test_missing_columns(self):
        write_csv(self.folder / "results" / "seed1", [], ["image", "value"])
        message = r".*explanations.csv: expected the columns image, .*; missing \['explainer', "
        self.refuse(message, "table", "explanations", "results")


if __name__ == "__main__":
    unittest.main()
