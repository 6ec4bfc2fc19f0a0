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
"""Findings inside the lungs: nodules, masses, infiltrations and plates of atelectasis.

Each function takes the air of the scene and returns masks ``(H, W)`` of what has visibly changed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from monai_dd.data.phantoms.chest.detector import Array
from monai_dd.data.phantoms.chest.scene import ChestScene
from monai_dd.data.phantoms.random_fields import Clouds

__all__ = ["VISIBLE", "add_atelectasis", "add_infiltration", "add_mass", "add_nodules"]

VISIBLE = 4.0
"""Thickness of air in mm whose loss is visible: about 5 gray values."""


def add_nodules(scene: ChestScene, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """One nodule, sometimes two or three: round, at most 3 cm wide (Hansell et al. 2008)."""
    return [_add_ball(scene, rng, rng.uniform(7.5, 13.5)) for _ in range(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))]


def add_mass(scene: ChestScene, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """A mass: more than 3 cm wide, with a lobed border."""
    return [_add_ball(scene, rng, rng.uniform(18, 33))]


def _add_ball(scene: ChestScene, rng: np.random.Generator, radius: float) -> NDArray[np.bool_]:
    side, x, z = scene.place(rng, 1.05 * radius, (0.12, 0.85))
    right, up = scene.detector.x() - np.float32(x), scene.detector.z - np.float32(z)
    angle = np.arctan2(up, right)
    border = 1 + sum(rng.uniform(0, 0.12 / n) * np.cos(n * angle + rng.uniform(0, 2 * np.pi)) for n in (2, 3, 5))
    chord = 2 * np.sqrt(np.maximum((np.float32(radius) * border) ** 2 - right**2 - up**2, 0))
    return _take(scene, side, chord * np.float32(rng.uniform(1.0, 1.4))) > VISIBLE  # as deep as wide, or deeper


def add_infiltration(scene: ChestScene, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """A patchy opacity without sharp border in which vessels can still be followed."""
    size = np.float32(rng.uniform(26, 44))
    side, x, z = scene.place(rng, 0.55 * size, (0.2, 0.88))
    right, up = scene.detector.x() - np.float32(x), scene.detector.z - np.float32(z)
    coarse, fine = Clouds(rng, 40.0)(right, up), Clouds(rng, 16.0)(right, up)
    distance = np.hypot(right / np.float32(rng.uniform(0.8, 1.2)), up) / size + 0.14 * coarse
    falloff = expit((1 - distance) / 0.13)
    patches = np.clip(0.65 + 0.2 * coarse + 0.2 * fine, 0.1, 1.2)
    taken = _take(scene, side, np.float32(rng.uniform(0.38, 0.6)) * patches * falloff * scene.air[_index(side)])
    return [taken > 2 * VISIBLE]


def add_atelectasis(scene: ChestScene, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """A plate: a dense, nearly straight band in the lower half of a lung."""
    length, half_height = rng.uniform(26, 42), rng.uniform(3.0, 5.5)
    side, x, z = scene.place(rng, 0.8 * length, (0.5, 0.9))
    tilt = rng.uniform(-0.45, 0.45)
    right, up = scene.detector.x() - np.float32(x), scene.detector.z - np.float32(z)
    along = (np.cos(tilt) * right + np.sin(tilt) * up) / np.float32(length)
    across = (np.cos(tilt) * up - np.sin(tilt) * right) / np.float32(half_height) + rng.uniform(-0.5, 0.5) * along**2
    thinned = np.maximum(1 - along**2, 0) ** np.float32(0.35)
    profile = thinned * np.exp(-((across / np.maximum(thinned, 0.05)) ** 4))
    return [_take(scene, side, np.float32(rng.uniform(28, 46)) * profile) > VISIBLE]


def _index(side: int) -> int:
    return (side + 1) // 2


def _take(scene: ChestScene, side: int, thickness: Array) -> Array:
    """Replace up to ``thickness`` mm of air by soft tissue; how much there was of it."""
    air = scene.air[_index(side)]
    taken = np.minimum(thickness, air)
    air -= taken
    return taken
