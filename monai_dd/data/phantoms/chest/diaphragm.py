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
"""The domes of the diaphragm, and the gas bubble of the stomach below the left one."""

from __future__ import annotations

import numpy as np

from monai_dd.data.phantoms.chest.detector import Array, Detector
from monai_dd.data.phantoms.chest.intervals import Interval, ellipsoid, section
from monai_dd.data.phantoms.chest.patient import ChestPatient

__all__ = ["Breath", "diaphragm_interval", "dome_tops", "draw_breath", "stomach_gas"]

Breath = tuple[float, float]
"""How far the right and the left dome stand above their height at full inspiration, mm."""


def draw_breath(rng: np.random.Generator) -> Breath:
    """Draw how deeply the patient has breathed in at one visit."""
    common = rng.uniform(-6, 26)
    return float(common + rng.normal(0, 1.5)), float(common + rng.normal(0, 1.5))


def dome_tops(patient: ChestPatient, breath: Breath) -> tuple[float, float]:
    """Height z in mm of the top of the right and left dome."""
    right, left = (dome + lift - patient.apex for dome, lift in zip(patient.domes, breath))
    return right, left


def diaphragm_interval(detector: Detector, patient: ChestPatient, breath: Breath, side: int) -> Interval:
    """Interval of what lies below one dome: liver or stomach, spleen and fat.

    Above the base it is half an ellipsoid, below a cylinder; lung remains behind it.
    """
    top = dome_tops(patient, breath)[(side + 1) // 2]
    base = -patient.apex - 8
    height = (detector.z - np.float32(base)) / np.float32(top - base)
    shrink = np.maximum(1 - np.maximum(height, 0) ** np.float32(2.1), 0) ** np.float32(1 / 2.1)
    depth, width = 0.82 * patient.half_depth, 0.62 * patient.half_width
    center = side * 0.44 * patient.half_width
    return section(detector.x(-14) - np.float32(center), width * shrink, depth * shrink, -14.0, 2.0)


def stomach_gas(detector: Detector, patient: ChestPatient, breath: Breath, rng: np.random.Generator) -> Array:
    """Thickness of the gas below the left dome in mm, ``(H, W)``; two of three patients show it."""
    shown, wide, tall = rng.random() < 0.66, rng.uniform(16, 34), rng.uniform(8, 18)
    center = (rng.uniform(0.35, 0.55) * patient.half_width, -20.0, dome_tops(patient, breath)[1] - 9 - tall)
    bubble = ellipsoid(detector, center, (wide, rng.uniform(14, 30), tall), rng.uniform(-0.2, 0.3)).length
    return bubble if shown else np.zeros_like(bubble)
