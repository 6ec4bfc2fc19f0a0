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
"""Bones as thickness of compact bone: ribs, clavicles, spine and shoulder blades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from monai_dd.data.phantoms.chest.detector import Array, Detector
from monai_dd.data.phantoms.chest.intervals import ellipsoid, section, tube_points
from monai_dd.data.phantoms.chest.lungs import SIDES, lateral_border
from monai_dd.data.phantoms.chest.patient import ChestPatient

__all__ = ["bone_thickness"]

_RIBS = 10


def bone_thickness(detector: Detector, patient: ChestPatient, rng: np.random.Generator) -> Array:
    """Thickness of compact bone on the lines of the pixels in mm, ``(H, W)``.

    Args:
        detector: the detector.
        patient: whose bones they are.
        rng: source of randomness, for small irregularities.
    """
    parts = []
    for side in SIDES:
        for number in range(_RIBS):
            path, radii = _rib(patient, side, number, rng)
            parts.append(_bone(path, radii, detector, 0.85))
        parts.append(_bone(*_clavicle(patient, side, rng), detector, 1.3))
        parts += [_bone(path, radii, detector, 0.7) for path, radii in _shoulder(patient, side)]
    points, volumes = (np.concatenate(arrays) for arrays in zip(*parts))
    plates = sum(_blade(detector, patient, side) for side in SIDES)
    return np.float32(patient.bone) * (detector.deposit(points, volumes) + _spine(detector, patient) + plates)


def _bone(path: NDArray, radii: NDArray, detector: Detector, compact: float) -> tuple[NDArray, NDArray]:
    """Compact bone around spongy bone of a sixth of its density."""
    shell = tube_points(path, radii, detector.pixel, compact)
    core = tube_points(path, radii, 1.2 * detector.pixel)
    return np.concatenate([shell[0], core[0]]), np.concatenate([shell[1], core[1] / 6])


def _spacing(patient: ChestPatient) -> float:
    return 0.093 * patient.height


def _rib(patient: ChestPatient, side: int, number: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """From the spine around the side of the chest, falling, to the cartilage in front, which is not seen."""
    start = patient.apex - 16 - _spacing(patient) * number + rng.normal(0, 0.8)
    drop = patient.rib_drop * np.interp(number, (0, 2, 6, 9), (0.5, 0.85, 1.1, 1.15))
    end = np.interp(number, (0, 5, 7, 9), (0.8, 0.77, 0.68, 0.55)) * np.pi
    angle = np.linspace(0.03 * np.pi, end, 60)
    height = start + 7 * np.sin(angle) ** 2 - drop * ((1 - np.cos(angle)) / 2) ** 1.25
    beside = np.interp(np.pi / 2, angle, height)
    width = float(lateral_border(np.array([beside]), patient)[0]) + 2.5
    depth = patient.half_depth * np.interp(number, (0, 1, 3, 9), (0.5, 0.72, 0.95, 1.02))
    path = np.stack([side * width * np.sin(angle) ** 0.85, depth * np.cos(angle) + 4, height], axis=1)
    tall = np.interp(angle / np.pi, (0.03, 0.3, 0.6, 0.8), (4.6, 6.3, 6.2, 7.0)) * patient.height / 275
    tall *= np.clip((end - angle) / 0.25, 0.3, 1)
    return path, np.stack([tall, np.full_like(tall, 3.6)], axis=1)


def _clavicle(patient: ChestPatient, side: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    wide, lift = patient.half_width / 138, rng.normal(0, 3)
    knots = np.array([(16, -78, -50), (40, -84, -42), (75, -74, -32), (108, -46, -22), (150, -22, -20)], float)
    knots *= [side * wide, patient.half_depth / 86, patient.height / 275]
    knots[:, 2] += patient.apex + np.linspace(0, lift, len(knots))
    share = np.linspace(0, 1, 40)
    path = PchipInterpolator(np.linspace(0, 1, len(knots)), knots)(share)
    tall = np.interp(share, (0, 0.12, 0.5, 1), (9.5, 7.0, 5.6, 6.2)) * wide
    return path, np.stack([tall, 0.9 * tall], axis=1)


def _shoulder(patient: ChestPatient, side: int) -> list[tuple[NDArray, NDArray]]:
    """Lateral border and spine of the shoulder blade, and the humerus."""
    out, apex = patient.half_width, patient.apex
    lines = [
        ([(1.18 * out, 45, apex - 60), (1.12 * out, 60, apex - 105), (1.0 * out, 70, apex - 158)], (3.0, 3.0, 2.0)),
        ([(0.95 * out, 66, apex - 42), (1.12 * out, 45, apex - 30), (1.24 * out, 10, apex - 24)], (2.0, 3.5, 5.0)),
        (
            [((1.29 + 0.0008 * level) * out, 10, apex - level) for level in (34, 36, 41, 53, 66, 82, 150, 290)],
            (2.0, 9.0, 16.0, 21.0, 18.0, 13.0, 11.0, 11.0),
        ),
    ]
    scale = np.array([side, 1.0, 1.0])
    return [(np.array(path, float) * scale, np.stack([radii, radii], axis=1)) for path, radii in lines]


def _blade(detector: Detector, patient: ChestPatient, side: int) -> Array:
    """Plate of the shoulder blade, turned nearly out of the lung."""
    center = (side * 1.03 * patient.half_width, 64.0, patient.apex - 92)
    plate = ellipsoid(detector, center, (30, 1.0, 66), 0.12 * side, 2.6).length
    return np.minimum(plate, 1.4)


def _spine(detector: Detector, patient: ChestPatient) -> Array:
    """Vertebral bodies with their end plates, disks between them, spinous processes and pedicles."""
    depth, below = 52.0, np.float32(patient.apex) - detector.z
    x = detector.x(depth) - np.float32(patient.bend) * np.cos(detector.z * np.float32(np.pi / (2 * patient.apex)))
    phase = (below + 6) / np.float32(_spacing(patient)) % 1 - 0.5  # 0 in the middle of a vertebra
    half_width = np.float32(patient.half_width / 138) * (13.5 + 0.018 * np.clip(below, -60, 320))
    waist = half_width * (0.93 + 0.28 * phase**2)
    body = section(x, waist, 15.0, depth, 4.0).length
    plates = np.exp(-(((np.abs(phase) - 0.4) / 0.045) ** 2))
    disk = np.clip((np.abs(phase) - 0.41) / 0.05, 0, 1)
    total = body * (0.1 + 0.05 * plates - 0.08 * disk)
    pedicles = np.hypot((np.abs(x) - 0.62 * half_width) / 4.0, (phase + 0.12) * np.float32(_spacing(patient)) / 5.5)
    total += 2.0 * np.exp(-(((pedicles - 1) / 0.35) ** 2))
    process = np.hypot(x / 3.5, (phase - 0.3) * np.float32(_spacing(patient)) / 8)
    total += 3.0 * np.clip(1.2 - process, 0, 0.6)
    return total
