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
"""Tables of a data set of chest phantoms, with the names and columns of ChestX-ray14."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_dd.data.phantoms.chest.phantom import ChestBox

__all__ = ["ChestRecord", "write_chest_tables"]

_ENTRY = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
_ENTRY += "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
_BOX = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
_SPELLED = {"Infiltration": "Infiltrate"}  # in the table of boxes only
_README = """Chest phantoms: artificial radiographs that show no patient
===========================================================

Computed by monai_dd ("monai-dd phantoms chest"); the names of the files and the columns of the tables
are those of NIH ChestX-ray14 (Wang et al., "ChestX-ray8", CVPR 2017), so that the same programs read both. Nothing
here was taken from that data set. Results on phantoms say nothing about patients.

Data_Entry_2017.csv   findings, age, sex and pixel spacing in mm of each image
BBox_List_2017.csv    boxes of the findings, in pixels of the image
train_val_list.txt    images for training and validation
test_list.txt         images for testing, of other patients
images_001/images     the images
"""


@dataclass(frozen=True)
class ChestRecord:
    """What the tables say of one image.

    Attributes:
        name: of the file.
        patient: number of the patient.
        visit: number of the image among those of the patient, from 0.
        findings: names; empty for "No Finding".
        boxes: around the findings.
        age: years.
        sex: ``"F"`` or ``"M"``.
        image_size: pixels along each edge.
        pixel_size: edge of a pixel in mm.
        is_test: whether the patient belongs to the test part.
    """

    name: str
    patient: int
    visit: int
    findings: Sequence[str]
    boxes: Sequence[ChestBox]
    age: int
    sex: str
    image_size: int
    pixel_size: float
    is_test: bool


def write_chest_tables(root: Path, records: Sequence[ChestRecord], boxes: str) -> None:
    """Write the tables, the lists of the split and a README under ``root``.

    Args:
        root: folder of the data set.
        records: one for each image, in the order of the names.
        boxes: ``"test"`` writes the boxes of test images, as published, ``"all"`` those of all images.
    """
    entries = [_entry(record) for record in records]
    places = [
        [r.name, _SPELLED.get(b.finding, b.finding), b.x, b.y, b.width, b.height, "", "", ""]
        for r in records
        for b in r.boxes
        if r.is_test or boxes == "all"
    ]
    _write_csv(root / "Data_Entry_2017.csv", _ENTRY, entries)
    _write_csv(root / "BBox_List_2017.csv", _BOX, places)
    _write_text(root / "train_val_list.txt", "".join(f"{r.name}\n" for r in records if not r.is_test))
    _write_text(root / "test_list.txt", "".join(f"{r.name}\n" for r in records if r.is_test))
    _write_text(root / "README.txt", _README)


def _entry(record: ChestRecord) -> list[object]:
    findings, spacing = "|".join(record.findings) or "No Finding", round(record.pixel_size, 4)
    who = [record.visit, record.patient, record.age, record.sex, "PA"]
    return [record.name, findings, *who, record.image_size, record.image_size, spacing, spacing, ""]


def _write_csv(path: Path, header: str, rows: Iterable[Sequence[object]]) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        file.write(f"{header}\n")
        csv.writer(file, lineterminator="\n").writerows(rows)
    part.replace(path)


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
