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
"""Tests of the data lists of ChestX-ray14: labels, boxes and sections; patients stay together."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import unittest
import warnings
from pathlib import Path

import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.transforms import Compose, EnsureTyped, LoadImaged
from parameterized import parameterized

from monai_dd.__main__ import main
from monai_dd.data.datalists import build_chestxray14_datalist, load_datalist
from monai_dd.data.datalists.chestxray14.build import FINDINGS
from monai_dd.transforms import BoxMaskd
from tests.data.datalists.chestxray14.small import HEIGHT, WIDTH, InChest, save_picture

REAL = os.environ.get("MONAI_DD_REAL_DATA", "")
SECTIONS = ("training", "validation", "test")


def patients(datalist: dict) -> list[set[str]]:
    return [{item["patient"] for item in datalist[section]} for section in SECTIONS]


class InBuilt(InChest):
    def build(self, **kwargs) -> dict:
        return build_chestxray14_datalist(self.root, **kwargs)

    def refused(self, message: str, **arguments) -> None:
        with self.assertRaisesRegex(ValueError, message) as caught:
            self.build(**arguments)
        self.assertNotIn("\n", str(caught.exception))


class TestPublished(InBuilt):
    def setUp(self):
        super().setUp()
        self.published()

    def test_items(self):
        datalist = self.build()
        self.assertEqual(datalist["class_names"], list(FINDINGS))
        test = datalist["test"]
        self.assertEqual([item["image"][-16:-4] for item in test], [f"{p:08d}_00{i}" for p in (11, 12) for i in (0, 1)])
        hernia = [0] * 13 + [1]
        expected = {"image": "images_002/images/00000011_000.png", "label": hernia, "patient": "00000011"}
        self.assertEqual(test[0], {**expected, "boxes": [[13, 0.25, 0.25, 0.75, 0.75]]})
        self.assertEqual(test[1]["boxes"], [])
        self.assertEqual(test[2]["label"], [0] * 14)
        items = {item["image"]: item for section in SECTIONS for item in datalist[section]}
        self.assertEqual(len(items), 24)
        effusion_infiltration = [0, 0, 1, 1] + [0] * 10
        self.assertEqual(items["images_001/images/00000002_000.png"]["label"], effusion_infiltration)
        self.assertEqual(set(patients(datalist)[2]), {"00000011", "00000012"})

    def test_counts(self):
        datalist = self.build(val_fraction=0.2)
        counts = datalist["counts"]
        self.assertEqual([counts[s]["patients"] for s in SECTIONS], [8, 2, 2])
        self.assertEqual([counts[s]["images"] for s in SECTIONS], [16, 4, 4])
        test = counts["test"]
        self.assertEqual((test["negative"], test["findings"]["Hernia"], test["findings"]["Mass"]), (2, 2, 0))
        self.assertEqual((test["boxes"]["Hernia"], sum(test["boxes"].values())), (1, 1))
        self.assertEqual(sum(counts[s]["findings"]["Mass"] for s in SECTIONS), 6)  # patients 1, 5, 9
        self.assertEqual((datalist["skipped"], datalist["unlabeled_boxes"]), (0, 0))

    def test_patients_are_in_one_section(self):
        for seed in range(10):
            training, validation, test = patients(self.build(seed=seed, val_fraction=0.3))
            self.assertEqual((len(training), len(validation), len(test)), (7, 3, 2))
            self.assertEqual(len(training | validation | test), 12)

    def test_seed(self):
        lists = [self.build(seed=seed, val_fraction=0.3) for seed in (1, 1, 2)]
        self.assertEqual(lists[0], lists[1])
        self.assertNotEqual(lists[0]["validation"], lists[2]["validation"])
        self.assertEqual(lists[0]["test"], lists[2]["test"])

    def test_classes(self):
        whole = patients(self.build())
        self.append(
            "BBox_List_2017.csv", "00000011_000.png,Mass,99999,0,5,5,,,"
        )  # of no kept class: not even looked at
        datalist = self.build(classes=["Hernia", "Effusion"])
        self.assertEqual(datalist["class_names"], ["Hernia", "Effusion"])
        self.assertEqual(datalist["test"][0]["label"], [1, 0])
        self.assertEqual(datalist["test"][0]["boxes"], [[0, 0.25, 0.25, 0.75, 0.75]])
        self.assertEqual(whole, patients(datalist))

    def test_flat_folder(self):
        for folder in ("images_001", "images_002"):
            shutil.copytree(self.root / folder / "images", self.root / "images", dirs_exist_ok=True)
            shutil.rmtree(self.root / folder)
        self.assertEqual(self.build()["test"][0]["image"], "images/00000011_000.png")

    def test_images_in_two_folders(self):
        save_picture(self.root / "images" / "00000011_000.png")
        self.refused("^dataset_dir: expected each image in one folder, got 1 in several: 00000011_000.png$")

    def test_no_folders(self):
        for folder in ("images_001", "images_002"):
            shutil.rmtree(self.root / folder)
        self.refused("^dataset_dir: expected the folder images, or images_001/images and more, in ")

    def test_absent_images(self):
        for patient in (1, 2, 7, 11):
            (self.root / f"images_{1 + patient // 7:03d}" / "images" / f"{patient:08d}_000.png").unlink()
        message = "4 of 24 images are not there: 00000001_000.png, 00000002_000.png, 00000007_000.png, ..."
        self.refused(f"^dataset_dir: expected all images of the tables, {message} .skip_missing leaves them out.$")
        with pytest.warns(UserWarning, match=f"^skipped: {message}$"):
            datalist = self.build(skip_missing=True)
        self.assertEqual((datalist["skipped"], sum(len(datalist[s]) for s in SECTIONS)), (4, 20))
        self.assertEqual(sum(datalist["counts"]["test"]["boxes"].values()), 0)  # the image with the box is absent

    def test_all_images_absent(self):
        for path in self.root.glob("images_*/images/*.png"):
            path.unlink()
        self.refused("24 of 24 images are not there", skip_missing=True)

    def test_no_test_image_left(self):
        for path in self.root.glob("images_*/images/0000001[12]*.png"):
            path.unlink()
        with pytest.warns(UserWarning, match="^skipped: 4 of 24"):
            self.refused("^test: expected images, none is left", skip_missing=True)

    def test_images_of_neither_list(self):
        self.lines("test_list.txt", ["00000011_000.png"])
        with pytest.warns(UserWarning, match="^3 images left out: they are in neither list$"):
            self.assertEqual(len(self.build()["test"]), 1)

    def test_boxes_without_label(self):
        self.append("BBox_List_2017.csv", "00000011_000.png,Mass,0,0,4,4,,,")
        self.append("BBox_List_2017.csv", "00000012_000.png,Infiltrate,0,0,4,4,,,")
        what = (
            "BBox_List_2017.csv: 2 of 3 boxes show a finding .* does not have, {}: 00000011_000.png, 00000012_000.png$"
        )
        with pytest.warns(UserWarning, match=what.format("kept")):
            datalist = self.build()
        mass = [4, 0, 0, 0.2, 0.1]
        self.assertEqual(datalist["test"][0]["boxes"], [[13, 0.25, 0.25, 0.75, 0.75], mass])
        self.assertEqual(datalist["test"][0]["label"][4], 0)  # the label is not changed
        self.assertEqual(datalist["test"][2]["boxes"], [[3, 0, 0, 0.2, 0.1]])
        with pytest.warns(UserWarning, match=what.format("left out")):
            dropped = self.build(drop_unlabeled_boxes=True)
        self.assertEqual(dropped["test"][0]["boxes"], [[13, 0.25, 0.25, 0.75, 0.75]])
        self.assertEqual((dropped["test"][2]["boxes"], dropped["unlabeled_boxes"]), ([], 2))

    @parameterized.expand(
        [
            ({"classes": ["Covid"]}, "^classes: expected one of .*, got 'Covid'$"),
            ({"classes": []}, "^classes: expected one or more findings, each once, got none$"),
            ({"classes": ["Mass", "Mass"]}, "^classes: expected .* each once, got Mass, Mass$"),
            ({"val_fraction": 1.0}, "^val_fraction: expected a number between 0 and 1, got 1.0$"),
            ({"test_fraction": 0.2}, "^test_fraction: expected none, as the data set has its own test_list.txt$"),
        ]
    )
    def test_arguments(self, arguments, message):
        self.refused(message, **arguments)

    def test_batches(self):
        path = self.root / "datalist.json"
        path.write_text(json.dumps(self.build()))
        items = load_datalist(path, "test", self.root)
        prepare = Compose(
            [
                LoadImaged("image", ensure_channel_first=True, reverse_indexing=False),
                EnsureTyped("label", dtype=torch.float32),
                BoxMaskd("boxes", len(FINDINGS), (HEIGHT, WIDTH)),
            ]
        )
        batch = next(iter(DataLoader(Dataset(items, prepare), batch_size=4)))
        self.assertEqual(batch["image"].shape, (4, 1, HEIGHT, WIDTH))
        self.assertEqual((batch["label"].shape, batch["label"].dtype), ((4, 14), torch.float32))
        self.assertEqual(batch["boxes"].shape, (4, 14, HEIGHT, WIDTH))
        expected = torch.zeros(4, 14, HEIGHT, WIDTH, dtype=torch.uint8)
        expected[0, 13, 5:15, 10:30] = 1  # the box 10, 5, 20, 10 of the table
        self.assertTrue(torch.equal(batch["boxes"], expected))


class TestSmall(InBuilt):
    def setUp(self):
        super().setUp()
        self.small()

    def test_sections(self):
        datalist = self.build(val_fraction=0.2, test_fraction=0.3)
        # 6 of 20 patients test: two with boxes and four others; of the other 14 a fifth
        self.assertEqual([len(datalist[s]) for s in SECTIONS], [11, 3, 6])
        boxed = [item["patient"] for s in SECTIONS for item in datalist[s] if item["boxes"]]
        self.assertEqual(sorted(boxed), ["00000001", "00000003"])
        self.assertEqual(sum(len(item["boxes"]) for item in datalist["test"]), 2)

    def test_findings_in_proportion(self):
        for seed in range(10):
            datalist = self.build(seed=seed, val_fraction=0.25, test_fraction=0.3)
            self.assertEqual(len(set.union(*patients(datalist))), 20)
            self.assertIn(datalist["counts"]["validation"]["negative"], (1, 2))
            self.assertIn(datalist["counts"]["test"]["negative"], (2, 3))

    def test_patients_with_boxes_fill_the_test_part(self):
        self.assertEqual(patients(self.build(test_fraction=0.1))[2], {"00000001", "00000003"})

    def test_without_boxes(self):
        (self.root / "boxes.csv").unlink()
        with pytest.warns(UserWarning, match="^boxes.csv is not there"):
            datalist = self.build(test_fraction=0.3)
        self.assertEqual(len(datalist["test"]), 6)
        self.assertTrue(all(item["boxes"] == [] for item in datalist["test"]))

    def test_too_few_patients(self):
        rows = (self.root / "labels.csv").read_text().split("\n")
        self.lines("labels.csv", rows[:6])
        self.refused("^split: expected enough patients or groups of patients with", test_fraction=0.9)


class TestCommand(InChest):
    def command(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(["datalist", "chestxray14", "--dataset_dir", str(self.root), *arguments])
        return status, out.getvalue(), err.getvalue()

    def test_writes(self):
        self.published()
        status, out, err = self.command("--val_fraction", "0.2", "--quiet")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"images / boxes +training +validation +test\npatients +8 +2 +2\nimages +16 +4 +4\n")
        self.assertRegex(out, r"Hernia +\d / 0 +\d / 0 +2 / 1\nwritten: ")
        datalist = json.loads((self.root / "datalist.json").read_text())
        self.assertEqual(datalist, build_chestxray14_datalist(self.root, val_fraction=0.2))

    def test_options(self):
        self.published()
        (self.root / "images_001" / "images" / "00000001_000.png").unlink()
        options = [
            "--skip_missing",
            "--seed",
            "3",
            "--classes",
            "Mass",
            "Hernia",
            "--output",
            str(self.root / "x.json"),
        ]
        status, _, err = self.command(*options)
        self.assertEqual(status, 0)
        self.assertIn("warning: skipped: 1 of 24 images are not there: 00000001_000.png\n", err)
        self.assertIn("images:", err)  # the progress bar
        datalist = json.loads((self.root / "x.json").read_text())
        self.assertEqual((datalist["class_names"], datalist["seed"]), (["Mass", "Hernia"], 3))

    def test_refuses(self):
        status, out, err = self.command()
        self.assertEqual((status, out), (2, ""))
        self.assertRegex(err, r"^error: dataset_dir: expected Data_Entry_2017\*.csv or labels.csv in .*\n$")
        self.assertEqual(list(self.root.iterdir()), [])


@unittest.skipUnless(REAL, "needs real data: MONAI_DD_REAL_DATA names no folder")
class TestReal(unittest.TestCase):
    """410 images of 133 patients at 64 x 64 pixels, with boxes of ChestX-ray14 and ChestX-Det10."""

    @classmethod
    def setUpClass(cls):
        cls.root = Path(REAL) / "chest_xray_64"
        if not cls.root.is_dir():
            raise unittest.SkipTest("MONAI_DD_REAL_DATA has no chest_xray_64")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cls.datalist = build_chestxray14_datalist(cls.root)
        cls.warned = [str(warning.message) for warning in caught if warning.category is UserWarning]

    def test_counts(self):
        counts = self.datalist["counts"]
        self.assertEqual(sum(counts[s]["images"] for s in SECTIONS), 410)
        self.assertEqual(sum(counts[s]["findings"]["Effusion"] for s in SECTIONS), 44)
        self.assertEqual(counts["test"]["patients"], 33)  # a quarter of 133
        # 92 boxes, 11 of findings that ChestX-ray14 does not have
        self.assertEqual([sum(counts[s]["boxes"].values()) for s in SECTIONS], [0, 0, 81])
        self.assertEqual(counts["test"]["boxes"]["Nodule"], 33)

    def test_warnings(self):
        self.assertEqual(len(self.warned), 2)
        self.assertIn("boxes.csv: 11 of 92 boxes left out", self.warned[0])
        self.assertIn("49 of 81 boxes show a finding that the label of their image does not have, kept", self.warned[1])

    def test_patients_are_disjoint(self):
        sections = patients(self.datalist)
        self.assertEqual(sum(map(len, sections)), len(set.union(*sections)))

    def test_a_box(self):
        [item] = [item for item in self.datalist["test"] if item["image"] == "images/00000149_006.png"]
        # x 37.729, y 28.765, width 15.593, height 5.627 of 64 pixels; the table has three decimals
        expected = torch.tensor([0, 28.765 / 64, 37.729 / 64, 34.392 / 64, 53.322 / 64])
        torch.testing.assert_close(torch.tensor(item["boxes"][0]), expected, rtol=0, atol=1e-6)
        self.assertEqual(item["label"][0], 1)


if __name__ == "__main__":
    unittest.main()
