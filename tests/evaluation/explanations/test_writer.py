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
"""Tests of the file that explanations are written to."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from monai_dd.evaluation import ExplanationWriter


class TestExplanationWriter(unittest.TestCase):
    def test_a_file_of_other_columns(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "explanations.csv").write_text("image,value\n1,2\n")
            with self.assertRaisesRegex(ValueError, "^explanations.csv: expected the columns "):
                ExplanationWriter(folder, {"variant": "exact", "seed": 0})

    def test_parts_of_several_processes(self):
        with tempfile.TemporaryDirectory() as folder:
            settings = {"variant": "exact", "seed": 0}
            results = ExplanationWriter(folder, settings)
            results.write("1", "gradcam", "fine", {"a": 1, "b": 2})
            results.part = Path(folder) / "explanations.part1.csv"
            results.write("2", "gradcam", "fine", {"a": 3})
            results.write("1", "gradcam", "fine", {"a": 1, "b": 2})  # an image that two processes were given
            results.write("3", "gradcam", "fine", {"a": 4, "b": 5}, group="p, 1")
            lines = results.merge().read_text().splitlines()
            self.assertEqual(len(lines), 6)
            self.assertEqual(lines[-2:], ['3,gradcam,fine,a,4,exact,0,"p, 1"', '3,gradcam,fine,b,5,exact,0,"p, 1"'])
            self.assertEqual(ExplanationWriter(folder, settings).done, {(image, "gradcam", "fine") for image in "123"})


if __name__ == "__main__":
    unittest.main()
