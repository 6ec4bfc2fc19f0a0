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
"""Tests of the tables of ChestX-ray14: what is read from the published files, and one clear line for each bad one."""

from __future__ import annotations

from parameterized import parameterized

from monai_dd.data.datalists.chestxray14.tables import FINDINGS, read_chest_tables, read_table
from tests.data.datalists.chestxray14.small import InChest


class TestRead(InChest):
    def test_findings(self):
        self.assertEqual(len(set(FINDINGS)), 14)
        self.assertEqual((FINDINGS[0], FINDINGS[7], FINDINGS[13]), ("Atelectasis", "Pneumothorax", "Hernia"))

    @parameterized.expand([("Data_Entry_2017.csv",), ("Data_Entry_2017_v2020.csv",)])
    def test_published(self, entry):
        self.published(entry)
        tables = read_chest_tables(self.root)
        self.assertEqual(len(tables.patients), 24)
        self.assertEqual(tables.patients["00000002_001.png"], "00000002")  # the table has 2
        self.assertEqual(tables.findings["00000002_001.png"], {"Effusion", "Infiltration"})
        self.assertEqual(tables.findings["00000004_000.png"], frozenset())
        self.assertEqual((len(tables.train_val), tables.test[0]), (20, "00000011_000.png"))

    def test_the_newer_of_two_tables(self):
        self.published()
        text = (self.root / "Data_Entry_2017.csv").read_text()
        (self.root / "Data_Entry_2017_v2020.csv").write_text(text.replace("Hernia", "Edema"))
        self.assertEqual(read_chest_tables(self.root).findings["00000003_000.png"], {"Edema"})

    def test_small(self):
        self.small()
        tables = read_chest_tables(self.root)
        self.assertEqual(tables.findings["00000001_000.png"], {"Mass", "Nodule"})
        self.assertEqual((tables.train_val, tables.test, tables.boxes_file.name), (None, None, "boxes.csv"))

    def test_byte_order_mark_and_blank_lines(self):
        self.published()
        for name in ("test_list.txt", "Data_Entry_2017.csv"):
            text = (self.root / name).read_text(encoding="utf-8")
            (self.root / name).write_text("\ufeff" + text + "\n", encoding="utf-8")
        tables = read_chest_tables(self.root)
        self.assertEqual((len(tables.test), len(tables.patients)), (4, 24))

    @parameterized.expand([("a,b,Bbox [x,y,w,h],,,",), ('a,b,"Bbox [x,y,w,h]",Unnamed: 3',), ("a,b,x,y,w,h",)])
    def test_header_of_the_boxes(self, header):
        self.lines("table.csv", [header, "1,2,3,4,5,6,,,"])
        self.assertEqual(read_table(self.root / "table.csv", ("h", "x", "a")), [("6", "3", "1")])


class TestRefuses(InChest):
    def refused(self, message: str) -> None:
        with self.assertRaisesRegex(ValueError, message) as caught:
            read_chest_tables(self.root)
        self.assertNotIn("\n", str(caught.exception))

    def row(self, name: str, findings: str, patient: str = "1") -> str:
        return f"{name},{findings},0,{patient},058Y,M,PA,2682,2749,0.143,0.143,"

    def test_unknown_findings(self):
        self.published()
        for name, findings in (
            ("a.png", "Covid|Mass"),
            ("b.png", "Covid"),
            ("c.png", ""),
            ("d.png", "No Finding|Mass"),
        ):
            self.append("Data_Entry_2017.csv", self.row(name, findings))
        self.refused(
            r"^Data_Entry_2017.csv: expected the 14 findings of ChestX-ray14 \(or 'No Finding' alone\), got 3 unknown: "
            r"'Covid' \(2 times\), '' \(1 times\), 'No Finding' \(1 times\)$"
        )

    def test_repeated_images(self):
        self.published()
        for number in (9, 8, 7, 6):
            self.append("Data_Entry_2017.csv", self.row(f"{number:08d}_000.png", "Mass"))
        self.refused(
            "^Data_Entry_2017.csv: expected each image once, got 4 repeated: 00000006_000.png, 00000007_000.png, "
            r"00000008_000.png, \.\.\.$"
        )

    @parameterized.expand([("train_val_list.txt",), ("test_list.txt",)])
    def test_lists(self, name):
        self.published()
        path = self.root / name
        first = path.read_text().split()[0]
        self.append(name, first)
        self.refused(f"^{name}: expected each image once, got 1 repeated: {first}$")
        self.lines(name, [first, "x.png"])
        self.refused(f"^{name}: expected images of Data_Entry_2017.csv, got 1 that it does not have: x.png$")
        self.lines(name, [])
        self.refused(f"^{name}: expected the name of an image in each line, got none$")
        path.unlink()
        self.refused(f"^{name}: expected this file in .*, it is not there$")

    def test_patients_in_both_lists(self):
        self.published()
        for number in (1, 3, 4, 7):
            self.append("Data_Entry_2017.csv", self.row(f"x{number}.png", "Mass", str(number)))
            self.append("test_list.txt", f"x{number}.png")
        self.append("test_list.txt", "00000009_000.png")  # also: the same image in both
        self.refused(
            "^train_val_list.txt and test_list.txt: expected no patient in both, got 5; in the test list those of "
            r"x1.png, x3.png, x4.png, \.\.\.$"
        )

    @parameterized.expand(
        [
            ("image,findings", "labels.csv: expected the columns image, patient, findings, missing patient$"),
            ("", "labels.csv: expected a header with the columns image, .*, the file is empty$"),
            ("image,patient,findings", "labels.csv: expected rows below the header, got none$"),
            ("image,patient,findings\na.png,1", "labels.csv, line 2: expected values of image, .*, got 2 values$"),
            ("image,patient,findings\na.png,,Mass", "labels.csv: expected an image and a patient .*, got 1 without$"),
            ("image,patient,findings\na.png,1,Mass;Edema", r"labels.csv: .* unknown: 'Mass;Edema' \(1 times\)$"),
        ]
    )
    def test_small(self, text, message):
        (self.root / "labels.csv").write_text(text)
        self.refused(message)

    def test_nothing_there(self):
        self.refused(r"^dataset_dir: expected Data_Entry_2017\*.csv or labels.csv in .*, found neither$")
        with self.assertRaisesRegex(ValueError, "^dataset_dir: expected the folder of ChestX-ray14, 'gone' is not"):
            read_chest_tables(self.root / "gone")
