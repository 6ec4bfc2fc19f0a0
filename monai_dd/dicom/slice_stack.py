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
"""The order of the slices of a series in space, and the affine of the volume they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from monai_dd.dicom.errors import DynamicSeriesError, SingleSliceError, SliceGeometryError, SliceSpacingError
from monai_dd.dicom.series_files import SliceHeader

__all__ = ["SliceStack", "stack_slices"]

SAME_POSITION = 0.01
"""Slices closer than this many mm lie at one position; scanners write positions to 0.01 mm or finer."""
SPACING_TOLERANCE = 0.1
"""Allowed relative departure from the median spacing: rounded positions reach 0.03, a missing slice is at 1."""


class SliceStack(NamedTuple):
    """Slices in order, the 4x4 affine from voxel ``(x, y, z)`` to patient space (RAS, mm), and rows and columns."""

    slices: list[SliceHeader]
    affine: np.ndarray
    rows: int
    columns: int


def _vector(header: SliceHeader, keyword: str, length: int) -> np.ndarray:
    try:
        value = header.dataset.get(keyword)
        vector = np.asarray([float(each) for each in value], dtype=np.float64)
    except (TypeError, ValueError):
        vector = np.empty(0)
    if vector.shape != (length,) or not np.isfinite(vector).all():
        raise SliceGeometryError.of_tag(keyword, file=header.file, expected=f"{length} numbers", got="another content")
    return vector


def _same_for_all(slices: Sequence[SliceHeader], keyword: str, length: int, tolerance: float) -> np.ndarray:
    first = _vector(slices[0], keyword, length)
    for header in slices[1:]:
        if not np.allclose(_vector(header, keyword, length), first, rtol=0.0, atol=tolerance):
            expected = f"the value of {slices[0].file}"
            raise SliceGeometryError.of_tag(keyword, file=header.file, expected=expected, got="another one")
    return first


def _same_size(slices: Sequence[SliceHeader], keyword: str) -> int:
    first = slices[0].dataset.get(keyword)
    for header in slices:
        value = header.dataset.get(keyword)
        if not isinstance(value, int) or value < 1:
            raise SliceGeometryError.of_tag(keyword, file=header.file, expected="a size above 0", got=value)
        if value != first:
            raise SliceGeometryError.of_tag(
                keyword, file=header.file, expected=f"{first} as in {slices[0].file}", got=value
            )
    return int(first)


def _check_evenly_spaced(slices: Sequence[SliceHeader], along: np.ndarray) -> None:
    """Positions along the normal in ascending order: one frame each, and no gap."""
    steps = np.diff(along)
    starts = np.concatenate([[0], np.flatnonzero(steps > SAME_POSITION) + 1, [len(along)]])
    frames = int(np.diff(starts).max())
    if frames > 1:
        got = f"up to {frames} frames at each of {len(starts) - 1} positions ({len(along)} files)"
        raise DynamicSeriesError.of_tag(
            "ImagePositionPatient", file="the folder", expected="one frame per position (static series)", got=got
        )
    typical = float(np.median(steps))
    worst = int(np.argmax(np.abs(steps - typical)))
    if abs(steps[worst] - typical) > SPACING_TOLERANCE * typical:
        where = f"{slices[worst].file} and {slices[worst + 1].file}"
        got = f"{steps[worst]:.2f} mm between {where} (slice missing or spacing not uniform)"
        raise SliceSpacingError.of_tag(
            "ImagePositionPatient", file="the folder", expected=f"slices {typical:.2f} mm apart", got=got
        )


def _instance_numbers_fall(slices: Sequence[SliceHeader]) -> bool:
    try:
        numbers = [float(header.dataset.get("InstanceNumber")) for header in slices]
    except (TypeError, ValueError):
        return False
    return bool(np.all(np.diff(numbers) < 0))


def stack_slices(headers: Sequence[SliceHeader]) -> SliceStack:
    """
    Sort slices by their position along the slice normal and give the affine of the volume.

    The volume runs along the normal in the direction in which InstanceNumber rises, so that order and affine are those
    of MONAI's ``LoadImage`` (PydicomReader); where the numbers are missing or not in the order of the positions, it
    runs in the direction of the normal.

    Args:
        headers: the slices of one series in any order.

    Returns:
        ``SliceStack``; column 2 of the affine is the mean step between slices.

    Raises:
        SliceGeometryError: size, pixel spacing, orientation or position missing or not common to all slices.
        SingleSliceError: one slice only.
        DynamicSeriesError: more than one slice at a position.
        SliceSpacingError: slices not evenly spaced.
    """
    if len(headers) < 2:
        raise SingleSliceError(f"{headers[0].file}: expected a series of at least 2 slices, got 1")
    slices = list(headers)
    rows, columns = _same_size(slices, "Rows"), _same_size(slices, "Columns")
    spacing = _same_for_all(slices, "PixelSpacing", 2, tolerance=1e-3)
    if (spacing <= 0).any():
        raise SliceGeometryError.of_tag("PixelSpacing", file=slices[0].file, expected="above 0 mm", got=spacing.min())
    directions = _same_for_all(slices, "ImageOrientationPatient", 6, tolerance=1e-3).reshape(2, 3)
    if not np.allclose(directions @ directions.T, np.eye(2), atol=1e-2):
        raise SliceGeometryError.of_tag(
            "ImageOrientationPatient", file=slices[0].file, expected="two orthogonal unit vectors", got="others"
        )
    normal = np.cross(*directions)
    positions = np.stack([_vector(header, "ImagePositionPatient", 3) for header in slices])
    order = np.argsort(positions @ normal, kind="stable")
    slices, positions = [slices[i] for i in order], positions[order]
    _check_evenly_spaced(slices, positions @ normal)
    in_plane = (positions - positions[0]) @ directions.T
    if np.abs(in_plane).max() > SPACING_TOLERANCE * spacing.min():
        worst = slices[int(np.argmax(np.abs(in_plane).max(axis=1)))]
        raise SliceGeometryError.of_tag(
            "ImagePositionPatient", file=worst.file, expected=f"the axis through {slices[0].file}", got="another place"
        )
    if _instance_numbers_fall(slices):
        slices, positions = slices[::-1], positions[::-1]
    affine = np.eye(4)
    affine[:3, 0] = directions[0] * spacing[1]
    affine[:3, 1] = directions[1] * spacing[0]
    affine[:3, 2] = (positions[-1] - positions[0]) / (len(slices) - 1)
    affine[:3, 3] = positions[0]
    return SliceStack(slices, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine, rows, columns)
