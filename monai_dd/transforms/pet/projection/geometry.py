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
"""The geometry of a parallel projection of a volume: which way the rays run and where they start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

__all__ = ["AXES", "ViewGeometry", "view_geometry"]

AXES = ("coronal", "sagittal", "axial")

# Directions in which row, column and depth indices increase, for a viewer who walks around the body in quarter turns:
# in front of the patient, at the patient's left, behind, at the patient's right.
_AROUND_THE_BODY = ("ILP", "IPR", "IRA", "IAL")
# From the feet, as axial slices are displayed.
_FROM_THE_FEET = "PLS"


class ViewGeometry(NamedTuple):
    """Index maps of a view; all matrices are 4x4, in float64, and act on ``(row, column, depth, 1)``.

    The *frame* is the volume with its axes permuted and flipped so that they run as the rows, columns and rays of the
    nearest quarter turn. The *view* turns that frame by at most 45 degrees about its row axis.
    """

    frame_to_voxel: np.ndarray
    view_to_frame: np.ndarray
    frame_shape: tuple[int, int, int]
    view_shape: tuple[int, int, int]

    @property
    def view_to_voxel(self) -> np.ndarray:
        """From (row, column, depth) of the view to the voxel indices of the volume; not integer for a turned view."""
        return self.frame_to_voxel @ self.view_to_frame

    @property
    def is_exact(self) -> bool:
        """Whether every ray runs along voxel centers, so that nothing is interpolated."""
        return np.array_equal(self.view_to_frame, np.eye(4))


def view_geometry(affine: np.ndarray, shape: Sequence[int], axis: str = "coronal", angle: float = 0.0) -> ViewGeometry:
    """Find rows, columns and rays of a view of a volume from its affine, whatever the storage orientation.

    Each anatomical direction is the array axis nearest to it, so an oblique volume is projected along its own axes.
    Multiples of 90 degrees only permute and flip axes. Any other angle takes columns as far apart as the smaller
    in-plane voxel size, and samples along the rays at half that distance so that no voxel slips between two of them,
    about the volume's center, on a canvas that holds the turned volume.

    Args:
        affine: 4x4, voxel indices to patient coordinates (RAS) in mm.
        shape: number of voxels ``(X, Y, Z)``.
        axis: ``"coronal"``, ``"sagittal"`` or ``"axial"``.
        angle: degrees by which the viewer walks around the body axis, from where ``axis`` puts him: for ``"coronal"``
            0 is the anterior view, 90 the view from the patient's left, 180 from behind, 270 from the right.

    Raises:
        ValueError: ``axis`` is unknown, ``angle`` is not finite or not 0 for ``"axial"``, ``affine`` is not 4x4, not
            finite or not invertible.

    Example:
        >>> view = view_geometry(np.diag([2.0, 2.0, 3.0, 1.0]), shape=(5, 4, 6))
        >>> view.view_shape  # rows from head to feet, columns, and voxels along each ray
        (6, 5, 4)
        >>> view_geometry(np.diag([2.0, 2.0, 3.0, 1.0]), shape=(5, 4, 6), angle=45).is_exact
        False
    """
    if axis not in AXES:
        raise ValueError(f"axis: expected one of {', '.join(AXES)}, got {axis!r}")
    if not math.isfinite(angle):
        raise ValueError(f"angle: expected a finite number of degrees, got {angle}")
    if axis == "axial" and angle != 0:
        raise ValueError(f"angle: expected 0 for axis 'axial', whose rays are the body axis itself, got {angle}")
    affine = np.asarray(affine, dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or np.linalg.det(affine) == 0:
        raise ValueError(f"affine: expected a finite and invertible 4x4 matrix, got {affine.tolist()}")

    quarter_turns = 0 if axis == "axial" else round(angle / 90)
    first = AXES.index(axis)
    codes = _FROM_THE_FEET if axis == "axial" else _AROUND_THE_BODY[(first + quarter_turns) % 4]
    frame_to_voxel = inv_ornt_aff(ornt_transform(io_orientation(affine), axcodes2ornt(codes)), shape)
    rows, columns, depth = (int(n) for n in np.abs(frame_to_voxel[:3, :3]).T @ np.asarray(shape))
    spacing = np.linalg.norm((affine @ frame_to_voxel)[:3, :3], axis=0)

    rest = math.radians(angle - 90 * quarter_turns)
    if rest == 0:
        return ViewGeometry(frame_to_voxel, np.eye(4), (rows, columns, depth), (rows, columns, depth))
    view_to_frame, width, ray_length = _turn(columns, depth, spacing[1], spacing[2], rest)
    return ViewGeometry(frame_to_voxel, view_to_frame, (rows, columns, depth), (rows, width, ray_length))


def _turn(columns: int, depth: int, column_mm: float, depth_mm: float, radians: float) -> tuple[np.ndarray, int, int]:
    """Turn (column, depth) about the center of the frame: index map, number of columns and of samples along a ray."""
    cos, sin = math.cos(radians), math.sin(radians)
    step = np.array([1, 0.5]) * min(column_mm, depth_mm)
    extent_c, extent_d = columns * column_mm, depth * depth_mm
    # the rounding of the trigonometry must not add a pixel
    width = math.ceil((abs(cos) * extent_c + abs(sin) * extent_d) / step[0] - 1e-6)
    # whole steps, as at angle 0, and the steps between them
    ray_length = 2 * math.ceil((abs(sin) * extent_c + abs(cos) * extent_d) / step[0] - 1e-6) - 1
    linear = step * [[cos / column_mm, -sin / column_mm], [sin / depth_mm, cos / depth_mm]]
    center = np.array([columns - 1, depth - 1]) / 2
    view_to_frame = np.eye(4)
    view_to_frame[1:3, 1:3] = linear
    view_to_frame[1:3, 3] = center - linear @ (np.array([width - 1, ray_length - 1]) / 2)
    return view_to_frame, width, ray_length
