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
"""``monai-dd datalist`` and ``monai-dd phantoms``: options reach the functions as they were typed."""

from __future__ import annotations

import unittest
from pathlib import Path
from unittest import mock

from parameterized import parameterized

from tests.commands.calls import InFolder, call

CUT = {"mode": "boundary", "min_brain_fraction": 0.02, "seed": 0}
EMPTY = {"counts": {}, "leak": {}, "layout": [], "channels": {}, "class_names": [], "training": [], "validation": []}
CASES = [
    ("fdg", "fdg", "--labels l.csv --val_fraction 0.3 --seed 4", (Path("d"), "l.csv", 0.3, 4), {}),
    ("fdg", "fdg", "", (Path("d"), Path("d/labels.csv"), 0.2, 0), {}),
    (
        "brats",
        "brats.build",
        "--skip_broken --quiet --slice_step 3 --num_workers 2",
        ("d",),
        {**CUT, "min_area": 1000, "skip_broken": True, "progress": False, "val_fraction": 0.2}
        | {"slice_step": 3, "num_workers": 2},
    ),
    (
        "slices",
        "slices",
        "--scattered --gap 2 --stratify_column= --mode midline --fractions 0.5 0.3 0.2 --group_column patient",
        ("d",),
        {**CUT, "mode": "midline", "min_area": 100, "skip_broken": False, "contiguous": False, "gap": 2}
        | {
            "stratify_column": "",
            "where": {},
            "fractions": [0.5, 0.3, 0.2],
            "group_column": "patient",
            "threshold": 0.05,
        }
        | {"index_file": "index.csv", "image_pattern": "images/{slice:04d}.jpg"}
        | {"mask_pattern": "masks/{slice:04d}.png"},
    ),
    (
        "chestxray14",
        "chestxray14.build",
        "--classes Mass --skip_missing --test_fraction 0.4",
        ("d",),
        {"classes": ["Mass"], "val_fraction": 0.1, "test_fraction": 0.4, "seed": 0, "skip_missing": True}
        | {"drop_unlabeled_boxes": False, "progress": True},
    ),
]
PHANTOMS = [
    (
        "pet",
        "write_pet_phantom_studies",
        "--voxel_size 2 3 4 --arms up",
        {"num_studies": 60, "voxel_size": [2.0, 3.0, 4.0], "label_fractions": [1.0, 1.0, 1.0], "arms": "up"}
        | {"coverage": "whole_body", "output_dir": "d", "seed": 0, "num_workers": 1},
    ),
    (
        "chest",
        "write_chest_phantom_images",
        "--boxes all --seed 2 --num_workers 3",
        {"num_patients": 200, "image_size": 256, "test_fraction": 0.25, "boxes": "all"}
        | {"output_dir": "d", "seed": 2, "num_workers": 3},
    ),
]


class TestOptions(InFolder):
    @parameterized.expand(CASES)
    def test_datalist(self, kind, module, options, positional, named):
        (self.folder / "d").mkdir()
        name = f"monai_dd.data.datalists.{module}.build_{kind}_datalist"
        with mock.patch(name, return_value=EMPTY) as build:
            status, out, err = call("datalist", kind, "--dataset_dir", "d", *options.split())
        self.assertEqual((status, err), (0, ""))
        build.assert_called_once_with(*positional, **named)
        self.assertTrue(out.endswith("written: d/datalist.json\n"))
        self.assertTrue(Path("d/datalist.json").is_file())

    @parameterized.expand(PHANTOMS)
    def test_phantoms(self, kind, function, options, named):
        with mock.patch(f"monai_dd.data.phantoms.{kind}.dataset.{function}", return_value=Path("d")) as write:
            result = call("phantoms", kind, "--output_dir", "d", *options.split())
        self.assertEqual(result, (0, "d\n", ""))
        write.assert_called_once_with(**named)


if __name__ == "__main__":
    unittest.main()
