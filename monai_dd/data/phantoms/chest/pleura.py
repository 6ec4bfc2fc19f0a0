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
"""Findings between lung and chest wall: effusion and pneumothorax.

Each function changes the air of the scene and returns masks ``(H, W)`` of what has visibly changed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from monai_dd.data.phantoms.chest.lesions import VISIBLE
from monai_dd.data.phantoms.chest.lungs import SIDES, lateral_border, lung_interval
from monai_dd.data.phantoms.chest.scene import ChestScene

__all__ = ["add_effusion", "add_pneumothorax"]

_RIM = 2.5  # mm: narrower rims of gas are not seen


def add_effusion(scene: ChestScene, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Fluid in the costophrenic angle of one side, in a fifth of cases of both, below a meniscus."""
    first = SIDES[rng.integers(2)]
    scene.sides["Effusion"] = first
    return [_fill(scene, rng, side) for side in ((first, -first) if rng.random() < 0.2 else (first,))]


def _fill(scene: ChestScene, rng: np.random.Generator, side: int) -> NDArray[np.bool_]:
    """Fluid up to a level that rises towards chest wall and mediastinum, hiding the dome of the diaphragm."""
    patient, z = scene.patient, scene.detector.z
    level = rng.uniform(22, 50) if rng.random() < 0.6 else rng.uniform(50, 105)
    to_wall = np.maximum(lateral_border(z, patient) - side * scene.detector.x(), 0)
    to_middle = np.maximum(side * scene.detector.x() - np.float32(0.14 * patient.half_width), 0)
    rise = rng.uniform(26, 48) * np.exp(-to_wall / 24) + rng.uniform(0, 10) * np.exp(-to_middle / 14)
    surface = np.float32(level - patient.apex) + rise
    share = expit((surface - z) / np.float32(rng.uniform(2.5, 6.0)))
    air = scene.air[(side + 1) // 2]
    taken = share * air
    air -= taken
    return taken > 2 * VISIBLE


def add_pneumothorax(scene: ChestScene, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Gas around a lung that has drawn back from wall and apex, within the white line of the visceral pleura."""
    side = -scene.sides["Effusion"] if "Effusion" in scene.sides else SIDES[rng.integers(2)]
    scene.sides["Pneumothorax"] = side
    size, detector, patient = rng.uniform(18, 40), scene.detector, scene.patient
    reach = rng.uniform(0.55, 0.95)
    below = np.clip((np.float32(patient.apex) - detector.z) / np.float32(patient.height), 0, 1)
    fade = np.maximum(1 - below / np.float32(reach), 0)
    inset, drop = np.float32(size) * fade, np.float32(0.9 * size) * fade
    outer, inner = lung_interval(detector, patient, side).length, lung_interval(detector, patient, side, inset, drop)
    within = lung_interval(detector, patient, side, inset + 0.9, drop + 0.9)
    air = scene.air[(side + 1) // 2]
    share = inner.length / np.maximum(outer, 1e-3)
    freed = air * (1 - np.clip(share, 0, 1))
    scene.gas += freed
    air -= freed
    shown = (inset > _RIM) & (freed + air > VISIBLE)
    scene.line += np.where(shown, np.clip(inner.length - within.length, 0, 14), 0)
    return [(inner.length <= 0) & (freed > 2 * VISIBLE) & (inset > _RIM)]
