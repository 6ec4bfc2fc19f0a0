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
"""The demo refuses a series before it trains, in one line, and writes nothing."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from parameterized import parameterized

from monai_dd.__main__ import main

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"


class TestSeries(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    @parameterized.expand(
        [
            ("absent", "demo: SERIES expected a folder, .* is not one"),
            ("empty", "demo: SERIES refused: folder: expected the files of a DICOM PET series, got an empty folder"),
            ("cut", r"demo: SERIES refused: .* in IM\d+.dcm: expected .*cut.*"),
        ]
    )
    def test_bad_series(self, kind, line):
        series = self.folder / kind
        if kind == "empty":
            series.mkdir()
        if kind == "cut":
            data = str(self.folder / "data")
            main(["phantoms", "pet", "--num_studies", "1", "--voxel_size", "16", "--output_dir", data])
            files = sorted((self.folder / "data").rglob("*.dcm"))
            series = files[0].parent
            os.truncate(files[2], 700)
        arguments = ["--output_dir", str(self.folder / "out"), "--series", str(series)]
        error = io.StringIO()
        with mock.patch("sys.argv", ["demo", *arguments]), contextlib.redirect_stderr(error):
            with self.assertRaises(SystemExit) as leaving:
                runpy.run_path(str(DEMO), run_name="__main__")
        self.assertEqual(leaving.exception.code, 2)
        self.assertRegex(error.getvalue(), f"^{line}\n$")
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    unittest.main()
