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
"""Tests of the table of localization accuracy."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from monai_dd.__main__ import main
from monai_dd.evaluation.tables.localization import localization_table
from tests.evaluation.figures.test_localization import _run


class TestTable(unittest.TestCase):
    def test_mean_over_classes_and_seeds(self):
        lines = localization_table([_run("robust"), _run(), _run(seed=1, methods=("cam", "saliency"))]).splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        self.assertEqual(cells[0], ["map", "runs", "T(IoU) 0.1", "T(IoU) 0.3", "T(IoU) 0.5"])
        # two classes 0.2 apart, two seeds 0.1 apart, by hand: 0.7 and 0.6 at 0.1, and Hernia has no number
        self.assertEqual(
            cells[2:],
            [
                ["baseline: saliency", "1", "60.0", "40.0", "20.0"],
                ["baseline: cam", "2", "65.0 ± 7.1", "45.0 ± 7.1", "25.0 ± 7.1"],
                ["robust: cam", "1", "70.0", "50.0", "30.0"],
            ],
        )

    def test_choice_and_class(self):
        runs = [_run(methods=("cam", "saliency")), _run("robust")]
        self.assertNotIn("saliency", localization_table(runs, methods=["cam"]))
        self.assertIn("| baseline: cam | 1    | -", localization_table(runs, ["baseline"], ["cam"], "Hernia"))
        with self.assertRaisesRegex(ValueError, "^variants: expected one of .*'dual'"):
            localization_table(runs, ["dual"])

    def test_command(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "localization.csv", Path(folder) / "table.md"
            columns = "method,class,iou_threshold,accuracy,images,seed,variant\n"
            source.write_text(columns + "cam,Mass,0.1,0.5,10,0,robust\n")
            self.assertEqual(main(["table", "localization", str(source), "--output", str(target)]), 0)
            self.assertIn("| robust: cam | 1    | 50.0", target.read_text())


if __name__ == "__main__":
    unittest.main()
