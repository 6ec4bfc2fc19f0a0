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
"""Surface of the brain: cerebrum with temporal lobes, cerebellum and brain stem."""

from __future__ import annotations

import numpy as np

from monai_dd.data.phantoms.solids import Array, Ellipsoid, Tube

__all__ = ["BRAIN_STEM", "cerebellum_distance", "cerebrum_distance", "hull_distance", "smooth_union"]

BRAIN_STEM = Tube([(0, 9, -6), (0, 5, -24), (0, 13, -44), (0, 20, -70)], [13, 14.5, 9, 7])
"""Midbrain, pons and medulla."""

_CEREBRUM = Ellipsoid((0, 0, 6), (64, 80, 61), exponent=2.15)
_TEMPORAL = Ellipsoid((37, -10, -20), (24, 36, 22), exponent=2.2)
_OCCIPITAL = Ellipsoid((27, 38, -7), (31, 40, 17))
_BASE = Ellipsoid((0, 2, -8), (27, 28, 14))
_CEREBELLUM = (Ellipsoid((24, 42, -36), (28, 27, 21)), Ellipsoid((0, 38, -31), (15, 25, 21)))


def smooth_union(first: Array, second: Array, width: float) -> Array:
    """Signed distance of the union of two solids with a fillet of ``width`` mm (Quilez 2013, polynomial minimum)."""
    blend = np.maximum(width - np.abs(first - second), 0) / np.float32(width)
    return np.minimum(first, second) - blend**2 * np.float32(width / 4)


def cerebrum_distance(x: Array, y: Array, z: Array) -> Array:
    """Signed distance in mm to the surface of the cerebrum, negative inside; narrower in front than behind."""
    side = np.abs(x) * (1 - np.float32(0.0011) * np.minimum(y, 45))
    floor = np.where(y < 0, -21 + 0.08 * np.minimum(side, 30), -16).astype(np.float32)
    upper = np.maximum(_CEREBRUM.distance(side, y, z), floor - z)
    lower = smooth_union(_TEMPORAL.distance(side, y, z), _OCCIPITAL.distance(side, y, z), 8)
    lower = np.minimum(lower, _BASE.distance(x, y, z))
    return smooth_union(upper, lower, 6)


def cerebellum_distance(x: Array, y: Array, z: Array) -> Array:
    """Signed distance in mm to the surface of the cerebellum, which lies below the tentorium."""
    hemispheres, vermis = (solid.distance(np.abs(x), y, z) for solid in _CEREBELLUM)
    return smooth_union(hemispheres, vermis, 5)


def hull_distance(x: Array, y: Array, z: Array) -> Array:
    """Signed distance in mm to the surface of the whole brain, negative inside."""
    brain = smooth_union(cerebrum_distance(x, y, z), cerebellum_distance(x, y, z), 16)
    return smooth_union(brain, BRAIN_STEM.distance(x, y, z), 3)
