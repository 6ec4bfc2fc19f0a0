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
"""Tests of the data lists of 2D slices: groups stay together, neighbors can, and bad tables and pictures are named."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import unittest
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from parameterized import parameterized
from PIL import Image

from monai_dd.__main__ import main
from monai_dd.data.datalists import build_slices_datalist, find_slices, load_datalist
from tests.data.datalists.brats.small import InFolder

REAL = os.environ.get("MONAI_DD_REAL_DATA", "")
SECTIONS = ("training", "validation", "test")
COLUMNS = ("slice", "diagnosis", "block")


class InPictures(InFolder):
    """Pictures of 32 x 32 pixels: brain in columns 4 to 27, tumor of 36 pixels in columns 6 to 11."""

    def save(self, name: str, pixels: np.ndarray) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)

    def brain(self) -> np.ndarray:
        image = np.full((32, 32), 3, np.uint8)  # noise of compression, below 5 % of the maximum
        image[4:28, 4:28] = 200
        return image

    def tumor(self) -> np.ndarray:
        mask = np.zeros((32, 32), np.uint8)
        mask[10:16, 6:12] = 255
        return mask

    def write(self, rows: list[tuple], columns: tuple[str, ...] = COLUMNS, pictures: bool = True) -> None:
        with open(self.root / "index.csv", "w", newline="") as file:
            csv.writer(file).writerows([columns, *rows])
        for row in rows if pictures else []:
            self.save(f"images/{row[0]:04d}.jpg", self.brain())
            self.save(f"masks/{row[0]:04d}.png", self.tumor() > 0)

    def data_set(self, per_block: int = 2) -> None:
        """Ten blocks, the first five meningioma; as in real tables a block may have a few slices of the other kind."""
        kinds = ["meningioma"] * 5 * per_block + ["glioma"] * 5 * per_block
        self.write([(i + 1, kind, i // per_block) for i, kind in enumerate(kinds)])

    def build(self, **kwargs) -> dict:
        return build_slices_datalist(self.root, **{"min_area": 36, **kwargs})

    def groups(self, datalist: dict) -> list[list[str]]:
        return [sorted({item["group"] for item in datalist[section]}) for section in SECTIONS]


class TestBuild(InPictures):
    def test_items(self):
        self.data_set()
        datalist = self.build()
        items = [i for s in SECTIONS for i in datalist[s] if i["image"] == "images/0001.jpg"]
        left = {"image": "images/0001.jpg", "mask": "masks/0001.png", "side": "image_left", "window": [0, 12]}
        right = {**left, "side": "image_right", "window": [12, 32]}
        self.assertEqual(items, [{**left, "label": 1, "group": "0"}, {**right, "label": 0, "group": "0"}])
        counts = {"groups": 2, "slices": 4, "hemispheres": 8, "no tumor": 4, "tumor": 4}
        self.assertEqual(datalist["counts"]["test"], counts)
        self.assertEqual(datalist["leak"]["test"], {"width_auc": 1.0})  # eight columns of brain against sixteen

    @parameterized.expand([(True,), (False,)])
    def test_groups_in_one_section_and_both_diagnoses_in_all(self, contiguous):
        self.data_set()
        for seed in range(10):
            training, validation, test = self.groups(self.build(seed=seed, contiguous=contiguous))
            self.assertEqual(sorted(training + validation + test), [str(i) for i in range(10)])
            for section in (training, validation, test):
                self.assertEqual(Counter(int(group) < 5 for group in section), {k: len(section) // 2 for k in (0, 1)})

    def test_seed(self):
        self.data_set()
        lists = [self.build(seed=seed) for seed in (1, 1, 2)]
        self.assertEqual(lists[0], lists[1])
        self.assertNotEqual(lists[0]["test"], lists[2]["test"])

    def test_block_of_two_kinds_counts_as_the_more_frequent(self):
        # block 2 of 0 to 5 has a glioma among two meningiomas: three blocks of each kind, one for each section
        kinds = ["m"] * 8 + ["g"] * 10
        self.write([(i, kind, i // 3) for i, kind in enumerate(kinds)])
        for section in self.groups(self.build(seed=3)):
            self.assertEqual(sorted(int(group) < 3 for group in section), [False, True])

    def test_gap(self):
        self.data_set(per_block=4)
        datalist, whole = self.build(gap=2), self.build()
        where = {int(i["image"][7:11]): rank for rank, s in enumerate(SECTIONS) for i in whole[s]}
        kept = {int(i["image"][7:11]): rank for rank, s in enumerate(SECTIONS) for i in datalist[s]}
        self.assertEqual(len(where), 40)
        expected = {
            row: rank
            for row, rank in where.items()
            if not any(where.get(row + step, 0) > rank for step in (-2, -1, 1, 2))
        }
        self.assertEqual(kept, expected)
        self.assertLess(len(kept), 40)
        self.assertEqual(datalist["test"], whole["test"])

    def test_paths_in_the_table(self):
        rows = [(f"pictures/{i}.png", f"tumors/{i}.png", f"p{i}") for i in range(5)]
        self.write(rows, ("image", "mask", "patient"), pictures=False)
        for image, mask, _ in rows:
            self.save(image, np.stack([self.brain()] * 3, axis=-1))  # gray stored as color
            self.save(mask, self.tumor() // 255)  # 1 is tumor too
        datalist = self.build()
        self.assertEqual(sorted(len(datalist[s]) for s in SECTIONS), [2, 2, 6])
        self.assertEqual({i["image"].split("/")[0] for i in datalist["test"]}, {"pictures"})

    def test_patterns(self):
        rows = [("a", 7, f"p{i}") for i in range(3)]
        self.write([(f"{i}{kind}", number, p) for i, (kind, number, p) in enumerate(rows)], ("id", "n", "p"), False)
        for i in range(3):
            self.save(f"x/{i}a_07.png", self.brain())
            self.save(f"y/{i}a.png", self.tumor())
        patterns = {"image_pattern": "x/{id}_{n:02d}.png", "mask_pattern": "y/{id}.png"}
        datalist = self.build(**patterns, group_column="p", fractions=(0.4, 0.3, 0.3))
        self.assertEqual([len(datalist[s]) for s in SECTIONS], [2, 2, 2])

    def test_rows_with_wanted_values(self):
        rows = [(i, "m" if i % 2 else "g", i // 2, "axial" if i < 20 else "sagittal") for i in range(40)]
        self.write(rows, (*COLUMNS, "plane"))
        datalist = self.build(where={"plane": ["axial"]})
        used = {int(item["image"][7:11]) for split in SECTIONS for item in datalist[split]}
        self.assertEqual(used, set(range(20)))
        self.assertEqual(self.build(where={"plane": ["axial", "sagittal"]}), self.build())

    def test_patients_are_the_groups_where_they_are_named(self):
        rows = [(i, "m", 0, f"p{i // 2}") for i in range(10)]
        self.write(rows, (*COLUMNS, "patient"))
        datalist = self.build()
        self.assertEqual(
            sorted(group for groups in self.groups(datalist) for group in groups), [f"p{i}" for i in range(5)]
        )

    def test_loads_again(self):
        self.data_set()
        path = self.root / "list.json"
        path.write_text(json.dumps(self.build()))
        item = load_datalist(path, "test", self.root)[0]
        self.assertTrue(Path(item["image"]).is_file() and Path(item["mask"]).is_file())


class TestRefuses(InPictures):
    def refused(self, message: str, **arguments) -> None:
        with self.assertRaisesRegex(ValueError, message) as caught:
            self.build(**arguments)
        self.assertNotIn("\n", str(caught.exception))

    def test_broken_slices(self):
        self.data_set()
        (self.root / "images" / "0001.jpg").unlink()
        (self.root / "masks" / "0002.png").unlink()
        path = self.root / "images" / "0003.jpg"
        path.write_bytes(path.read_bytes()[:200])
        (self.root / "masks" / "0004.png").write_text("text")
        self.save("masks/0005.png", self.tumor()[:-1])
        message = "got 5 broken ones of 20 .*0001.jpg: image: .* got no file .*0002.jpg: mask: .* got no file "
        message += ".*0003.jpg: image: .* got a truncated or another file; .*0004.jpg: mask: .* got a truncated "
        self.refused(message + r".*0005.jpg: mask: expected the shape \(32, 32\) of the image, got \(31, 32\)$")
        with pytest.warns(UserWarning, match="skipped: images/0003.jpg: image: expected a picture, got a truncated"):
            datalist = self.build(skip_broken=True)
        self.assertEqual(datalist["skipped"], 5)
        self.assertEqual(sum(counts["slices"] for counts in datalist["counts"].values()), 15)

    @parameterized.expand(
        [
            ("mode", {"mode": "other"}, "mode: expected one of"),
            ("area", {"min_area": 0}, "min_area: expected 1 pixel or more, got 0"),
            ("large area", {"min_area": 37}, "training: expected hemispheres of both classes, got none of"),
            (
                "two parts",
                {"fractions": (0.8, 0.2)},
                r"fractions: expected one for each of training, .*, got \(0.8, 0.2",
            ),
            ("sum", {"fractions": (0.8, 0.2, 0.2)}, "fractions: expected numbers above 0 that add up to 1"),
            (
                "too small",
                {"fractions": (0.02, 0.38, 0.6)},
                "groups of glioma, meningioma for 3 splits .*, got 10: a split would be",
            ),
            ("table", {"index_file": "gone.csv"}, "index_file: expected a CSV file, gone.csv is not in the folder"),
            (
                "where",
                {"where": {"plane": ["axial"]}},
                "where: expected a column of index.csv, slice, diag.* got 'plane'",
            ),
            (
                "value",
                {"where": {"diagnosis": ["g"]}},
                "where: expected values of diagnosis among glioma, men.*, got g$",
            ),
            (
                "no row",
                {"where": {"diagnosis": ["glioma"], "block": ["0"]}},
                "where: expected rows of index.csv with al",
            ),
            ("group", {"group_column": "patient"}, "expected the columns patient, diagnosis, missing patient"),
            ("stratify", {"stratify_column": "grade"}, "expected the columns block, grade, missing grade"),
            (
                "pattern",
                {"image_pattern": "{id}.jpg"},
                "image_pattern: .* got '{id}.jpg', which does not fit line 2 of index.csv.*'id'",
            ),
            ("format", {"mask_pattern": "{diagnosis:04d}.png"}, "mask_pattern: .* does not fit .* ValueError"),
        ]
    )
    def test_arguments(self, _name, arguments, message):
        self.data_set()
        self.refused(message, **arguments)

    def test_tables(self):
        self.write([])
        self.refused("index.csv: expected a row for each slice, got none")
        self.write([(1, "m", "")])
        self.refused("index.csv, line 2: expected values of block, diagnosis, got an empty one")
        self.write([(1, "m", 1), (2, "m", 1), (1, "m", 2)])
        self.refused("index.csv: expected each slice once, got the same in the lines 2 and 4")

    def test_too_few_groups(self):
        self.write([(i, "m", i) for i in range(2)])
        self.refused("expected enough patients or groups of m for 3 splits .*, got 2")


class TestFind(InPictures):
    def test_each_picture_twice(self):
        self.data_set()
        for other in ("notes.txt", "._0001.jpg"):
            (self.root / "images" / other).touch()
        items = find_slices(self.root)
        self.assertEqual(len(items), 40)
        image = str(self.root / "images" / "0001.jpg")
        self.assertEqual(items[:2], [{"image": image, "side": side} for side in ("image_left", "image_right")])
        self.assertEqual(len(find_slices(self.root / "images", "*")), 40)

    def test_nothing_there(self):
        with self.assertRaisesRegex(ValueError, r"expected .jpg, .jpeg, .png files at images/\* in .*, found none"):
            find_slices(self.root)
        with self.assertRaisesRegex(ValueError, "'gone' is not there"):
            find_slices(self.root / "gone")


class TestCommand(InPictures):
    def command(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(["datalist", "slices", "--dataset_dir", str(self.root), *arguments])
        return status, out.getvalue(), err.getvalue()

    def test_writes(self):
        self.data_set()
        status, out, err = self.command("--min_area", "36", "--output", str(self.root / "x.json"))
        self.assertEqual((status, err), (0, ""))
        self.assertIn("training: 6 groups, 12 slices, 24 hemispheres, 12 no tumor, 12 tumor; width AUC 1.000\n", out)
        self.assertEqual(len(json.loads((self.root / "x.json").read_text())["test"]), 8)

    def test_a_wrong_condition(self):
        status, _, err = self.command("--where", "glioma")
        self.assertEqual(status, 2)
        self.assertIn("expected COLUMN=VALUE or COLUMN=VALUE,VALUE, got 'glioma'", err)

    def test_options(self):
        self.data_set()
        for arguments in (
            ["--scattered"],
            ["--gap", "1"],
            ["--mode", "matched"],
            ["--stratify_column", ""],
            ["--where", "diagnosis=glioma"],
        ):
            status, _, err = self.command("--min_area", "36", *arguments)
            self.assertEqual((status, err), (0, ""), arguments)
        datalist = json.loads((self.root / "datalist.json").read_text())
        self.assertEqual(datalist, json.loads(json.dumps(self.build(where={"diagnosis": ["glioma"]}))))

    def test_refuses(self):
        status, out, err = self.command()
        self.assertEqual((status, out), (2, ""))
        self.assertRegex(err, "^error: index_file: expected a CSV file, index.csv is not in the folder .*\n$")


@unittest.skipUnless(REAL, "needs real data: MONAI_DD_REAL_DATA names no folder")
class TestReal(unittest.TestCase):
    """Real slices, 1,734 of glioma and meningioma."""

    @classmethod
    def setUpClass(cls):
        cls.root = Path(REAL) / "brain_t1c"
        if not cls.root.is_dir():
            raise unittest.SkipTest("MONAI_DD_REAL_DATA has no brain_t1c")
        cls.datalist = build_slices_datalist(cls.root)

    def test_counts(self):
        counts = self.datalist["counts"]
        self.assertEqual([counts[s]["groups"] for s in SECTIONS], [28, 8, 8])  # of 44 blocks
        slices = sum(counts[s]["slices"] for s in SECTIONS)
        self.assertTrue(1700 < slices <= 1734)  # a few have less than 100 pixels of tumor
        for section in SECTIONS:
            self.assertTrue(0.5 <= self.datalist["leak"][section]["width_auc"] < 0.75)

    def test_groups_are_disjoint(self):
        groups = [{item["group"] for item in self.datalist[section]} for section in SECTIONS]
        self.assertEqual(sum(map(len, groups)), len(set.union(*groups)))

    def test_labels_match_the_masks(self):
        for item in self.datalist["validation"][::40]:
            mask = np.asarray(Image.open(self.root / item["mask"]))
            area = int(mask[:, slice(*item["window"])].sum())
            self.assertTrue(area >= 100 if item["label"] else area == 0)
            self.assertEqual(Image.open(self.root / item["image"]).size, mask.shape[::-1])
