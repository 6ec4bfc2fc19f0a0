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
"""How far the lines of a detector run through solids: intervals of depth, their overlap, and tubes.

A line enters a solid at ``front`` and leaves it at ``back`` (y in mm); they are equal where it passes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from monai_dd.data.phantoms.chest.detector import Array, Detector

__all__ = ["Interval", "covered_length", "curve", "ellipsoid", "section", "tube_points"]


class Interval(NamedTuple):
    """Depths at which the lines of the pixels enter and leave a solid, each ``(H, W)`` in mm."""

    front: Array
    back: Array

    @property
    def length(self) -> Array:
        """Thickness in mm, ``(H, W)``."""
        return self.back - self.front


def section(
    offset: Array, half_width: Array | float, half_depth: Array | float, depth: float, exponent: float = 2.2
) -> Interval:
    """Interval of a stack of superellipses.

    Args:
        offset: lateral distance of the pixels to the middle of the section at their height, mm.
        half_width, half_depth: of the section at the height of the pixels, mm.
        depth: y of the middle of the sections.
        exponent: 2 is an ellipse, larger is boxier.
    """
    rest = 1 - np.abs(offset / np.maximum(half_width, 1e-3)) ** np.float32(exponent)
    half = np.asarray(half_depth, np.float32) * np.maximum(rest, 0) ** np.float32(1 / exponent)
    return Interval(np.float32(depth) - half, np.float32(depth) + half)


def ellipsoid(
    detector: Detector, center: Sequence[float], radii: Sequence[float], tilt: float = 0.0, exponent: float = 2.0
) -> Interval:
    """Interval of a superellipsoid at ``center`` (x, y, z) with ``radii``, turned by ``tilt`` radians in the plane.

    A positive tilt lowers the patient's left end.
    """
    x, z = detector.x(center[1]) - np.float32(center[0]), detector.z - np.float32(center[2])
    cos, sin = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    along, across = (cos * x - sin * z) / np.float32(radii[0]), (sin * x + cos * z) / np.float32(radii[2])
    if exponent == 2:
        half = np.sqrt(np.maximum(1 - along**2 - across**2, 0))
    else:
        rest = 1 - np.abs(along) ** np.float32(exponent) - np.abs(across) ** np.float32(exponent)
        half = np.maximum(rest, 0) ** np.float32(1 / exponent)
    half *= np.float32(radii[1])
    return Interval(np.float32(center[1]) - half, np.float32(center[1]) + half)


def covered_length(whole: Interval, others: Sequence[Interval]) -> Array:
    """Length in mm of the part of ``whole`` that lies in one or more of ``others``, ``(H, W)``."""
    total = np.zeros_like(whole.front)
    touched = np.any([(other.front < other.back) for other in others], axis=0) & (whole.front < whole.back)
    start, end = whole.front[touched], whole.back[touched]
    fronts = np.stack([np.clip(other.front[touched], start, end) for other in others])
    backs = np.stack([np.clip(other.back[touched], start, end) for other in others])
    order = np.argsort(fronts, axis=0)
    reached, length = start, np.zeros_like(start)
    for front, back in zip(np.take_along_axis(fronts, order, 0), np.take_along_axis(backs, order, 0)):
        length += np.maximum(back - np.maximum(front, reached), 0)
        reached = np.maximum(reached, back)
    total[touched] = length
    return total


def curve(knots: Sequence[float], values: Sequence[float], at: Array) -> Array:
    """Smooth curve without overshoot through ``values`` at increasing ``knots``; constant beyond the ends."""
    return PchipInterpolator(knots, values)(np.clip(at, knots[0], knots[-1])).astype(np.float32)


def tube_points(
    path: NDArray[np.floating], radii: NDArray[np.floating], step: float, shell: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Small volumes that make up a bent tube of elliptic section.

    Args:
        path: points of the middle line, ``(N, 3)`` in mm.
        radii: vertical and horizontal radius at these points, ``(N, 2)`` in mm.
        step: distance between volumes in mm.
        shell: thickness of the wall of a hollow tube in mm; None for a solid one.

    Returns:
        points ``(M, 3)`` and volumes ``(M,)`` for :meth:`Detector.deposit`.
    """
    lengths = np.r_[0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    count = max(2, int(np.ceil(lengths[-1] / step)))
    where = (np.arange(count) + 0.5) * lengths[-1] / count
    middle = np.stack([np.interp(where, lengths, column) for column in path.T], axis=1)
    tall, wide = (np.interp(where, lengths, column)[:, None] for column in radii.T)
    forward = np.gradient(middle, axis=0)
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    up = np.array([0.0, 0.0, 1.0]) - forward * forward[:, 2:]
    flat = np.linalg.norm(up, axis=1, keepdims=True) < 0.1
    up = np.where(flat, [1.0, 0.0, 0.0], up)
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    side = np.cross(forward, up)
    if shell is None:  # rings of equal area
        layers = max(2, int(np.ceil(radii.max() / step)))
        rings, weights = np.sqrt((np.arange(layers) + 0.5) / layers), np.full(layers, 1 / layers)
        area = np.pi * tall * wide
    else:
        rings, weights = np.array([1.0]), np.array([1.0])
        area = np.pi * shell * (tall + wide)
    around = max(8, int(np.ceil(2 * np.pi * radii.max() / step)))
    angle = 2 * np.pi * (np.arange(around) + 0.5) / around
    cos, sin = (np.outer(rings, f(angle)).ravel() for f in (np.cos, np.sin))
    points = middle[:, None] + (tall * cos)[..., None] * up[:, None] + (wide * sin)[..., None] * side[:, None]
    volumes = area * np.repeat(weights / around, around) * (lengths[-1] / count)
    return points.reshape(-1, 3), volumes.ravel()
