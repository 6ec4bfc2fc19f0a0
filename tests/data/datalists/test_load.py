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
"""Tests of how a split of a data list is loaded."""

from __future__ import annotations

import json

from parameterized import parameterized

from monai_dd.data.datalists import load_datalist, load_findings
from tests.data.datalists.brats.small import InFolder


class TestLoad(InFolder):
    def setUp(self):
        super().setUp()
        self.file = self.root / "datalist.json"
        for name in ("a_t1.nii", "a_t2.nii", "m.nii.gz"):
            (self.root / name).touch()
        (self.root / "series").mkdir()

    def write(self, *items: dict) -> None:
        self.file.write_text(json.dumps({"labels": {}, "training": items, "validation": []}))

    def test_paths_are_made_absolute(self):
        self.write({"image": "series", "mask": "m.nii.gz", "label": 1}, {"image": "a_t1.nii"})
        got = load_datalist(self.file, "training", self.root)
        series = {"image": f"{self.root}/series", "mask": f"{self.root}/m.nii.gz", "label": 1, "case": "series"}
        scan = {"image": f"{self.root}/a_t1.nii", "case": "a_t1.nii"}
        self.assertEqual(got, [{**item, "group": item["case"]} for item in (series, scan)])
        self.assertEqual(load_datalist(self.file, "validation", self.root), [])

    def test_several_files_and_volumes_of_one(self):
        self.write({"image": ["a_t1.nii", "a_t2.nii"], "slice": 3}, {"image": ["m.nii.gz#1", "m.nii.gz#0"]})
        got = [item["image"] for item in load_datalist(self.file, "training", self.root)]
        self.assertEqual(got[0], [f"{self.root}/a_t1.nii", f"{self.root}/a_t2.nii"])
        self.assertEqual(got[1], [f"{self.root}/m.nii.gz#1", f"{self.root}/m.nii.gz#0"])

    def test_every_item_says_which_case_it_is(self):
        half = {"image": ["a_t1.nii", "a_t2.nii"], "slice": 3, "side": "image_left"}
        self.write(half, {**half, "side": "image_right"}, {"image": "m.nii.gz#1"})
        got = [item["case"] for item in load_datalist(self.file, "training", self.root)]
        self.assertEqual(got, ["a_t1.nii:3:image_left", "a_t1.nii:3:image_right", "m.nii.gz#1"])

    def test_other_number_signs_are_part_of_the_path(self):
        (self.root / "study#1").mkdir()
        self.write({"image": "study#1"})
        expected = {"image": f"{self.root}/study#1", "case": "study#1", "group": "study#1"}
        self.assertEqual(load_datalist(self.file, "training", self.root), [expected])

    def test_every_item_says_whose_it_is(self):
        volume = {"image": ["m.nii.gz#1", "m.nii.gz#0"], "slice": 3}
        picture = {"image": "a_t1.nii", "patient": 12}
        self.write(volume, {"image": "m.nii.gz#0"}, picture, {**picture, "group": "block 3"})
        got = [item["group"] for item in load_datalist(self.file, "training", self.root)]
        self.assertEqual(got, ["m.nii.gz", "m.nii.gz", "12", "block 3"])

    def test_classes_are_those_of_the_file(self):
        self.file.write_text(json.dumps({"class_names": ["Mass", "Nodule"], "training": []}))
        self.assertEqual(load_datalist(self.file, "training", self.root, ["Mass", "Nodule"]), [])
        for other in (["Nodule", "Mass"], ["Mass"]):
            with self.assertRaisesRegex(ValueError, r"^class_names: expected those of datalist.json, .*, got \['"):
                load_datalist(self.file, "training", self.root, other)

    def test_no_file(self):
        with self.assertRaisesRegex(
            ValueError, "datalist_file: expected a file that monai-dd datalist makes .*, gone.json is not there"
        ):
            load_datalist(self.root / "gone.json", "training", self.root)

    @parameterized.expand(["test", "labels"])
    def test_no_split(self, split):
        self.write()
        message = rf"^datalist.json: expected the split '{split}', got \['training', 'validation'\]$"
        with self.assertRaisesRegex(ValueError, message):
            load_datalist(self.file, split, self.root)

    @parameterized.expand([("{", "expected JSON, got datalist.json"), ("[]", "expected the split")])
    def test_no_data_list(self, content, message):
        self.file.write_text(content)
        with self.assertRaisesRegex(ValueError, message):
            load_datalist(self.file, "training", self.root)

    def test_wrong_folder(self):
        self.write({"image": ["a_t1.nii", "gone.nii#1"], "mask": "Doe.nii"}, {"image": "gone.nii#2"})
        with self.assertRaises(ValueError) as caught:
            load_datalist(self.file, "training", self.root)
        self.assertIn("expected the 3 images and masks of the split 'training' of datalist.json", str(caught.exception))
        self.assertNotIn("Doe", str(caught.exception))


class TestLoadFindings(InFolder):
    CLASSES = ("Effusion", "Mass", "Nodule")
    MASS, OTHER, NODULE = [1, 0.1, 0.2, 0.3, 0.4], [1, 0.5, 0.5, 0.7, 0.9], [2, 0.0, 0.0, 0.1, 0.1]

    def write(self, *boxes: list) -> None:
        items = []
        for number, own in enumerate(boxes):
            (self.root / f"{number}.png").touch()
            items.append({"image": f"{number}.png", "label": [1, 0, 1], "patient": f"{number}", "boxes": own})
        content = {"class_names": self.CLASSES, "test": items, "training": []}
        (self.root / "datalist.json").write_text(json.dumps(content))

    def load(self, split: str = "test", classes: tuple = CLASSES) -> list[dict]:
        return load_findings(self.root / "datalist.json", split, self.root, classes)

    def test_an_item_for_each_class_with_a_box(self):
        self.write([self.NODULE, self.MASS, self.OTHER], [], [self.NODULE])
        image = {"image": f"{self.root}/0.png", "label": [1, 0, 1], "patient": "0"}
        last = {"image": f"{self.root}/2.png", "label": [1, 0, 1], "patient": "2"}
        # in the order of the classes, whatever that of the boxes, and what the label says or not
        expected = [
            {**image, "boxes": [self.MASS, self.OTHER], "finding": 1, "case": "0.png:Mass"},
            {**image, "boxes": [self.NODULE], "finding": 2, "case": "0.png:Nodule"},
            {**last, "boxes": [self.NODULE], "finding": 2, "case": "2.png:Nodule"},
        ]
        self.assertEqual(self.load(), [{**item, "group": item["patient"]} for item in expected])

    def test_a_section_without_boxes(self):
        self.write([], [])
        for split in ("test", "training"):
            message = f"^datalist.json: expected images with boxes in '{split}', found none$"
            with self.assertRaisesRegex(ValueError, message):
                self.load(split)

    def test_items_without_the_key(self):
        (self.root / "0.png").touch()
        content = {"class_names": self.CLASSES, "test": [{"image": "0.png"}]}
        (self.root / "datalist.json").write_text(json.dumps(content))
        with self.assertRaisesRegex(ValueError, "found none$"):
            self.load()

    def test_other_classes(self):
        self.write([self.MASS])
        with self.assertRaisesRegex(ValueError, "^class_names: expected those of datalist.json"):
            self.load(classes=self.CLASSES[:2])
