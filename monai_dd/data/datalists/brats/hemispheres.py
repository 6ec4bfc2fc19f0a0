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
"""The volumes of one BraTS study, checked, and its axial slices as hemispheres."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.data.utils import AFFINE_TOL
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from monai_dd.data.datalists.brats.layout import CHANNELS, BratsStudy
from monai_dd.data.datalists.hemispheres import label_halves
from monai_dd.data.datalists.load import split_volume

__all__ = ["brain_slices", "read_study", "study_halves"]


def study_halves(
    root: Path, study: BratsStudy, mode: str, min_area: int, min_brain_fraction: float, slice_step: int
) -> list[dict[str, Any]]:
    """Hemispheres of all axial slices of a study, see ``label_halves``; each with ``slice``, its index in the file.

    Raises:
        ValueError: saying why the study is broken.
    """
    volumes, tumor = read_study(root, study, needs_mask=True)
    halves = []
    for index in range(0, tumor.shape[-1], slice_step):
        image = volumes[..., index].astype(np.float64)
        peak = image.max(axis=(1, 2), keepdims=True)
        image = (image / np.where(peak > 0, peak, 1)).sum(axis=0)
        cut = label_halves(mode, image, tumor[..., index], min_area, min_brain_fraction)
        halves += [half | {"slice": index} for half in cut]
    return halves


def brain_slices(root: Path, study: BratsStudy, min_brain_fraction: float) -> list[int]:
    """Indices of the axial slices with enough brain, as a fraction of their pixels.

    Raises:
        ValueError: saying why the study is broken.
    """
    volumes, _ = read_study(root, study, needs_mask=False)
    return np.flatnonzero((volumes > 0).any(axis=0).mean(axis=(0, 1)) >= min_brain_fraction).tolist()


def read_study(root: Path, study: BratsStudy, needs_mask: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Read all files of a study, each once, and check them.

    Returns:
        the four channels, ``(4, H, W, slices)`` in float32, and the tumor, ``(H, W, slices)``, true where the mask is
        not zero (``None`` if not needed). Rows run from anterior to posterior, columns from the patient's right to
        left, slices in the order of the file.

    Raises:
        ValueError: for a missing channel or mask, a file that is truncated or no NIfTI file, voxels that are no
            numbers, or shapes and affines that differ.
    """
    problem = study.check(needs_mask)
    if problem:
        raise ValueError(problem)
    wanted = [(channel, study.image[channel]) for channel in CHANNELS] + ([("mask", study.mask)] if needs_mask else [])
    files: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    volumes = []
    for what, name in wanted:
        path, volume = split_volume(name)
        if path not in files:
            files[path] = _read(root / path, what)
        voxels, affine = files[path]
        if volume is not None:
            if voxels.ndim != 4 or voxels.shape[3] != len(CHANNELS):
                raise ValueError(f"{what}: expected a file of {len(CHANNELS)} volumes, got the shape {voxels.shape}")
            voxels = voxels[..., volume]
        if voxels.ndim != 3:
            raise ValueError(f"{what}: expected a volume, got the shape {voxels.shape}")
        if not np.isfinite(voxels).all():
            raise ValueError(f"{what}: expected numbers, got NaN or infinite voxels")
        if not volumes:
            shape, place = voxels.shape, affine
        if voxels.shape != shape:
            raise ValueError(f"{what}: expected the shape {shape} of T1, got {voxels.shape}")
        if not np.allclose(affine, place, rtol=0, atol=AFFINE_TOL):
            raise ValueError(f"{what}: expected the affine of T1, got another one")
        volumes.append(_axial(voxels, affine))
    tumor = volumes.pop() != 0 if needs_mask else None
    return np.stack(volumes), tumor


def _read(path: Path, what: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        image = nib.load(path)
        voxels, affine = image.get_fdata(dtype=np.float32, caching="unchanged"), image.affine
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError, HeaderDataError) as error:
        raise ValueError(f"{what}: expected a NIfTI file, got a truncated or another one") from error
    if not np.isfinite(affine).all() or np.linalg.det(affine) == 0:
        raise ValueError(f"{what}: expected an invertible affine, got one that is not")
    return voxels, affine


def _axial(voxels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """A view with rows to posterior, columns to the patient's left, and slices along the file's own axial axis."""
    own = nib.io_orientation(affine)
    along = "S" if "S" in nib.aff2axcodes(affine) else "I"
    wanted = nib.orientations.axcodes2ornt(("P", "L", along))
    return nib.apply_orientation(voxels, nib.orientations.ornt_transform(own, wanted))
