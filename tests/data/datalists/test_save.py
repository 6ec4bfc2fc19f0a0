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
"""Tests of writing data lists: the same comes back, a line for each item, and nothing is ever half written."""

from __future__ import annotations

import json
from unittest import mock

from monai_dd.data.datalists import save_datalist
from tests.data.datalists.brats.small import InFolder

DATALIST = {
    "class_names": ["a", "b"],
    "counts": {"training": 2},
    "training": [{"label": [0, 1]}, {"x": "ä"}],
    "test": [],
}


class TestSave(InFolder):
    def test_round_trip(self):
        path = self.root / "datalist.json"
        path.write_text("old")
        save_datalist(DATALIST, path)
        text = path.read_text(encoding="utf-8")
        self.assertEqual(json.loads(text), DATALIST)
        self.assertIn('\n    {"label": [0, 1]},\n', text)
        self.assertEqual([p.name for p in self.root.iterdir()], ["datalist.json"])

    def test_failure_leaves_the_old_file(self):
        path = self.root / "datalist.json"
        path.write_text("old")
        with mock.patch("pathlib.Path.replace", side_effect=OSError("full")), self.assertRaisesRegex(OSError, "full"):
            save_datalist(DATALIST, path)
        self.assertEqual(path.read_text(), "old")
        self.assertEqual([p.name for p in self.root.iterdir()], ["datalist.json"])

    def test_refuses_what_json_cannot_hold(self):
        with self.assertRaises(TypeError):
            save_datalist({"training": [{"image": object()}]}, self.root / "datalist.json")
        self.assertEqual(list(self.root.iterdir()), [])
