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
"""Tests of the boxes of ChestX-ray14: pixels become fractions, what is not a box inside its picture is named."""

from __future__ import annotations

import pytest
from parameterized import parameterized

from monai_dd.data.datalists.chestxray14.boxes import PixelBox, box_fractions, read_chest_boxes
from monai_dd.data.datalists.chestxray14.tables import read_chest_tables
from tests.data.datalists.chestxray14.small import BOXES, InChest

NAME = "00000011_000.png"


class TestRead(InChest):
    def setUp(self):
        super().setUp()
        self.published()
        self.tables = read_chest_tables(self.root)

    def write(self, *rows: str, header: str = BOXES) -> None:
        self.lines("BBox_List_2017.csv", [header, *rows])

    def test_boxes(self):
        self.write(f"{NAME},Infiltrate,1.5,2,3,4,,,", f"{NAME},Mass,5,6,7,8.25,,,", "00000001_000.png,Edema,0,0,1,1,,,")
        expected = [PixelBox("Infiltration", 1.5, 2, 3, 4), PixelBox("Mass", 5, 6, 7, 8.25)]
        boxes = read_chest_boxes(self.tables)
        self.assertEqual(boxes, {NAME: expected, "00000001_000.png": [PixelBox("Edema", 0, 0, 1, 1)]})

    def test_no_table(self):
        (self.root / "BBox_List_2017.csv").unlink()
        with pytest.warns(UserWarning, match="^BBox_List_2017.csv is not there: no image gets a box"):
            self.assertEqual(read_chest_boxes(self.tables), {})

    def test_findings_that_chestxray14_does_not_have(self):
        self.write(f"{NAME},Fracture,1,2,3,4", f"{NAME},Mass,1,2,3,4", f"{NAME},Calcification,1,2,3,4")
        with pytest.warns(UserWarning, match="2 of 3 boxes left out: ChestX-ray14 has no Calcification or Fracture"):
            self.assertEqual(read_chest_boxes(self.tables), {NAME: [PixelBox("Mass", 1, 2, 3, 4)]})

    @parameterized.expand(
        [
            (f"{NAME},Mass,1,2,x,4", "got 1, 2, x, 4 for Mass in 00000011_000.png$"),
            (f"{NAME},Mass,1,,3,4", "got 1, , 3, 4 for Mass"),
            (f"{NAME},Mass,1,2,nan,4", "x, y, a width and a height above 0 of each box, got 1, 2, nan, 4"),
            (f"{NAME},Mass,inf,2,3,4", "got inf, 2, 3, 4"),
            (f"{NAME},Mass,1,2,0,4", "got 1, 2, 0, 4"),
            (f"{NAME},Mass,1,2,3,-4", "got 1, 2, 3, -4"),
            (f"{NAME},Covid,1,2,3,4", r"got 1 unknown: 'Covid' \(1 times\)$"),
            (f"{NAME},No Finding,1,2,3,4", r"got 1 unknown: 'No Finding' \(1 times\)$"),
            ("x.png,Mass,1,2,3,4", "expected images of the table of images, got 1 others: x.png$"),
            (f"{NAME},Mass,1,2", "line 2: expected values of Image Index, .*, got 4 values$"),
        ]
    )
    def test_refuses(self, row, message):
        self.write(row)
        with self.assertRaisesRegex(ValueError, "^BBox_List_2017.csv.*" + message) as caught:
            read_chest_boxes(self.tables)
        self.assertNotIn("\n", str(caught.exception))

    def test_refuses_a_table_without_columns_or_rows(self):
        self.write(f"{NAME},Mass,1,2,3,4", header="Image Index,Finding Label,x,y,width,height")
        with self.assertRaisesRegex(ValueError, "expected the columns Image Index, .*, missing w, h$"):
            read_chest_boxes(self.tables)
        self.write()
        with self.assertRaisesRegex(ValueError, "^BBox_List_2017.csv: expected rows below the header, got none$"):
            read_chest_boxes(self.tables)


class TestFractions(InChest):
    """Pictures of 40 columns and 20 rows."""

    def setUp(self):
        super().setUp()
        self.published()
        self.files = {NAME: self.root / "images_002" / "images" / NAME}

    def fractions(self, *numbers: float) -> list[float]:
        box = PixelBox("Mass", *numbers)
        [(finding, sides)] = box_fractions({NAME: [box]}, self.files, "boxes.csv")[NAME]
        self.assertEqual(finding, "Mass")
        return sides

    def test_values(self):
        # top 5/20, left 10/40, bottom (5 + 10)/20, right (10 + 20)/40; then the whole picture
        self.assertEqual(self.fractions(10, 5, 20, 10), [0.25, 0.25, 0.75, 0.75])
        self.assertEqual(self.fractions(4, 5, 20, 1), [0.25, 0.1, 0.3, 0.6])
        self.assertEqual(self.fractions(0, 0, 40, 20), [0, 0, 1, 1])

    def test_cuts_off_what_is_less_than_a_percent_beyond(self):
        self.assertEqual(self.fractions(-0.39, -0.19, 40.7, 20.3), [0, 0, 1, 1])

    @parameterized.expand([((-0.5, 0, 10, 10),), ((0, -0.3, 9, 9),), ((30, 0, 10.5, 5),), ((0, 15, 5, 5.3),)])
    def test_refuses_boxes_outside(self, numbers):
        message = r"^boxes.csv: expected boxes inside .*, got 1 outside: 00000011_000.png \(Mass, 40 x 20 pixels\)$"
        with self.assertRaisesRegex(ValueError, message):
            self.fractions(*numbers)

    def test_names_the_first_three(self):
        boxes = [PixelBox("Mass", 100 + i, 1, 5, 5) for i in range(5)]
        with self.assertRaisesRegex(ValueError, r"got 5 outside: (0.*pixels\), ){3}\.\.\.$"):
            box_fractions({NAME: boxes}, self.files, "boxes.csv")

    def test_refuses_a_broken_picture(self):
        self.files[NAME].write_text("text")
        with self.assertRaisesRegex(
            ValueError, "^00000011_000.png: expected a picture, the file is truncated or none$"
        ):
            self.fractions(10, 5, 20, 10)
