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
"""Tests of the command line: what it writes, and one line and status 2 for bad input."""

from __future__ import annotations

import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
from matplotlib.figure import Figure
from parameterized import parameterized
from PIL import Image

from monai_dd.commands.visualize import main
from tests.evaluation.files import write_case, write_csv, write_localization


def _call(*arguments: str | Path) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
    return status, out.getvalue(), err.getvalue()


class TestCommandLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.study = self.folder / "study"
        for seed in (0, 1):
            lines = []
            for image in ("a", "b"):
                lines.append((image, "network", "", "label", int(image == "b"), "dual", seed))
                lines.append((image, "network", "", "predicted", 0, "dual", seed))
                for fraction in ("0.00", "1.00"):
                    lines.append((image, "attention", "fine", f"perturbation_{fraction}", seed, "dual", seed))
                lines.append((image, "attention", "fine", "pixel_ap", 0.5, "dual", seed))
                lines.append((image, "attention", "fine", "randomization_01_out", 0.5, "dual", seed))
            write_csv(self.study / f"seed{seed}", lines)
        write_localization(self.study / "seed0", [("cam", "Mass", 0.1, 0.5, 8, 0, "dual")])
        maps = {"attention_fine": np.ones((4, 4))}
        write_case(self.study / "seed0" / "maps" / "case_0000", np.zeros((8, 8)), maps, variant="dual")

    def _left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def test_tables_that_have_values_are_printed(self):
        status, out, err = _call("tables", self.study)
        self.assertEqual((status, err), (0, ""))
        captions = [line.strip("*").split(":")[0] for line in out.splitlines() if line.startswith("**")]
        self.assertEqual(captions, ["Table 2", "Table 3", "Table, randomization"])
        self.assertIn("50.0 ± 0.0", out)

    def test_tables_without_the_paper(self):
        write_csv(self.study / "gated", [("a", "attention", "fine", "pixel_ap", 0.5, "dual_gated", 0)])
        for options, named in (([], True), (["--no_paper"], False)):
            status, out, _ = _call("tables", self.study, *options)
            self.assertEqual((status, "71.82" in out, "paper" in out), (0, named, named))

    def test_tables_in_a_file(self):
        target = self.folder / "tables.tex"
        status, out, _ = _call("tables", self.study, "--format", "latex", "--table", "3", "--output", target)
        self.assertEqual((status, out.strip()), (0, str(target)))
        self.assertEqual(target.read_text(encoding="utf-8").count(r"\begin{tabular}"), 1)
        self.assertEqual(self._left(), ["study", "tables.tex"])

    @parameterized.expand(
        [("curves",), ("curves", "--kind", "randomization"), ("maps",), ("boxes",), ("localization",)]
    )
    def test_pictures(self, command, *options):
        target = self.folder / "picture.png"
        status, out, err = _call(command, self.study, *options, "--output", target, "--dpi", 50)
        self.assertEqual((status, out.strip(), err), (0, str(target), ""))
        with Image.open(target) as picture:
            self.assertGreater(len(picture.convert("L").getcolors(65536)), 10)
        self.assertEqual(self._left(), ["picture.png", "study"])

    def test_pdf(self):
        target = self.folder / "picture.pdf"
        self.assertEqual(_call("curves", self.study, "--output", target)[0], 0)
        self.assertTrue(target.read_bytes().startswith(b"%PDF"))

    @parameterized.expand(
        [
            ("absent", ["tables", "none"], "runs: expected files or folders, 'none' is not there"),
            ("no table", ["tables", "{study}", "--table", "2", "deletion"], "table: expected values for deletion, "),
            (
                "variant",
                ["tables", "{study}", "--variants", "exact"],
                "variants: expected one of ['dual'], got 'exact'",
            ),
            (
                "explainer",
                ["curves", "{study}", "--explainers", "lime", "--output", "{to}.png"],
                "explainers: expected one",
            ),
            ("suffix", ["curves", "{study}", "--output", "{to}.doc"], "output, its suffix: expected one of ['.png',"),
            ("folder", ["curves", "{study}", "--output", "{to}/x.png"], "output: expected an existing folder, "),
            (
                "dpi",
                ["curves", "{study}", "--output", "{to}.png", "--dpi", "0"],
                "dpi: expected a positive number, got 0",
            ),
            ("seed", ["maps", "{study}", "--seed", "9", "--output", "{to}.png"], "seed: expected one of [0], got 9"),
            ("maps", ["maps", "{study}/seed1", "--output", "{to}.png"], "runs: expected case.json in the folder "),
            (
                "level",
                ["maps", "{study}", "--levels", "level1", "--output", "{to}.png", "--colormap", "x"],
                "colormap: ",
            ),
        ]
    )
    def test_bad_input(self, _name, arguments, message):
        filled = [text.format(study=self.study, to=self.folder / "new") for text in arguments]
        status, out, err = _call(*filled)
        self.assertEqual((status, out), (2, ""))
        self.assertTrue(err.startswith(f"error: {message}"), err)
        self.assertEqual(len(err.splitlines()), 1)
        self.assertEqual(self._left(), ["study"])

    @parameterized.expand([("attention_fine.nii.gz",), ("image.nii.gz",), ("case.json",)])
    def test_corrupt_files_of_a_case(self, name):
        path = self.study / "seed0" / "maps" / "case_0000" / name
        content = path.read_bytes()
        if name == "case.json":
            path.write_bytes(content.replace(b'"label": 0', b'"label": {}'))
        else:
            path.write_bytes(content[:10] + bytes(byte ^ 255 for byte in content[10:]))
        status, out, err = _call("maps", self.study, "--output", self.folder / "new.png")
        self.assertEqual((status, out, len(err.splitlines())), (2, "", 1))
        self.assertRegex(err, f"^error: .*{name}: ")
        self.assertEqual(self._left(), ["study"])

    def test_missing_columns(self):
        write_csv(self.study / "seed1", [], ["image", "value"])
        status, _, err = _call("tables", self.study)
        self.assertEqual(status, 2)
        self.assertRegex(err, r"^error: .*explanations.csv: expected the columns image, .*; missing \['explainer', ")

    def test_what_stands_there_stays_when_writing_fails(self):
        target = self.folder / "picture.png"
        target.write_text("before")

        def fail(_figure, path, **_):
            Path(path).write_text("half")
            raise OSError("disk full")

        with mock.patch.object(Figure, "savefig", fail):
            status, _, err = _call("curves", self.study, "--output", target)
        self.assertEqual((status, err), (2, "error: disk full\n"))
        self.assertEqual(target.read_text(), "before")
        self.assertEqual(self._left(), ["picture.png", "study"])

    def test_help(self):
        for command, word in (
            ((), "tables"),
            (("tables",), "--format"),
            (("curves",), "--kind"),
            (("maps",), "--levels"),
        ):
            status, out, _ = _call(*command, "--help")
            self.assertEqual(status, 0)
            self.assertIn(word, out)


if __name__ == "__main__":
    unittest.main()
