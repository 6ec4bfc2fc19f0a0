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
"""Tests of reading what evaluations wrote."""

from __future__ import annotations

import json
import math
import tempfile
import unittest
from pathlib import Path

import numpy as np
from parameterized import parameterized

from monai_dd.evaluation.explanations.reader import Key, read_explanations
from tests.evaluation.files import HEADER, write_csv

LINES = [
    ("scan 1, left", "attention", "fine", "pixel_ap", 0.5, "exact", 0),
    ("b", "attention", "fine", "pixel_ap", "nan", "exact", 0),
    ("b", "attention", "fine", "mass", 0.25, "exact", 0),
]
KEY = Key("attention", "fine", "pixel_ap")


class TestRead(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_values(self):
        (run,) = read_explanations([write_csv(self.folder, LINES)])
        self.assertEqual((run.variant, run.seed), ("exact", 0))
        self.assertEqual(list(run), [KEY, Key("attention", "fine", "mass")])
        np.testing.assert_array_equal(run.values(KEY), [0.5, math.nan])
        # the second image has the only value of mass
        np.testing.assert_array_equal(run.by_image(Key("attention", "fine", "mass")), [math.nan, 0.25])

    def test_folders_at_any_depth_and_each_file_once(self):
        a = write_csv(self.folder / "a" / "deep", LINES)
        b = write_csv(self.folder / "b", [(*LINES[0][:6], 1)])
        runs = read_explanations([self.folder, a, b.parent])
        self.assertEqual([run.seed for run in runs], [0, 1])

    def test_files_of_one_run_are_joined_by_image(self):
        network = [
            ("", "network", "", "parameters", 7, "exact", 0),
            ("scan 1, left", "network", "", "label", 1, "exact", 0),
            ("b", "network", "", "label", 1, "exact", 0),
        ]
        write_csv(self.folder / "a", [*network[:2], *LINES[:2]])
        write_csv(self.folder / "b", [*network, ("b", "gradcam", "coarse", "pixel_ap", 0.75, "exact", 0)])
        (run,) = read_explanations([self.folder])
        # the images are numbered as they are met, the network without an image first
        np.testing.assert_array_equal(run.by_image(Key("gradcam", "coarse", "pixel_ap")), [math.nan, math.nan, 0.75])
        np.testing.assert_array_equal(run.values(Key("network", "", "parameters")), [7])
        np.testing.assert_array_equal(run.by_image(Key("network", "", "label")), [math.nan, 1, 1])

    @parameterized.expand([("parameters", ""), ("label", "a"), ("predicted", "a")])
    def test_files_of_one_run_with_another_network(self, metric, image):
        for folder, value in (("a", 0), ("b", 1), ("c", 0)):
            write_csv(self.folder / folder, [(image, "network", "", metric, value, "exact", 0)])
        with self.assertRaisesRegex(ValueError, f"^explanations: expected one value of network {metric} for an image"):
            read_explanations([self.folder])
        self.assertEqual(len(read_explanations([self.folder / "a", self.folder / "c"])), 1)

    def test_files_of_one_run_of_two_splits(self):
        for name, seed in (("test", 0), ("validation", 0), ("other", 1)):
            write_csv(self.folder / name, [(*LINES[0][:6], seed)]).with_suffix(".json").write_text(
                json.dumps({"split": "validation" if name == "validation" else "test"})
            )
        self.assertEqual(len(read_explanations([self.folder / "test", self.folder / "other"])), 2)
        message = "^runs: expected explanations of one split of the data list for variant 'exact', seed 0, got "
        with self.assertRaisesRegex(ValueError, f"{message}'test' and 'validation'; name the folders of one of them$"):
            read_explanations([self.folder])
        (self.folder / "other" / "explanations.json").write_text("[")
        with self.assertRaisesRegex(ValueError, "explanations.json: expected the settings of an evaluation, as JSON$"):
            read_explanations([self.folder / "other"])

    def test_groups(self):
        lines = [(*line, "patient 7" if line[0] == "b" else "") for line in LINES]
        (run,) = read_explanations([write_csv(self.folder / "new", lines, [*HEADER, "group"])])
        self.assertEqual(run.groups, {"b": "patient 7"})
        write_csv(self.folder / "old", [("b", "gradcam", "fine", "mass", 1, "exact", 0)])  # does not know
        (run,) = read_explanations([self.folder])
        self.assertEqual((run.groups, run.images), ({"b": "patient 7"}, ["scan 1, left", "b"]))
        write_csv(self.folder / "old", [("b", "gradcam", "fine", "mass", 1, "exact", 0, "p")], [*HEADER, "group"])
        with self.assertRaisesRegex(ValueError, "^explanations: expected one group for an image of .* 0, got two$"):
            read_explanations([self.folder])

    def test_columns_in_any_order_and_a_byte_order_mark(self):
        path = self.folder / "other.csv"
        path.write_text("seed,variant,value,metric,level,explainer,image\n2,dual,1,mass,image,random,x\n", "utf-8-sig")
        (run,) = read_explanations([path])
        self.assertEqual((run.variant, run.seed, list(run)), ("dual", 2, [Key("random", "image", "mass")]))

    def test_a_value_twice(self):
        message = (
            "^explanations: expected one value of attention fine pixel_ap .* variant 'exact', seed 0, there are more$"
        )
        write_csv(self.folder / "a", [*LINES, LINES[0]])
        with self.assertRaisesRegex(ValueError, message):
            read_explanations([self.folder])
        write_csv(self.folder / "a", LINES)
        write_csv(self.folder / "b", LINES[:1])
        with self.assertRaisesRegex(ValueError, message) as caught:
            read_explanations([self.folder])
        self.assertNotIn("scan", str(caught.exception))  # identifiers of images stay out of messages

    @parameterized.expand(
        [
            (
                ("a", "attention", "fine", "mass", "high", "exact", 0),
                "line 2: value: expected a number or nan, got 'high'",
            ),
            (("a", "attention", "fine", "mass", "inf", "exact", 0), "line 2: value: expected a finite number .* 'inf'"),
            (
                ("a", "attention", "fine", "mass", 1, "exact", 0.5),
                "line 2: .* whole number as its seed, got 'exact', '0.5'",
            ),
            (("a", "attention", "fine", "mass", 1, "exact", "-0"), "line 2: .* as its seed, got 'exact', '-0'"),
            (("a", "attention", "fine", "mass", 1, "", 0), "line 2: expected a variant .*, got '', '0'"),
            (("a", "attention", "middle", "mass", 1, "exact", 0), "line 2: level: expected fine, .*, got 'middle'"),
            (("a", "attention", "", "mass", 1, "exact", 0), "line 2: level: expected fine, .*, got ''"),
            (("a", "", "fine", "mass", 1, "exact", 0), "line 2: expected an explainer and a metric, got '', 'mass'"),
            (("a", "attention", "fine"), "line 2: expected 7 fields, got 3"),
        ]
    )
    def test_refuses_lines(self, line, message):
        path = write_csv(self.folder, [line])
        with self.assertRaisesRegex(ValueError, message) as caught:
            read_explanations([path])
        self.assertEqual(len(str(caught.exception).splitlines()), 1)

    def test_refuses_files(self):
        with self.assertRaisesRegex(ValueError, "^runs: expected files or folders, '.*none' is not there$"):
            read_explanations([self.folder / "none"])
        with self.assertRaisesRegex(ValueError, "^runs: expected explanations.csv in the folder .*, found none$"):
            read_explanations([self.folder])
        path = write_csv(self.folder, [])
        with self.assertRaisesRegex(ValueError, "^runs: expected values, the files have none$"):
            read_explanations([path])
        write_csv(self.folder, [], [name for name in HEADER if name not in ("seed", "level")])
        with self.assertRaisesRegex(ValueError, r"expected the columns image, .*; missing \['level', 'seed'\]$"):
            read_explanations([path])
        path.write_bytes(b"")
        with self.assertRaisesRegex(ValueError, "expected the columns image"):
            read_explanations([path])
        path.write_bytes(",".join(HEADER).encode() + b"\n\xff\xfe,a")
        with self.assertRaisesRegex(ValueError, "explanations.csv: expected a text in UTF-8$"):
            read_explanations([path])


if __name__ == "__main__":
    unittest.main()
