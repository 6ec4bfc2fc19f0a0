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
"""Outline of the body: neck, shoulders, trunk, upper arms and breasts."""

from __future__ import annotations

import numpy as np

from monai_dd.data.phantoms.chest.detector import Array, Detector
from monai_dd.data.phantoms.chest.intervals import curve, ellipsoid, section
from monai_dd.data.phantoms.chest.patient import ChestPatient

__all__ = ["body_thickness"]


def body_thickness(detector: Detector, patient: ChestPatient) -> Array:
    """Thickness of the body without its cavities in mm, ``(H, W)``."""
    below = np.float32(patient.apex) - detector.z  # distance below the apex of the lung
    wide, deep, height = patient.half_width + patient.wall, patient.half_depth + 0.7 * patient.wall, patient.height
    knots = (-90, -45, -20, 5, 35, 0.3 * height, 0.6 * height, height, 1.4 * height)
    widths = (56, 62, 82, 122, 0.9 * wide, wide, 0.98 * wide, 0.97 * wide, wide)
    depths = (56, 60, 66, 0.66 * deep, 0.82 * deep, 0.97 * deep, deep, 0.98 * deep, deep)
    trunk = section(detector.x(), curve(knots, widths, below), curve(knots, depths, below), 0.0, 2.5).length
    limbs = []
    for side in (-1, 1):
        shoulder = (side * (wide + 6), 5.0, patient.apex - 58)
        limbs.append(ellipsoid(detector, shoulder, (62, 56, 50), 0.45 * side).length)
        arm = (side * (wide + 52), 0.0, patient.apex - 175)
        limbs.append(ellipsoid(detector, arm, (42, 48, 190), 0.2 * side, 2.4).length)
    total = (trunk**3 + sum(limb**3 for limb in limbs)) ** np.float32(1 / 3)  # a smooth maximum
    if patient.sex == "F":
        size = 0.6 + 0.4 * patient.wall / 26
        for side in (-1, 1):
            center = (side * 0.52 * patient.half_width, -patient.half_depth, patient.apex - 0.72 * patient.height)
            breast = ellipsoid(detector, center, (62 * size, 52 * size, 58 * size), 0.3 * side).length
            total += 0.5 * breast * np.clip(0.45 - (detector.z - np.float32(center[2])) / (90 * size), 0, 1)
    return total
