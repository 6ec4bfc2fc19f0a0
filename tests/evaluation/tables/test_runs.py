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
"""Tests of tables of runs."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from monai_dd.evaluation.runs import read_runs
from monai_dd.evaluation.tables.runs import format_table, summarize_runs

CSV = """variant,seed,metric,value
baseline,0,val_balanced_accuracy,0.9
baseline,1,val_balanced_accuracy,0.8
baseline,0,val_pixel_ap_fine,0.4
baseline,1,val_pixel_ap_fine,0.5
baseline,0,val_pixel_ap_coarse,0.3
exact,0,val_balanced_accuracy,0.9
exact,0,val_pixel_ap_fine,nan
"""


class TestTables(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "runs.csv"
        self.path.write_text(CSV)

    def test_rows(self):
        runs = read_runs(self.path)
        self.assertEqual(list(runs), ["baseline", "exact"])
        self.assertEqual(
            runs["baseline"], {"balanced_accuracy": [0.9, 0.8], "pixel_ap_fine": [0.4, 0.5], "pixel_ap_coarse": [0.3]}
        )
        self.assertEqual(list(runs["exact"]), ["balanced_accuracy", "pixel_ap_fine"])

    def test_mean_and_standard_deviation(self):
        table = summarize_runs(read_runs(self.path))
        self.assertEqual(table[0], ["variant", "runs", "balanced accuracy", "pixel mAP, fine", "pixel mAP, coarse"])
        # (90 + 80) / 2 = 85; sqrt((5^2 + 5^2) / 1) = 7.07
        self.assertEqual(table[1], ["baseline", "2", "85.0 ± 7.1", "45.0 ± 7.1", "30.0"])
        self.assertEqual(table[2], ["exact", "1", "90.0", "-", ""])

    def test_levels_between_are_columns(self):
        self.path.write_text("variant,seed,metric,value\nfour_level,0,val_pixel_ap_level1,0.5\n")
        table = summarize_runs(read_runs(self.path))
        self.assertEqual(table, [["variant", "runs", "pixel mAP, level 1"], ["four_level", "1", "50.0"]])

    def test_markdown(self):
        text = format_table([["a", "bb"], ["ccc", ""]])
        self.assertEqual(text, "| a   | bb |\n|-----|----|\n| ccc |    |\n")


if __name__ == "__main__":
    unittest.main()
