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

import shutil
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
from matplotlib.figure import Figure
from parameterized import parameterized
from PIL import Image

from monai_dd.evaluation.figures import maps
from tests.commands.calls import InFolder, call
from tests.commands.results import write_results
from tests.evaluation.files import write_case, write_csv


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

    def test_few_colors(self):
        for name, more in (("many", []), ("few", ["--palette"])):
            call("figure", "maps", "results", "--output", f"{name}.png", "--dpi", 50, *more)
        with Image.open("many.png") as many, Image.open("few.png") as few:
            self.assertEqual((few.mode, few.size), ("P", many.size))
            apart = np.abs(np.asarray(few.convert("RGB"), dtype=int) - np.asarray(many.convert("RGB"), dtype=int))
        self.assertLess(apart.max(), 48)
        self.assertLess(Path("few.png").stat().st_size, 0.6 * Path("many.png").stat().st_size)

    def test_columns_cases_and_channel(self):
        case = self.folder / "results" / "seed0" / "maps" / "case_0001"
        write_case(case, np.zeros((8, 8)), {"attention_coarse": np.ones((2, 2))}, variant="dual", image="b")
        shutil.copy(case / "image.nii.gz", case / "channel_2.nii.gz")
        shutil.copy(case / "image.nii.gz", case.with_name("case_0000") / "channel_2.nii.gz")
        with mock.patch.object(maps, "map_figure", wraps=maps.map_figure) as draw:
            options = ["--channel", 2, "--columns", "dual:attention/coarse", "--output", "x.png", "--dpi", 50]
            self.assertEqual(call("figure", "maps", "results", *options)[0], 0)
            self.assertEqual(call("figure", "maps", "results", "--max_cases", 1, *options[4:])[0], 0)
        self.assertEqual(
            [[c.image.name for c in one.args[0]] for one in draw.call_args_list],
            [["channel_2.nii.gz"] * 2, ["image.nii.gz"]],
        )
        self.assertEqual(draw.call_args_list[0].kwargs["columns"], ["dual:attention/coarse"])
        self.refuse(
            ".*expected channel_1.nii.gz next to case.json",
            "figure",
            "maps",
            "results",
            "--channel",
            1,
            "--output",
            "y.png",
        )

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
            ("perturbation results --output x.pdf --palette", "palette: expected a .png with it, got '.pdf'"),
            ("maps results --output x.png --max_cases 0", "max_cases: expected a positive number, got 0"),
            (
                "maps results --output x.png --columns dual:attention/level1",
                r"columns: expected one of \['dual:attention/fine'\], ",
            ),
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
