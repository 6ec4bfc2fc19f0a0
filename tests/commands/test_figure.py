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
"""``monai-dd figure``: what it draws, and what it refuses."""

from __future__ import annotations

import unittest
from pathlib import Path
from unittest import mock

from matplotlib.figure import Figure
from parameterized import parameterized
from PIL import Image

from tests.commands.calls import InFolder, call
from tests.commands.results import write_results
from tests.evaluation.files import write_csv


class TestFigure(InFolder):
    def setUp(self):
        super().setUp()
        write_results(self.folder / "results")

    @parameterized.expand(["perturbation", "randomization", "maps", "boxes", "localization"])
    def test_pictures(self, kind):
        result = call("figure", kind, "results", "--output", "picture.png", "--dpi", 50)
        self.assertEqual(result, (0, "picture.png\n", ""))
        with Image.open("picture.png") as picture:
            self.assertGreater(len(picture.convert("L").getcolors(65536)), 10)
        self.assertEqual(self.files(), ["picture.png", "results"])

    def test_each_kind_of_curve_asks_for_its_values(self):
        lines = [("a", "attention", "fine", "randomization_01_out", 0.5, "dual", 0)]
        write_csv(self.folder / "other", lines)
        self.assertEqual(call("figure", "randomization", "other", "--output", "x.png")[0], 0)
        self.refuse(".*perturbation", "figure", "perturbation", "other", "--output", "y.png")

    def test_pdf(self):
        self.assertEqual(call("figure", "perturbation", "results", "--output", "picture.pdf")[0], 0)
        self.assertTrue(Path("picture.pdf").read_bytes().startswith(b"%PDF"))

    @parameterized.expand(
        [
            ("perturbation results --output x.png --explainers lime", "explainers: expected one"),
            ("perturbation results --output x.doc", "output: expected a suffix of .png, .pdf, .svg, got '.doc'"),
            ("perturbation results --output none/x.png", "output: expected an existing folder, 'none' is not there"),
            ("perturbation results --output x.png --dpi 0", "dpi: expected a positive number, got 0"),
            ("maps results --seed 9 --output x.png", r"seed: expected one of \[0\], got 9"),
            ("maps results/seed1 --output x.png", "runs: expected case.json in the folder "),
            ("maps results --levels level1 --output x.png --colormap x", "colormap: "),
        ]
    )
    def test_refusals(self, arguments, message):
        self.refuse(message, "figure", *arguments.split())

    @parameterized.expand(["attention_fine.nii.gz", "image.nii.gz", "case.json"])
    def test_corrupt_files_of_a_case(self, name):
        path = self.folder / "results" / "seed0" / "maps" / "case_0000" / name
        content = path.read_bytes()
        if name == "case.json":
            path.write_bytes(content.replace(b'"label": 0', b'"label": {}'))
        else:
            path.write_bytes(content[:10] + bytes(byte ^ 255 for byte in content[10:]))
        self.refuse(f".*{name}: ", "figure", "maps", "results", "--output", "x.png")

    def test_what_is_there_stays_when_writing_fails(self):
        Path("picture.png").write_text("before")

        def fail(_figure, path, **_):
            Path(path).write_text("part")
            raise OSError("disk full")

        with mock.patch.object(Figure, "savefig", fail):
            self.refuse("disk full", "figure", "perturbation", "results", "--output", "picture.png")
        self.assertEqual(Path("picture.png").read_text(), "before")


if __name__ == "__main__":
    unittest.main()
