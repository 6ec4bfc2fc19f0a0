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
"""Data lists of FDG-PET studies: a folder of DICOM series and a table of labels become a patient-disjoint split.

Command line: ``monai-dd datalist fdg --help``.
"""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from monai_dd.dicom.series_files import is_dicom_file

__all__ = ["CLASSES", "build_fdg_datalist", "find_series"]

CLASSES = ("normal", "mild", "severe")  # severity of altered muscular biodistribution (Ron et al. 2022, Section 4.1)
COLUMNS = ("patient_id", "series", "label")


def _read_rows(dataset_dir: Path, labels_file: Path) -> list[dict[str, Any]]:
    with open(labels_file, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [c for c in COLUMNS if c not in (reader.fieldnames or [])]
        if missing:
            raise ValueError(
                f"{labels_file.name}: expected the columns {', '.join(COLUMNS)}, missing {', '.join(missing)}"
            )
        rows = list(reader)
    items: list[dict[str, Any]] = []
    for line, row in enumerate(rows, start=2):
        label = (row["label"] or "").strip().lower()
        if label not in CLASSES and label not in map(str, range(len(CLASSES))):
            raise ValueError(
                f"{labels_file.name}, line {line}: label: expected one of {', '.join(CLASSES)}, got {label!r}"
            )
        for column in ("patient_id", "series"):
            if not (row[column] or "").strip():
                raise ValueError(f"{labels_file.name}, line {line}: {column}: expected a value, got none")
        item = {"patient_id": row["patient_id"].strip(), "image": row["series"].strip()}
        item["label"] = CLASSES.index(label) if label in CLASSES else int(label)
        if (row.get("mask") or "").strip():
            item["mask"] = row["mask"].strip()
        items.append(item)
    _check_files(dataset_dir, labels_file, items)
    return items


def _check_files(dataset_dir: Path, labels_file: Path, items: list[dict[str, Any]]) -> None:
    """Name lines, not paths: folders are often called after patients."""
    images = Counter(Path(i["image"]) for i in items)
    refusals = {
        "series folder is not in the data set": lambda i: not (dataset_dir / i["image"]).is_dir(),
        "series is listed more than once": lambda i: images[Path(i["image"])] > 1,
        "mask is not in the data set": lambda i: "mask" in i and not (dataset_dir / i["mask"]).is_file(),
    }
    for what, refused in refusals.items():
        lines = [str(line) for line, item in enumerate(items, start=2) if refused(item)]
        if lines:
            more = ", ..." if len(lines) > 5 else ""
            raise ValueError(f"{labels_file.name}, lines {', '.join(lines[:5])}{more}: {what} ({len(lines)} in all)")


def build_fdg_datalist(
    dataset_dir: str | Path, labels_file: str | Path, val_fraction: float = 0.2, seed: int = 0
) -> dict[str, Any]:
    r"""Split studies into training and validation with no patient in both, stratified by label.

    Args:
        dataset_dir: folder the series paths are relative to.
        labels_file: CSV with columns ``patient_id, series, label`` and optionally ``mask`` (paths relative to
            ``dataset_dir``); labels are ``normal, mild, severe`` or 0, 1, 2.
        val_fraction: share of the validation part; 0.2 in the paper. The split has whole folds: 1/2, 1/3, 1/4, 1/5 ...
        seed: of the split.

    Returns:
        MONAI data list with the splits ``training`` and ``validation``; items hold ``image`` (series folder),
        ``label``, ``group`` and, where given, ``mask``. Patient identifiers stay out of it: ``group`` is a number, the
        same for the studies of a patient.

    Raises:
        ValueError: for a table without the columns, unknown labels, absent folders, or a split that would leave a
            class out of one part.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rows = [f"p{i},s{i},{('normal', 'mild', 'severe')[i % 3]}" for i in range(6)]
        ...     _ = Path(folder, "labels.csv").write_text("\n".join(["patient_id,series,label", *rows]))
        ...     for i in range(6):
        ...         Path(folder, f"s{i}").mkdir()
        ...     datalist = build_fdg_datalist(folder, f"{folder}/labels.csv", val_fraction=0.5)
        >>> [sorted(item["label"] for item in datalist[split]) for split in ("training", "validation")]
        [[0, 1, 2], [0, 1, 2]]
    """
    if not 0 < val_fraction <= 0.5:
        raise ValueError(f"val_fraction: expected a number above 0 and up to 0.5, got {val_fraction}")
    dataset_dir, labels_file = Path(dataset_dir), Path(labels_file)
    if not labels_file.is_file():
        raise ValueError(f"labels: expected a CSV file, {labels_file.name} is not there")
    items = _read_rows(dataset_dir, labels_file)
    groups = [item.pop("patient_id") for item in items]
    numbers = {group: str(number) for number, group in enumerate(dict.fromkeys(groups))}
    items = [{**item, "group": numbers[group]} for item, group in zip(items, groups, strict=True)]
    labels = np.array([item["label"] for item in items])
    folds = round(1 / val_fraction)
    patients = Counter(label for _, label in {(g, item["label"]) for g, item in zip(groups, items)})
    scarce = [f"{CLASSES[c]} ({patients[c]})" for c in range(len(CLASSES)) if patients[c] < 2]
    if scarce:
        raise ValueError(f"labels: expected two or more patients of each class for a split, got {', '.join(scarce)}")
    n_splits = min(folds, len(set(groups)), max(np.bincount(labels)))  # what StratifiedGroupKFold accepts
    best: tuple[np.ndarray, np.ndarray] | None = None
    for attempt in range(20):
        splitter = StratifiedGroupKFold(n_splits=n_splits, shuffle=True, random_state=seed + attempt)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")  # what follows looks for itself
            splits = list(splitter.split(labels, labels, groups))
        for train, val in splits:
            if set(labels[train]) == set(labels[val]) == set(range(len(CLASSES))):
                best = (train, val)
                break
        if best is not None:
            break
    if best is None:
        raise ValueError(
            f"labels: expected a split into {folds} folds with every class in both parts and no patient in both, "
            f"got none for {dict(patients)}"
        )
    return {
        "labels": {str(i): name for i, name in enumerate(CLASSES)},
        "seed": seed,
        "training": [items[i] for i in best[0]],
        "validation": [items[i] for i in best[1]],
    }


def find_series(dataset_dir: str | Path) -> list[dict[str, str]]:
    """Every folder below ``dataset_dir`` (itself included) that holds DICOM files, as items with ``image``.

    Raises:
        ValueError: when the folder is absent or holds no DICOM files.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Path(folder, "study").mkdir()
        ...     Path(folder, "study", "1.dcm").touch()
        ...     [Path(item["image"]).name for item in find_series(folder)]
        ['study']
    """
    root = Path(dataset_dir)
    if not root.is_dir():
        raise ValueError(f"dataset_dir: expected a folder of PET series, {root.name!r} is not there")
    folders = sorted({p.parent for p in root.rglob("*") if p.is_file() and _is_image(p)})
    if not folders:
        raise ValueError(f"dataset_dir: expected PET series below {root.name!r}, found no DICOM files")
    return [{"image": str(folder)} for folder in folders]


def _is_image(path: Path) -> bool:
    """Whether a file is DICOM, or is called so: a broken file is for the reader to refuse, not to be passed over."""
    if path.name.startswith("."):
        return False
    return path.suffix.lower() in (".dcm", ".ima") or is_dicom_file(path)
