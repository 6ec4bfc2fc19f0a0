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
"""The plane of a case that is drawn: image, contour and maps in it, and the proportions of their pixels."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from monai_dd.evaluation.maps.reader import Case, CaseMap
from monai_dd.evaluation.schema import is_signed

__all__ = ["Plane", "read_plane", "relative_map"]


@dataclass(frozen=True)
class Plane:
    """What is drawn of a case.

    Attributes:
        image: ``(H, W)``, 0 to 1.
        mask: ``(H, W)`` of its own size, None without a mask in the plane.
        size: height and width in mm.
        maps: ``(h, w)`` relative to the uniform map, each of its own size; signed ones times the number of their cells,
            so that the mean is what all cells add.
    """

    image: np.ndarray
    mask: np.ndarray | None
    size: tuple[float, float]
    maps: Mapping[Hashable, np.ndarray]


def relative_map(values: np.ndarray) -> np.ndarray:
    """Map relative to the uniform map of the same sum, ``map / mean(map)``; a map of zeros stays as it is.

    Example:
        >>> relative_map(np.array([[1.0, 3.0]]))
        array([[0.5, 1.5]])
    """
    mean = values.mean()
    return values / mean if mean > 0 else values


def read_plane(case: Case, maps: Mapping[Hashable, CaseMap]) -> Plane:
    """Read the files of a case.

    A 2D image is its own plane. Of a 3D image it is the slice of the third axis with most of the mask, the middle one
    where there is no mask; maps are made relative before their slice is taken. Signed maps are those of explainers
    whose name says so, see :mod:`monai_dd.evaluation.schema`.

    Raises:
        ValueError: one line for a file that is no NIfTI image of two or three axes, pixels without a size, a map of
            other axes than the image, and maps with not finite values, or negative ones where they are not signed.
    """
    image, spacing = _read(case.image)
    if not (np.isfinite(spacing[:2]).all() and spacing[:2].min() > 0):
        raise ValueError(f"{case.image}: expected pixels of positive size, got {spacing[:2].tolist()} mm")
    mask = None if case.mask is None else _read(case.mask)[0] > 0
    if mask is not None and mask.ndim != image.ndim:
        raise ValueError(f"{case.mask}: expected {image.ndim} axes as the image has, got {mask.ndim}")
    place = 0.5  # of the plane, from one end of the third axis to the other
    if mask is not None and mask.ndim == 3 and mask.any():
        place = (int(mask.sum(axis=(0, 1)).argmax()) + 0.5) / mask.shape[2]
    planes = {}
    for key, one in maps.items():
        values, _ = _read(one.path)
        if values.ndim != image.ndim:
            raise ValueError(f"{one.path}: expected {image.ndim} axes as the image has, got {values.ndim}")
        signed = is_signed(one.explainer)
        if not np.isfinite(values).all() or (values.min() < 0 and not signed):
            raise ValueError(f"{one.path}: expected finite{'' if signed else ', non-negative'} values")
        planes[key] = _slice(values * values.size if signed else relative_map(values), place)
    shown = np.clip(np.nan_to_num(_slice(image, place)), 0, 1)
    outline = None if mask is None else _slice(mask, place)
    size = (shown.shape[0] * spacing[0], shown.shape[1] * spacing[1])
    return Plane(shown, outline if outline is not None and outline.any() else None, size, planes)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values with two or three axes, and the spacing in mm."""
    try:
        image = nibabel.load(path)
        values = np.asarray(image.dataobj, dtype=np.float64)
    except (ImageFileError, HeaderDataError, EOFError, OSError, ValueError, zlib.error) as error:
        raise ValueError(f"{path}: expected a NIfTI file, it cannot be read") from error
    while values.ndim > 2 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim not in (2, 3) or not values.size:
        raise ValueError(f"{path}: expected an image of two or three axes, got the shape {values.shape}")
    return values, nibabel.affines.voxel_sizes(image.affine)


def _slice(values: np.ndarray, place: float) -> np.ndarray:
    return values if values.ndim == 2 else values[..., int(place * values.shape[2])]
