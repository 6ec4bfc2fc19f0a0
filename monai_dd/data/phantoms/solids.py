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
"""Solids in millimeters, from which the body is built.

Coordinates are those of DICOM: x to the patient's left, y to the back, z to the head. Every solid offers ``bounds()``
and ``distance(x, y, z)``, negative inside; distances are approximate away from the surface, which is all that
antialiased painting needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Ellipsoid", "Loft", "Solid", "Tube", "rotation_to"]

Array = NDArray[np.float32]


class Solid(Protocol):
    """What the canvas can paint."""

    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper corner of a box around the solid, each ``(3,)`` in mm."""

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Approximate signed distance to the surface in mm, negative inside; the arguments broadcast."""


def rotation_to(direction: Sequence[float]) -> Array:
    """Rotation matrix ``(3, 3)`` whose first column is the unit vector along ``direction``."""
    first = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    other = np.eye(3)[np.argmin(np.abs(first))]
    second = np.cross(first, other)
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Ellipsoid:
    """Superellipsoid: exponent 2 is round, larger exponents are boxier. ``rotation`` has its axes as columns."""

    center: Sequence[float]
    radii: Sequence[float]
    rotation: Array | None = None
    exponent: float = 2.0

    def bounds(self) -> tuple[Array, Array]:
        """See :class:`Solid`; a rotated one gets the box of its largest possible extent."""
        center, radii = np.asarray(self.center, np.float32), np.asarray(self.radii, np.float32)
        if self.rotation is not None:
            radii = np.abs(self.rotation) @ radii
        return center - radii, center + radii

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """See :class:`Solid`."""
        offset = (x - self.center[0], y - self.center[1], z - self.center[2])
        if self.rotation is not None:
            offset = tuple(sum(self.rotation[i, k] * offset[i] for i in range(3)) for k in range(3))
        if self.exponent == 2.0:
            total = sum((o / r) ** 2 for o, r in zip(offset, self.radii))
            norm = np.sqrt(total)
        else:
            norm = sum(np.abs(o / r) ** self.exponent for o, r in zip(offset, self.radii)) ** (1 / self.exponent)
        return (norm - 1) * min(self.radii)


@dataclass(frozen=True)
class Tube:
    """Chain of tapered capsules through ``points`` ``(N, 3)`` with ``radii`` ``(N,)``: limbs, vessels, bowel."""

    points: Sequence[Sequence[float]]
    radii: Sequence[float]

    def bounds(self) -> tuple[Array, Array]:
        """See :class:`Solid`."""
        points, radii = np.asarray(self.points, np.float32), np.asarray(self.radii, np.float32)[:, None]
        return (points - radii).min(0), (points + radii).max(0)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """See :class:`Solid`."""
        points = np.asarray(self.points, np.float32)
        result = None
        for start, end, r0, r1 in zip(points[:-1], points[1:], self.radii[:-1], self.radii[1:]):
            axis = end - start
            px, py, pz = x - start[0], y - start[1], z - start[2]
            along = np.clip((px * axis[0] + py * axis[1] + pz * axis[2]) / np.float32(axis @ axis), 0, 1)
            gap = np.sqrt((px - along * axis[0]) ** 2 + (py - along * axis[1]) ** 2 + (pz - along * axis[2]) ** 2)
            gap -= np.float32(r0) + along * np.float32(r1 - r0)
            result = gap if result is None else np.minimum(result, gap, out=result)
        return result


@dataclass(frozen=True)
class Loft:
    """Superelliptic cross-sections stacked along z: the trunk. ``heights`` increase; all sequences have one length."""

    heights: Sequence[float]
    half_widths: Sequence[float]
    half_depths: Sequence[float]
    centers_y: Sequence[float]
    exponent: float = 2.4

    def bounds(self) -> tuple[Array, Array]:
        """See :class:`Solid`."""
        width, depth = max(self.half_widths), np.asarray(self.half_depths)
        low = (-width, float((np.asarray(self.centers_y) - depth).min()), self.heights[0])
        high = (width, float((np.asarray(self.centers_y) + depth).max()), self.heights[-1])
        return np.asarray(low, np.float32), np.asarray(high, np.float32)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """See :class:`Solid`; beyond the first and last height everything is outside."""
        level = z.ravel()
        a, b, c = (
            np.interp(level, self.heights, v).astype(np.float32)
            for v in (self.half_widths, self.half_depths, self.centers_y)
        )
        norm = np.abs(x / a) ** self.exponent + np.abs((y - c) / b) ** self.exponent
        section = (norm ** np.float32(1 / self.exponent) - 1) * np.minimum(a, b)
        ends = np.maximum(self.heights[0] - level, level - self.heights[-1]).astype(np.float32)
        return np.maximum(section, ends)
