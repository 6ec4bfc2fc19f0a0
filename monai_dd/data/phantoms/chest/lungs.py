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
"""The lungs: where each line enters and leaves them, and the tree of vessels that marks them."""

from __future__ import annotations

import numpy as np

from monai_dd.data.phantoms.chest.detector import Array, Detector
from monai_dd.data.phantoms.chest.intervals import Interval, curve, section
from monai_dd.data.phantoms.chest.patient import ChestPatient

__all__ = ["SIDES", "lateral_border", "lung_interval", "lung_vessels"]

SIDES = (-1, 1)
"""Sign of x on the patient's right and left; the order of the lungs in all arrays."""

# square root of the share of the way from the apex to the costophrenic angle, at which the lung is round on top
_LEVELS = (0, 0.12, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0, 1.09)
_LATERAL = (0.42, 0.53, 0.64, 0.765, 0.865, 0.94, 0.985, 1.0, 0.88)  # shares of the half width
_MEDIAL = (0.42, 0.32, 0.24, 0.175, 0.14, 0.12, 0.12, 0.14, 0.2)
_DEPTH = (0.05, 0.28, 0.48, 0.68, 0.83, 0.94, 1.0, 0.95, 0.3)  # shares of the half depth
_GENERATIONS = 6  # of branches of the vessels


def _level(z: Array, patient: ChestPatient, drop: Array | float = 0.0) -> Array:
    return np.sqrt(np.maximum((np.asarray(patient.apex - drop, np.float32) - z) / np.float32(patient.height), 0))


def lateral_border(z: Array, patient: ChestPatient) -> Array:
    """Distance of the lateral border of the lungs to the midline in mm at the heights ``z``."""
    return curve(_LEVELS, _LATERAL, _level(z, patient)) * np.float32(patient.half_width)


def lung_interval(
    detector: Detector, patient: ChestPatient, side: int, inset: Array | float = 0.0, drop: Array | float = 0.0
) -> Interval:
    """Interval of one pleural cavity, before heart and diaphragm take their part.

    Args:
        detector: the detector.
        patient: whose lung it is.
        side: one of ``SIDES``.
        inset: by how many mm it has drawn back from the lateral wall, a number or ``(H, W)``.
        drop: by how many mm it has sunk, a number or ``(H, W)``.
    """
    level, size = _level(detector.z, patient, drop), np.float32(patient.half_width)
    lateral = curve(_LEVELS, _LATERAL, level) * size - np.asarray(inset, np.float32)
    medial = curve(_LEVELS, _MEDIAL, level) * size
    depth = curve(_LEVELS, _DEPTH, level) * np.asarray(patient.half_depth - 0.2 * inset, np.float32)
    depth = np.where((level > 0) & (level < _LEVELS[-1]), depth, 0)
    return section(side * detector.x() - (lateral + medial) / 2, (lateral - medial) / 2, depth, 0.0, 2.3)


def lung_vessels(detector: Detector, patient: ChestPatient, side: int, rng: np.random.Generator) -> Array:
    """Thickness of the pulmonary vessels of one lung in mm, ``(H, W)``.

    They branch from the hilum and thin out: the cubes of the radii of two branches sum to that of their stem (Murray
    1926).
    """
    start = np.array([side * 0.19 * patient.half_width, 5.0, patient.apex - (0.43 + 0.02 * side) * patient.height])
    angle = np.radians(np.linspace(82, -88, 9) + rng.uniform(-8, 8, 9))
    start = start + np.stack([np.zeros(9), np.zeros(9), 14 * np.sin(angle)], axis=1)
    radius = rng.uniform(3.8, 6.0, 9)
    points, volumes = [], []
    for _ in range(_GENERATIONS):
        length = (12 + 6 * radius) * rng.uniform(0.7, 1.3, len(radius)) * patient.height / 270
        heading = angle[:, None] + np.cumsum(rng.normal(0, 0.16, (len(radius), 3)), axis=1)
        steps = np.stack([side * np.cos(heading), np.zeros_like(heading), np.sin(heading)], axis=2)
        path = start[:, None] + np.cumsum(steps * length[:, None, None] / 3, axis=1)
        path = np.concatenate([start[:, None], path], axis=1)
        _add_branches(points, volumes, path, radius, detector.pixel)
        inside = np.abs(path[:, -1, 0]) < 0.95 * lateral_border(path[:, -1, 2], patient)
        start, heading, radius = (np.repeat(a[inside], 2, axis=0) for a in (path[:, -1], heading[:, -1], radius))
        share = np.repeat(rng.uniform(0.25, 0.75, inside.sum()), 2)
        sign = np.tile([1, -1], inside.sum())
        share = np.where(sign > 0, share, 1 - share)
        angle = heading + sign * (1 - share) * rng.uniform(0.5, 1.1, len(share))
        radius = radius * share ** (1 / 3)
    return detector.deposit(np.concatenate(points), np.concatenate(volumes))


def _add_branches(points: list[Array], volumes: list[Array], path: Array, radius: Array, step: float) -> None:
    """Small volumes on the paths ``(N, 4, 3)`` of round vessels, spread over their width."""
    lengths = np.linalg.norm(np.diff(path, axis=1), axis=2).sum(1)
    count = max(2, int(np.ceil(lengths.max() / step)))
    where = (np.arange(count) + 0.5) / count * 3
    first = where.astype(int)
    part = (where - first)[:, None]
    along = path[:, 1:] - path[:, :-1]
    middle = path[:, first] + part * along[:, first]
    across = along[:, first][..., [2, 1, 0]] * [-1, 0, 1]
    across /= np.linalg.norm(across, axis=2, keepdims=True)
    across_count = max(3, int(np.ceil(2 * radius.max() / step)))
    spread = (2 * np.arange(across_count) + 1) / across_count - 1
    chord = np.sqrt(1 - spread**2)
    places = middle[:, :, None] + across[:, :, None] * (spread[:, None] * radius[:, None, None, None])
    thin = np.linspace(1, 0.8, count)
    sizes = (np.pi * radius**2 * lengths / count)[:, None, None] * thin[:, None] * (chord / chord.sum())
    points.append(places.reshape(-1, 3))
    volumes.append(sizes.ravel())
