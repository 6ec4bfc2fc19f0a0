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
"""The folded cortex: depth below the pia, which follows the surface into sulci and fissures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monai_dd.data.phantoms.brain.patient import BrainPatient
from monai_dd.data.phantoms.random_fields import NoiseField
from monai_dd.data.phantoms.solids import Array

__all__ = ["Cortex", "fold_cortex"]

_MEDIAL_CORE = ((3.0, 4.0), (37.0, 24.0))  # center and radii in (y, z): corpus callosum and what it surrounds


@dataclass(frozen=True)
class Cortex:
    """Distances in mm at points of the cerebrum.

    Attributes:
        pia: depth below the pia; negative in the cerebrospinal fluid of sulci, fissures and the surface.
        fissure: distance to the longitudinal fissure.
        sylvian: distance to the lateral (Sylvian) fissure and the insular cistern.
    """

    pia: Array
    fissure: Array
    sylvian: Array


def fold_cortex(x: Array, y: Array, z: Array, depth: Array, patient: BrainPatient, rng: np.random.Generator) -> Cortex:
    """Fold the surface of the cerebrum.

    Sulci are the zero sheets of band-limited noise that hardly changes toward the center, so that they stand upright
    on the surface; gyri lie between them. ``|n| / |grad n|`` estimates the distance to a sheet. Both hemispheres share
    half of the noise: they resemble one another and are not the same.

    Args:
        x, y, z: anatomical coordinates of the points in mm.
        depth: depth of the points below the surface of the brain in mm.
        patient: whose brain it is.
        rng: source of randomness.

    Returns:
        Distances at the points.
    """
    norm = np.sqrt((x / 64) ** 2 + (y / 80) ** 2 + ((z - 4) / 62) ** 2)
    stretch = np.clip(norm, 0.35, 1) ** np.float32(-0.5)
    u, v, w = x * stretch, y * stretch, (z - 4) * stretch
    common, own = (NoiseField(rng, 22.0, 0.28) for _ in range(2))
    wave = common(np.abs(u), v, w) + 0.7 * own(u, v, w)
    steepness = np.hypot(common.slope(np.abs(u), v, w), 0.7 * own.slope(u, v, w))
    sheet = np.abs(wave) / (np.maximum(steepness, np.float32(0.08)) * stretch)
    clouds = NoiseField(rng, 45.0, 0.5)
    bottom = np.clip(20 + 6 * clouds(x, y, z), 10, 30)
    wobble = 1.2 * clouds(z, x, y)

    fissure = _longitudinal_fissure(x + wobble * np.clip(depth / 15, 0, 1), y, z)
    sylvian = _sylvian_fissure(np.abs(x) + wobble, y + 2 * wobble, z)
    below = np.minimum(depth, np.minimum(fissure + 4, sylvian + 8))  # sulci start from the fissures too
    center = np.sqrt((x / 40) ** 2 + ((y - 4) / 50) ** 2 + ((z - 10) / 24) ** 2)  # no folds around the thalami
    sulcus = np.hypot(sheet, np.maximum(below - bottom, 40 * np.maximum(1 - center, 0)))
    taper = np.clip(1.1 - depth / bottom, 0.15, 1.1)
    width = np.float32(patient.atrophy) * (1 + 0.3 * clouds(y, z, x))
    pia = np.minimum(depth - 0.6 * np.abs(width), sulcus - 0.6 * width * taper)
    pia = np.minimum(pia, fissure - 0.8 * np.float32(patient.atrophy))
    pia = np.minimum(pia, sylvian - np.float32(patient.atrophy))
    return Cortex(pia, fissure, sylvian)


def _longitudinal_fissure(x: Array, y: Array, z: Array) -> Array:
    """Distance to the sheet between the hemispheres, which ends at the corpus callosum."""
    (cy, cz), (ry, rz) = _MEDIAL_CORE
    inside = np.maximum(1 - np.hypot((y - cy) / ry, (z - cz) / rz), 0) * np.float32(rz)
    return np.hypot(x, 4 * inside)


def _sylvian_fissure(side: Array, y: Array, z: Array) -> Array:
    """Distance to the insular cistern (upright) and to the cleft that leads from it to the lateral surface."""
    wall = 37 - 4 * ((y + 3) / 22) ** 2
    beyond = (np.hypot((y + 3) / 22, (z - 3) / 15) - 1) * 15
    insula = np.hypot(side - wall, np.maximum(beyond, 0))
    plane = (y - 1.1 * (z - 4)) / np.float32(np.hypot(1, 1.1))
    cleft = np.hypot(plane, np.hypot(np.maximum(37 - side, 0), np.maximum(np.abs(z - 5) - 17, 0)))
    return np.minimum(insula, cleft)
