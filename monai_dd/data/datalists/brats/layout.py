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
"""Patients and channels of BraTS folders: what is where, told from the names of files.

Known are the layouts of BraTS 2018 to 2023 (a folder for each study, in sub-folders or not) and of Task01 of the
Medical Segmentation Decathlon (MSD: one 4D file for each study).
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["CHANNELS", "BratsStudy", "find_brats_studies"]

CHANNELS = ("T1", "T1ce", "T2", "FLAIR")  # the order of all images
NAMES = {
    **{"t1": "T1", "t1n": "T1", "t1w": "T1"},
    **{"t1ce": "T1ce", "t1c": "T1ce", "t1gd": "T1ce"},
    **{"t2": "T2", "t2w": "T2"},
    **{"flair": "FLAIR", "t2f": "FLAIR"},
}
MASK = "seg"
FILE = re.compile(rf"(?P<study>.+)[_-](?P<channel>{'|'.join([*NAMES, MASK])})\.nii(\.gz)?", re.IGNORECASE)
NIFTI = re.compile(r"[^.].*\.nii(\.gz)?", re.IGNORECASE)
ODD_MASK = re.compile(r".*eg.*m.*\.nii(\.gz)?", re.IGNORECASE)  # BraTS 2020 has one called W39_1998.09.19_Segm.nii
YEARS = {
    "BraTS 2018": re.compile(r"brats18_", re.IGNORECASE),
    "BraTS 2019": re.compile(r"brats19_", re.IGNORECASE),
    "BraTS 2020": re.compile(r"brats20_", re.IGNORECASE),
    "BraTS 2021": re.compile(r"brats2021_", re.IGNORECASE),
    "BraTS 2023": re.compile(r"brats-[a-z]+-\d+-\d+", re.IGNORECASE),
}
OTHER = "names of BraTS"
# the same patient at several times: BraTS-GLI-00000-000 and -001, Brats18_2013_0_1
TIME_POINT = re.compile(r"(?P<patient>brats-[a-z]+-\d+|brats1\d_.+)[-_]\d+", re.IGNORECASE)


@dataclass
class BratsStudy:
    """One study: the four channels and the mask, as paths relative to the data set, and what is wrong with it.

    A path may end in ``#k``: volume ``k`` of a 4D file. ``names`` holds what the channels are called in the data set,
    ``odd_mask`` the name of a mask that is not called so.
    """

    name: str
    patient: str
    layout: str
    image: dict[str, str] = field(default_factory=dict)
    mask: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    odd_mask: str | None = None
    problem: str | None = None

    def check(self, needs_mask: bool) -> str | None:
        """Why the study cannot be used, or ``None``."""
        missing = [channel for channel in CHANNELS if channel not in self.image]
        if self.problem:
            return self.problem
        if missing:
            return f"{' and '.join(missing)} missing"
        return "mask missing" if needs_mask and self.mask is None else None


def find_brats_studies(dataset_dir: str | Path, needs_mask: bool = True) -> list[BratsStudy]:
    """Find all studies below a folder, complete or not, in the order of their names.

    Args:
        dataset_dir: the folder; one with ``imagesTr`` in it is read as MSD Task01.
        needs_mask: whether only studies that come with masks are wanted: ``imagesTs`` of MSD has none.

    Raises:
        ValueError: when the folder is absent or holds no study, or ``dataset.json`` of MSD is absent or unclear.
    """
    root = Path(dataset_dir)
    if not root.is_dir():
        raise ValueError(f"dataset_dir: expected a folder of BraTS studies, {root.name!r} is not there")
    studies = _msd_studies(root, needs_mask) if (root / "imagesTr").is_dir() else _brats_studies(root)
    if not studies:
        raise ValueError(
            f"dataset_dir: expected files named as in BraTS 2018 to 2023 or MSD Task01 below {root.name!r}, found none"
        )
    return sorted(studies, key=lambda study: study.name)


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder with the names of its NIfTI files; links to folders are followed."""
    for folder, _, files in os.walk(root, followlinks=True):
        yield Path(folder), sorted(name for name in files if NIFTI.fullmatch(name))


def _brats_studies(root: Path) -> list[BratsStudy]:
    studies = []
    for folder, files in _folders(root):
        place = folder.relative_to(root)
        here: dict[str, BratsStudy] = {}
        for name in files:
            match = FILE.fullmatch(name)
            if match:
                study = here.setdefault(match["study"], _study(match["study"]))
                _add(study, match["channel"], (place / name).as_posix())
        if len(here) == 1:
            (study,) = here.values()
            study.name = study.name if folder == root else place.as_posix()
            odd = [name for name in files if not FILE.fullmatch(name) and ODD_MASK.fullmatch(name)]
            if study.mask is None and len(odd) == 1:
                study.mask, study.odd_mask = (place / odd[0]).as_posix(), odd[0]
        elif not here and folder != root and _layout(folder.name) != OTHER and not _has_folders(folder):
            here[folder.name] = _study(folder.name, name=place.as_posix(), problem="no images in the folder")
        studies += here.values()
    return studies


def _has_folders(folder: Path) -> bool:
    return any(path.is_dir() for path in folder.iterdir())


def _layout(study: str) -> str:
    return next((year for year, pattern in YEARS.items() if pattern.match(study)), OTHER)


def _study(study: str, name: str | None = None, problem: str | None = None) -> BratsStudy:
    match = TIME_POINT.fullmatch(study)
    return BratsStudy(name or study, match["patient"] if match else study, _layout(study), problem=problem)


def _add(study: BratsStudy, found: str, path: str) -> None:
    channel = NAMES.get(found.lower())
    if channel in study.image or (channel is None and study.mask is not None):
        study.problem = f"two files for {channel or 'the mask'}"
    elif channel is None:
        study.mask = path
    else:
        study.image[channel] = path
        study.names[channel] = found


def _msd_studies(root: Path, needs_mask: bool) -> list[BratsStudy]:
    order = _msd_channels(root / "dataset.json")
    studies = []
    for folder in ("imagesTr",) if needs_mask else ("imagesTr", "imagesTs"):
        for path in sorted((root / folder).glob("*")):
            if NIFTI.fullmatch(path.name):
                name = re.sub(r"\.nii(\.gz)?$", "", path.name, flags=re.IGNORECASE)
                image = {NAMES[found.lower()]: f"{folder}/{path.name}#{k}" for k, found in enumerate(order)}
                mask = f"labelsTr/{path.name}" if (root / "labelsTr" / path.name).is_file() else None
                names = {NAMES[found.lower()]: found for found in order}
                studies.append(BratsStudy(name, name, "MSD Task01", image, mask, names))
    return studies


def _msd_channels(path: Path) -> list[str]:
    """Names of the channels in the order of the 4D files."""
    try:
        modality = json.loads(path.read_text(encoding="utf-8"))["modality"]
        order = [modality[str(k)] for k in range(len(modality))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path.name}: expected the file of MSD Task01 with the names of the channels under 'modality', got "
            f"{type(error).__name__}"
        ) from error
    if Counter(NAMES.get(str(name).lower()) for name in order) != Counter(CHANNELS):
        raise ValueError(f"{path.name}: expected the modalities FLAIR, T1w, t1gd and T2w in any order, got {order}")
    return order
