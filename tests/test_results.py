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
"""The pages of measured results: tables are those of the CSV files, and each page names the commands."""

from __future__ import annotations

import csv
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from parameterized import parameterized

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
PAGES = sorted(path.stem for path in RESULTS.glob("*.rst") if path.stem != "index")
TABLE = re.compile(r"^\.\. table: (\w+)\n.*?^\.\. end$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^\.\. code-block:: bash\n\n((?:   .*\n|\n)+)", re.MULTILINE)
PERCENT = re.compile(r"(?<![\d.])\d\d\.\d(?![\d.])")


def make_tables(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command of a copy of the folder."""
    command = [sys.executable, folder / "make_tables.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def read(page: str) -> str:
    """The text of a page."""
    return (RESULTS / f"{page}.rst").read_text("utf-8")


class TestResults(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "results"
        shutil.copytree(RESULTS, self.folder, ignore=shutil.ignore_patterns("__pycache__"))

    def change(self, name: str, before: str, after: str) -> None:
        """Replace a part of a file of the copy."""
        text = (self.folder / name).read_text("utf-8")
        self.assertIn(before, text)
        (self.folder / name).write_text(text.replace(before, after, 1), encoding="utf-8")

    def test_pages_are_up_to_date(self):
        checked = make_tables(RESULTS, "--check")
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_a_changed_csv_is_seen_and_written(self):
        self.change("chest_phantoms/auroc.csv", "85.6", "84.4")
        checked = make_tables(self.folder, "--check")
        self.assertEqual(checked.returncode, 1)
        self.assertEqual(len(checked.stderr.splitlines()), 1)
        self.assertIn("chest_phantoms.rst", checked.stderr)
        self.assertNotIn("84.4", (self.folder / "chest_phantoms.rst").read_text("utf-8"))
        self.assertEqual(make_tables(self.folder).stdout, "wrote chest_phantoms.rst\n")
        self.assertIn("84.4 ± 1.7", (self.folder / "chest_phantoms.rst").read_text("utf-8"))
        self.assertEqual(make_tables(self.folder, "--check").returncode, 0)

    def test_a_number_changed_in_a_page_is_seen(self):
        self.change("fdg_phantoms.rst", "45.1", "45.2")
        self.assertIn("fdg_phantoms.rst", make_tables(self.folder, "--check").stderr)

    @parameterized.expand(
        [
            ("short_row", "baseline,3,85.6", "85.6", "expected 4 cells"),
            ("no_first_cell", "baseline,3", ",3", "expected 4 cells and a first one"),
            ("no_number", "85.6 ± 1.7", "high", "expected a number"),
        ]
    )
    def test_a_wrong_csv_is_refused_in_one_line(self, _, before, after, message):
        self.change("chest_phantoms/auroc.csv", before, after)
        made = make_tables(self.folder)
        self.assertEqual(made.returncode, 1)
        self.assertEqual(len(made.stderr.splitlines()), 1)
        self.assertIn("chest_phantoms/auroc.csv", made.stderr)
        self.assertIn(message, made.stderr)

    def test_a_table_without_csv_is_refused(self):
        (self.folder / "chest_phantoms" / "auroc.csv").unlink()
        made = make_tables(self.folder, "--check")
        self.assertEqual(made.stderr, "chest_phantoms/auroc.csv: expected a CSV file, got none\n")

    def test_the_best_mean_is_bold(self):
        (self.folder / "chest_phantoms" / "auroc.csv").write_text(
            'map,mAP,deletion,entropy,"mAP, paper",mass\n'
            "a,9.8 ± 1.0,20.0,50.0,3.0,1.0\nb,10.1 ± 0.2,10.0,60.0,1.0,1.0\nc,,30.0,55.0,,1.0\n",
            encoding="utf-8",
        )
        make_tables(self.folder)
        text = (self.folder / "chest_phantoms.rst").read_text("utf-8")
        line = next(line for line in text.splitlines() if line.startswith("b "))
        self.assertEqual(line.split("  ", 1)[1].split(), ["**10.1", "±", "0.2**", "**10.0**", "60.0", "1.0", "1.0"])

    def test_sizes_are_those_of_the_networks(self):
        with open(RESULTS / "networks" / "sizes.csv", newline="", encoding="utf-8") as file:
            kept = list(csv.reader(file))
        self.assertEqual(runpy.run_path(str(RESULTS / "network_sizes.py"))["make_rows"](), kept)

    def test_receptive_fields_are_those_of_the_encoders(self):
        with open(RESULTS / "networks" / "receptive_fields.csv", newline="", encoding="utf-8") as file:
            kept = list(csv.reader(file))
        script = runpy.run_path(str(RESULTS / "receptive_fields.py"))
        self.assertEqual(script["make_rows"](), kept)
        # by hand: 1 + sum of (kernel - 1) times the stride so far
        lite = {row[1]: int(row[3]) for row in kept if row[0] == "EfficientNet-Lite0, 8 blocks"}
        self.assertEqual(lite, {"block1": 7, "block2": 19, "block3": 67, "block4": 147})

    def test_every_csv_is_in_a_page(self):
        files = {path.relative_to(RESULTS).with_suffix("").as_posix() for path in RESULTS.rglob("*.csv")}
        self.assertEqual({f"{page}/{name}" for page in PAGES for name in TABLE.findall(read(page))}, files)

    @parameterized.expand(PAGES)
    def test_every_page_names_its_commands(self, page):
        commands = "".join(CODE.findall(read(page)))
        self.assertRegex(
            commands, r"monai-dd table (?:runs|explanations|localization) |python (?:examples|docs/results)/"
        )

    @parameterized.expand(PAGES)
    def test_percentages_of_the_text_are_in_its_tables(self, page):
        text = CODE.sub("", TABLE.sub("", read(page)))
        cells = "".join(path.read_text("utf-8") for path in (RESULTS / page).glob("*.csv"))
        self.assertEqual({number for number in PERCENT.findall(text) if number not in cells}, set())

    def test_the_index_names_every_page(self):
        self.assertEqual({page for page in PAGES if f":doc:`{page}`" in read("index")}, set(PAGES))


if __name__ == "__main__":
    unittest.main()
