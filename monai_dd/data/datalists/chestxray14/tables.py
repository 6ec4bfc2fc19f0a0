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
"""Tables of ChestX-ray14: which images there are, whose, with which findings, and the published split.

Source: Wang et al., "ChestX-ray8", CVPR 2017, and the files that NIH distributes with the images.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FINDINGS",
    "NO_FINDING",
    "ChestTables",
    "first_three",
    "read_chest_tables",
    "read_table",
    "unknown_findings",
]

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",  # up to here the eight with boxes in BBox_List_2017.csv
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
NO_FINDING = "No Finding"
LISTS = ("train_val_list.txt", "test_list.txt")


@dataclass(frozen=True)
class ChestTables:
    """What the tables say of the images.

    Attributes:
        patients: patient of each image, by the name of its file.
        findings: findings of each image; none for ``No Finding``.
        train_val: images of the published training and validation part, ``None`` where there is no published split.
        test: images of the published test part, ``None`` where there is no published split.
        boxes_file: table of the boxes, which need not be there.
        box_columns: its columns: image, finding, left, top, width and height.
    """

    patients: dict[str, str]
    findings: dict[str, frozenset[str]]
    train_val: list[str] | None
    test: list[str] | None
    boxes_file: Path
    box_columns: tuple[str, str, str, str, str, str]


def read_chest_tables(dataset_dir: str | Path) -> ChestTables:
    """Read the tables of a data set, in the published layout or in the small one.

    Published: ``Data_Entry_2017.csv`` or ``Data_Entry_2017_v2020.csv`` (the last by name, where there are both),
    ``train_val_list.txt``, ``test_list.txt`` and ``BBox_List_2017.csv``. Small: ``labels.csv`` (image, patient,
    findings) and ``boxes.csv`` (image, finding, x, y, width, height), without a split. Findings are separated by
    ``|`` in both.

    Raises:
        ValueError: when a table is absent or empty, lacks a column, has an unknown finding or an image twice, or when
            the lists name unknown images, an image twice, or a patient in both.
    """
    root = Path(dataset_dir)
    if not root.is_dir():
        raise ValueError(f"dataset_dir: expected the folder of ChestX-ray14, {root.name!r} is not there")
    entries = sorted(root.glob("Data_Entry_2017*.csv"))
    if entries:
        patients, findings = _read_images(entries[-1], ("Image Index", "Patient ID", "Finding Labels"))
        train_val, test = (_read_list(root / name, patients, entries[-1].name) for name in LISTS)
        _refuse_leak(train_val, test, patients)
        box_columns = ("Image Index", "Finding Label", "x", "y", "w", "h")
        return ChestTables(patients, findings, train_val, test, root / "BBox_List_2017.csv", box_columns)
    if (root / "labels.csv").is_file():
        patients, findings = _read_images(root / "labels.csv", ("image", "patient", "findings"))
        box_columns = ("image", "finding", "x", "y", "width", "height")
        return ChestTables(patients, findings, None, None, root / "boxes.csv", box_columns)
    raise ValueError(f"dataset_dir: expected Data_Entry_2017*.csv or labels.csv in {root.name!r}, found neither")


def read_table(path: Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Columns of a CSV file, by name, without the spaces around values; brackets in the header do not count.

    The header of the published boxes is ``Image Index,Finding Label,Bbox [x,y,w,h],,,``, whose ``[x`` is a column.

    Raises:
        ValueError: when the file is not there or empty, a column is missing, or a row is too short.
    """
    if not path.is_file():
        raise ValueError(f"{path.name}: expected this file in {path.parent.name!r}, it is not there")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            line = ",".join(next(reader, []))
            if not line:
                expected = f"a header with the columns {', '.join(columns)}"
                raise ValueError(f"{path.name}: expected {expected}, the file is empty")
            header = [name.strip() for name in re.sub(r"Bbox|[\[\]]", "", line).split(",")]
            missing = [column for column in columns if column not in header]
            if missing:
                expected = f"the columns {', '.join(columns)}"
                raise ValueError(f"{path.name}: expected {expected}, missing {', '.join(missing)}")
            places = [header.index(column) for column in columns]
            rows = []
            for row in filter(None, reader):
                if len(row) <= max(places):
                    raise ValueError(
                        f"{path.name}, line {reader.line_num}: expected values of {', '.join(columns)}, got "
                        f"{len(row)} values"
                    )
                rows.append(tuple(row[place].strip() for place in places))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: expected a CSV file in UTF-8") from error
    if not rows:
        raise ValueError(f"{path.name}: expected rows below the header, got none")
    return rows


def unknown_findings(file: str, names: Iterable[str]) -> None:
    """Refuse findings that are none of ChestX-ray14.

    Args:
        file: where they are from, for the message.
        names: of the unknown findings, each as often as it occurs.

    Raises:
        ValueError: one line with each of them and how often it occurs.
    """
    counts = Counter(names)
    if counts:
        named = ", ".join(f"{name!r} ({count} times)" for name, count in counts.most_common(5))
        raise ValueError(
            f"{file}: expected the {len(FINDINGS)} findings of ChestX-ray14 (or {NO_FINDING!r} alone), got "
            f"{len(counts)} unknown: {named}{', ...' if len(counts) > 5 else ''}"
        )


def first_three(names: Sequence[str]) -> str:
    """The first three of many names, for messages."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _read_images(path: Path, columns: tuple[str, str, str]) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    """Patient and findings of each image."""
    rows = read_table(path, columns)
    repeated = [name for name, count in Counter(name for name, _, _ in rows).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{path.name}: expected each image once, got {len(repeated)} repeated: {first_three(repeated)}"
        )
    nameless = [name for name, patient, _ in rows if not (name and patient)]
    if nameless:
        raise ValueError(f"{path.name}: expected an image and a patient in each row, got {len(nameless)} without")
    parts = {name: findings.split("|") for name, _, findings in rows}
    findings = {name: frozenset() if found == [NO_FINDING] else frozenset(found) for name, found in parts.items()}
    unknown_findings(path.name, (f for found in findings.values() for f in sorted(found.difference(FINDINGS))))
    # the published numbers, such as 1, become what the names of files begin with: 00000001
    return {name: patient.zfill(8) if patient.isdigit() else patient for name, patient, _ in rows}, findings


def _read_list(path: Path, known: dict[str, str], table: str) -> list[str]:
    """Names of images, one in each line."""
    if not path.is_file():
        raise ValueError(f"{path.name}: expected this file in {path.parent.name!r}, it is not there")
    try:
        names = path.read_text(encoding="utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: expected text in UTF-8") from error
    if not names:
        raise ValueError(f"{path.name}: expected the name of an image in each line, got none")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{path.name}: expected each image once, got {len(repeated)} repeated: {first_three(repeated)}"
        )
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"{path.name}: expected images of {table}, got {len(unknown)} that it does not have: {first_three(unknown)}"
        )
    return names


def _refuse_leak(train_val: list[str], test: list[str], patients: dict[str, str]) -> None:
    trained = {patients[name] for name in train_val}
    leaked: dict[str, str] = {}
    for name in test:
        if patients[name] in trained:
            leaked.setdefault(patients[name], name)
    if leaked:
        raise ValueError(
            f"{' and '.join(LISTS)}: expected no patient in both, got {len(leaked)}; in the test list those of "
            f"{first_three(list(leaked.values()))}"
        )
