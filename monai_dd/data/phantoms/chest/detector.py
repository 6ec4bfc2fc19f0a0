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
"""The flat detector of a chest radiograph: which line of the body each of its pixels sees.

Coordinates are those of DICOM in mm: x to the patient's left, y to the back, z to the head. The beam is parallel to y.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Detector"]

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Detector:
    """Square detector and the position of the patient before it.

    Attributes:
        size: pixels along each edge.
        pixel: edge of a pixel in mm.
        center: x and z of the anatomy in the middle of the image.
        roll: rotation of the patient in the plane of the image, radians.
        turn: rotation of the patient around the long axis, radians: what lies in front moves against what lies behind.
    """

    size: int
    pixel: float
    center: tuple[float, float]
    roll: float
    turn: float

    @cached_property
    def _plane(self) -> tuple[Array, Array]:
        offset = (np.arange(self.size, dtype=np.float32) + 0.5 - self.size / 2) * np.float32(self.pixel)
        right, up = offset[None, :], -offset[:, None]
        cos, sin = np.float32(np.cos(self.roll)), np.float32(np.sin(self.roll))
        return cos * right + sin * up + np.float32(self.center[0]), cos * up - sin * right + np.float32(self.center[1])

    @property
    def z(self) -> Array:
        """Height of the pixels in mm, ``(H, W)``."""
        return self._plane[1]

    def x(self, depth: float = 0.0) -> Array:
        """Lateral position in mm of what the pixels see at ``depth`` (y in mm), ``(H, W)``."""
        return self._plane[0] - np.float32(depth * np.tan(self.turn))

    def to_pixels(self, x: Array, z: Array, depth: Array | float = 0.0) -> tuple[Array, Array]:
        """Row and column, whole numbers at the centers of pixels, of points in mm."""
        right = x + depth * float(np.tan(self.turn)) - self.center[0]
        up = z - self.center[1]
        cos, sin = float(np.cos(self.roll)), float(np.sin(self.roll))
        middle = self.size / 2 - 0.5
        return middle - (cos * up + sin * right) / self.pixel, middle + (cos * right - sin * up) / self.pixel

    def deposit(self, points: NDArray[np.floating], volumes: NDArray[np.floating]) -> Array:
        """Thickness in mm that small volumes add to the lines of the pixels.

        Args:
            points: x, y and z in mm, ``(N, 3)``.
            volumes: mm³, ``(N,)``; each is shared among the four pixels around its point.

        Returns:
            float32 ``(H, W)``.
        """
        x, y, z = np.asarray(points, np.float32).T
        rows, columns = self.to_pixels(x, z, y)
        inside = (rows > -1) & (rows < self.size) & (columns > -1) & (columns < self.size)
        rows, columns, volumes = rows[inside], columns[inside], volumes[inside]
        top, left = np.floor(rows).astype(np.int32), np.floor(columns).astype(np.int32)
        down, right = rows - top, columns - left
        width = self.size + 2  # one pixel of margin on every side
        first = (top + 1) * width + left + 1
        total = np.zeros(width * width)
        for step, share in (
            (0, (1 - down) * (1 - right)),
            (1, (1 - down) * right),
            (width, down * (1 - right)),
            (width + 1, down * right),
        ):
            total += np.bincount(first + step, share * volumes, total.size)
        return (total.reshape(width, width)[1:-1, 1:-1] / self.pixel**2).astype(np.float32)
