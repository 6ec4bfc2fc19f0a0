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
"""Projection as one would do it by hand: in patient coordinates, ray by ray, on tiny volumes."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["project_along_axis", "project_turned", "stored_as"]

# Patient directions (RAS) of increasing row, column and depth.
RIGHT, FRONT, UP = np.eye(3)
VIEWS = {
    ("coronal", 0): (-UP, -RIGHT, -FRONT),
    ("coronal", 90): (-UP, -FRONT, RIGHT),
    ("coronal", 180): (-UP, RIGHT, FRONT),
    ("coronal", 270): (-UP, FRONT, -RIGHT),
    ("sagittal", 0): (-UP, -FRONT, RIGHT),
    ("sagittal", 90): (-UP, RIGHT, FRONT),
    ("axial", 0): (-FRONT, -RIGHT, UP),
}


def stored_as(volume, spacing, permutation, flips, origin=(10.0, -20.0, 30.0)):
    """Store a RAS volume (X, Y, Z) with its axes permuted, then flipped: the array and its affine."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    affine = affine[:, [*permutation, 3]]
    volume = volume.transpose(permutation)
    for axis, flip in enumerate(flips):
        if flip:
            volume = np.flip(volume, axis)
            affine[:3, 3] += affine[:3, axis] * (volume.shape[axis] - 1)
            affine[:3, axis] *= -1
    return volume.copy(), affine


def project_along_axis(volume, affine, axis, angle):
    """Image and flat voxel index for a volume (X, Y, Z) whose axes are those of the patient."""
    directions = VIEWS[(axis, angle)]
    voxels = list(np.ndindex(volume.shape))
    positions = {v: affine[:3, :3] @ v + affine[:3, 3] for v in voxels}
    places = []
    for direction in directions:
        levels = sorted({round(float(direction @ positions[v]), 6) for v in voxels})
        places.append({v: levels.index(round(float(direction @ positions[v]), 6)) for v in voxels})
    rows, columns, depth = places
    image = np.full((1 + max(rows.values()), 1 + max(columns.values())), -np.inf)
    index = np.zeros(image.shape, dtype=int)
    for v in sorted(voxels, key=lambda v: depth[v]):  # from the viewer on
        pixel = rows[v], columns[v]
        if volume[v] > image[pixel]:
            image[pixel] = volume[v]
            index[pixel] = np.ravel_multi_index(v, volume.shape)
    return image, index


def project_turned(volume, spacing, angle):
    """Coronal view of a RAS volume (X, Y, Z), by a viewer who has walked to the patient's left by degrees.

    Returns the image and whether the ray of a pixel meets the volume.
    """
    nx, ny, nz = volume.shape
    sx, sy, _ = spacing
    a = math.radians(angle)
    to_viewer = np.array([-math.sin(a), math.cos(a)])  # 0: in front of the patient, 90: at the patient's left
    to_image_right = np.array([-math.cos(a), -math.sin(a)])
    step = min(sx, sy)
    width = math.ceil((abs(math.cos(a)) * nx * sx + abs(math.sin(a)) * ny * sy) / step - 1e-6)
    length = 2 * math.ceil((abs(math.sin(a)) * nx * sx + abs(math.cos(a)) * ny * sy) / step - 1e-6) - 1
    image, hit = np.full((nz, width), volume.min()), np.zeros((nz, width), dtype=bool)
    for row in range(nz):
        for column in range(width):
            samples = []
            for k in range(length):
                u, w = (column - (width - 1) / 2) * step, (k - (length - 1) / 2) * step / 2
                x, y = (u * to_image_right - w * to_viewer) / (sx, sy) + ((nx - 1) / 2, (ny - 1) / 2)
                if -0.500001 < x < nx - 0.499999 and -0.500001 < y < ny - 0.499999:
                    samples.append(_interpolate(volume[:, :, nz - 1 - row], x, y))
            if samples:
                image[row, column] = max(samples)
            hit[row, column] = bool(samples)
    return image, hit


def _interpolate(plane, x, y):
    nx, ny = plane.shape
    x, y = min(max(x, 0), nx - 1), min(max(y, 0), ny - 1)
    x0, y0 = min(int(x), max(nx - 2, 0)), min(int(y), max(ny - 2, 0))
    x1, y1 = min(x0 + 1, nx - 1), min(y0 + 1, ny - 1)
    wx, wy = x - x0, y - y0
    return (
        (1 - wx) * (1 - wy) * plane[x0, y0]
        + wx * (1 - wy) * plane[x1, y0]
        + (1 - wx) * wy * plane[x0, y1]
        + wx * wy * plane[x1, y1]
    )
