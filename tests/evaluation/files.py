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
"""Small made-up results: the files ``explanations.csv`` and maps as the command of a bundle writes them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import nibabel
import numpy as np

__all__ = ["HEADER", "LOCALIZATION_HEADER", "write_case", "write_csv", "write_localization", "write_nifti"]

HEADER = ("image", "explainer", "level", "metric", "value", "variant", "seed")
LOCALIZATION_HEADER = ("method", "class", "iou_threshold", "accuracy", "images", "seed", "variant")


def write_localization(folder: Path, lines: Iterable[Sequence], header: Sequence[str] = LOCALIZATION_HEADER) -> Path:
    """Write ``folder/localization.csv`` with these lines."""
    return write_csv(folder, lines, header, "localization.csv")


def write_csv(
    folder: Path, lines: Iterable[Sequence], header: Sequence[str] = HEADER, name: str = "explanations.csv"
) -> Path:
    """Write ``folder/explanations.csv``, or another file, with these lines."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(lines)
    return path


def write_nifti(path: Path, values: np.ndarray, spacing: Sequence[float] = (1.0, 1.0, 1.0)) -> None:
    """Write an array with two or three axes."""
    nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), np.diag([*spacing, 1.0])), path)


def write_case(
    folder: Path,
    picture: np.ndarray,
    maps: Mapping[str, np.ndarray],
    mask: np.ndarray | None = None,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    **info,
) -> None:
    """Write a case; ``maps`` are named ``<explainer>_<level>``, ``info`` goes into ``case.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_nifti(folder / "image.nii.gz", picture, spacing)
    if mask is not None:
        write_nifti(folder / "mask.nii.gz", mask, spacing)
    for name, values in maps.items():
        ratio = np.ones(3)
        ratio[: picture.ndim] = np.divide(picture.shape, values.shape)
        write_nifti(folder / f"{name}.nii.gz", values, ratio * spacing)
    case = {
        "image": "a",
        "label": 0,
        "predicted": 0,
        "class_names": ["normal", "severe"],
        "variant": "exact",
        "seed": 0,
    }
    (folder / "case.json").write_text(json.dumps(case | info), encoding="utf-8")
