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
"""Tests of reading files of localization accuracy."""

from __future__ import annotations

import math
import tempfile
import unittest
from pathlib import Path

from parameterized import parameterized

from monai_dd.evaluation import read_localization
from tests.evaluation.files import LOCALIZATION_HEADER, write_localization

LINE = ("cam", "Mass", "0.1", "0.5", "8", "0", "baseline")


def _with(**changes):
    return tuple(changes.get(column, value) for column, value in zip(LOCALIZATION_HEADER, LINE, strict=True))


class TestRead(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_runs(self):
        write_localization(self.folder / "a", [LINE, _with(accuracy="nan", iou_threshold="0.7")])
        write_localization(self.folder / "b", [_with(method="saliency", accuracy="1")])
        path = write_localization(self.folder / "c", [_with(seed="1", images="9")])
        runs = read_localization([self.folder, path])
        self.assertEqual([(run.variant, run.seed) for run in runs], [("baseline", 0), ("baseline", 1)])
        self.assertEqual(runs[0].accuracy["cam", "Mass", 0.1], 0.5)
        self.assertTrue(math.isnan(runs[0].accuracy["cam", "Mass", 0.7]))
        self.assertEqual(runs[0].accuracy["saliency", "Mass", 0.1], 1.0)
        self.assertEqual([run.images for run in runs], [{"Mass": 8}, {"Mass": 9}])

    @parameterized.expand(
        [
            ([_with(accuracy="1.5")], "line 2: accuracy: expected a number from 0 to 1, got '1.5'"),
            ([LINE, _with(iou_threshold="x")], "line 3: iou_threshold: expected a number from 0 to 1, got 'x'"),
            ([_with(images="2.5")], "line 2: images: expected a whole number, got '2.5'"),
            ([_with(seed="inf")], "line 2: seed: expected a whole number, got 'inf'"),
            ([LINE, LINE], "line 3: expected one value of a method, class and threshold in a run, there is another"),
            ([LINE, _with(iou_threshold="0.2", images="9")], "line 3: images: expected 8 as before, got 9"),
            ([LINE[:-1]], "line 2: expected 7 fields, got 6"),
            ([(*LINE, "more")], "line 2: expected 7 fields, got 8"),
        ]
    )
    def test_bad_lines(self, lines, message):
        path = write_localization(self.folder, lines)
        with self.assertRaises(ValueError) as caught:
            read_localization([path])
        self.assertEqual(str(caught.exception), f"{path}, {message}")

    def test_bad_files(self):
        path = write_localization(self.folder, [LINE[:-1]], LOCALIZATION_HEADER[:-1])
        with self.assertRaisesRegex(ValueError, r"expected the columns method, .*; missing \['variant'\]$"):
            read_localization([path])
        write_localization(self.folder, [])
        with self.assertRaisesRegex(ValueError, "^runs: expected values, the files have none$"):
            read_localization([path])
        path.write_bytes(b"\xff\xfe\x00")
        with self.assertRaisesRegex(ValueError, ": expected a text in UTF-8$"):
            read_localization([path])
        with self.assertRaisesRegex(ValueError, "^runs: expected files or folders, 'nowhere' is not there$"):
            read_localization(["nowhere"])


if __name__ == "__main__":
    unittest.main()
