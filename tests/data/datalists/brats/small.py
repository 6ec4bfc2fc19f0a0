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
"""Phantoms of a few voxels in the layouts of BraTS, for the tests of the data lists."""

from __future__ import annotations

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import nibabel as nib
import numpy as np

OLD = {"T1": "_t1", "T1ce": "_t1ce", "T2": "_t2", "FLAIR": "_flair", "mask": "_seg"}
NEW = {"T1": "-t1n", "T1ce": "-t1c", "T2": "-t2w", "FLAIR": "-t2f", "mask": "-seg"}
SHAPE = (24, 20, 6)  # toward left, posterior, superior, as in BraTS
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
TUMOR_SLICES = (2, 3)
AREA = 20


def brain(scale: float = 1.0) -> np.ndarray:
    """Brain in columns 4 to 19 and slices 1 to 4, brighter toward one end so that no slice is symmetric by chance."""
    volume = np.zeros(SHAPE, np.float32)
    volume[4:20, 2:18, 1:5] = scale * (100 + np.arange(16)[:, None, None])
    return volume


def tumor(right_of_picture: bool = False) -> np.ndarray:
    """Tumor of 4 x 5 pixels in two slices: columns 5 to 8, or 15 to 18."""
    mask = np.zeros(SHAPE, np.uint8)
    start = 15 if right_of_picture else 5
    mask[start : start + 4, 5:10, 2:4] = 4
    return mask


def save(path: Path, volume: np.ndarray, affine: np.ndarray = LPS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(volume, affine), path)


def write_study(folder: Path, names: dict[str, str] = OLD, mask: np.ndarray | None = None, end: str = ".nii") -> Path:
    """A folder with four channels and a mask, named after itself."""
    for channel, name in names.items():
        volume = (tumor() if mask is None else mask) if channel == "mask" else brain()
        save(folder / f"{folder.name}{name}{end}", volume)
    return folder


def write_msd(root: Path, count: int, order: tuple[str, ...] = ("FLAIR", "T1w", "t1gd", "T2w")) -> None:
    """Task01 of the Medical Segmentation Decathlon: volume ``k`` of each file is ``k + 1`` times the brain."""
    for number in range(1, count + 1):
        volumes = np.stack([brain(k + 1) for k in range(len(order))], axis=-1)
        save(root / "imagesTr" / f"BRATS_{number:03d}.nii.gz", volumes)
        save(root / "labelsTr" / f"BRATS_{number:03d}.nii.gz", tumor())
        (root / "imagesTr" / f"._BRATS_{number:03d}.nii.gz").write_bytes(b"\0\5\26\7")  # what macOS leaves
    (root / "dataset.json").write_text(json.dumps({"modality": {str(k): name for k, name in enumerate(order)}}))


class InFolder(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
