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
"""Outline of the body: trunk, neck, head, arms and legs, as solids of fat and muscle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import PchipInterpolator

from monai_dd.data.phantoms.pet.patient import Patient
from monai_dd.data.phantoms.solids import Ellipsoid, Loft, Solid, Tube

__all__ = ["Limb", "Outline", "build_outline", "trunk"]

# Reference body (1.75 m, mm): height, half width, half depth, center in y of the trunk's cross-sections.
_TRUNK = np.array(
    [
        (815, 150, 82, 18),
        (850, 168, 98, 16),
        (900, 176, 106, 14),
        (960, 168, 104, 10),
        (1030, 150, 97, 4),
        (1090, 139, 94, 0),
        (1160, 144, 101, -2),
        (1240, 153, 108, -2),
        (1310, 161, 108, 0),
        (1370, 168, 100, 5),
        (1415, 166, 86, 10),
        (1445, 138, 72, 14),
        (1468, 92, 62, 16),
        (1490, 64, 58, 14),
        (1525, 56, 58, 10),
        (1585, 56, 62, 5),
    ],
    float,
)


@dataclass(frozen=True)
class Limb:
    """Axis of one limb segment: ``start`` to ``end`` (mm) with the radii of the skin at equal steps along it."""

    start: Sequence[float]
    end: Sequence[float]
    radii: Sequence[float]

    def tube(self) -> Tube:
        """The skin."""
        return Tube(np.linspace(self.start, self.end, len(self.radii)), self.radii)

    def at(self, fraction: float) -> np.ndarray:
        """Point at ``fraction`` of the axis, ``(3,)`` in mm."""
        return np.asarray(self.start) + fraction * (np.asarray(self.end) - np.asarray(self.start))

    def radius(self, fraction: float) -> float:
        """Radius of the skin at ``fraction`` of the axis in mm."""
        return float(np.interp(fraction, np.linspace(0, 1, len(self.radii)), self.radii))


@dataclass(frozen=True)
class Outline:
    """All outer solids. ``limbs`` maps names such as ``"upper_arm_left"`` to their segments."""

    trunk: Solid
    others: tuple[Solid, ...]
    limbs: dict[str, Limb] = field(default_factory=dict)

    def solids(self) -> list[Solid]:
        """Everything that has skin."""
        return [self.trunk, *self.others, *(limb.tube() for limb in self.limbs.values())]


def trunk(patient: Patient) -> Loft:
    """Smooth trunk from the crotch to the upper neck."""
    heights = np.linspace(_TRUNK[0, 0], _TRUNK[-1, 0], 80)
    width, depth, center = (PchipInterpolator(_TRUNK[:, 0], _TRUNK[:, c])(heights) for c in (1, 2, 3))
    build = np.interp(
        heights, (850, 950, 1100, 1300, 1420, 1480), (patient.hips,) * 2 + (1.0,) + (patient.shoulders,) * 2 + (1.0,)
    )
    slim = np.interp(heights, (1440, 1500), (0, 1))  # the neck grows less than the trunk
    scale = patient.outline * (1 - slim) + patient.stature * patient.girth**0.4 * slim
    return Loft(heights * patient.stature, width * build * scale, depth * scale, center * patient.stature)


def build_outline(patient: Patient, arms: str, rng: np.random.Generator) -> Outline:
    """Build the outline of ``patient``.

    Args:
        patient: size and sex.
        arms: ``"up"`` (raised next to the head, elbows bent) or ``"down"`` (next to the trunk).
        rng: draws the angles of the limbs.

    Returns:
        The outline in mm: x to the left, y to the back, z to the head, soles near z = 0.
    """
    s, limb = patient.stature, patient.stature * patient.girth**0.8
    body = trunk(patient)
    limbs: dict[str, Limb] = {}
    for side, sign in (("right", -1), ("left", 1)):
        limbs |= _arm(patient, arms, side, sign, body, rng)
        splay = rng.uniform(-8, 14)
        hip = (sign * 86 * patient.hips * patient.outline, 12 * s, 880 * s)
        knee = (sign * (78 * s + splay), (14 + rng.uniform(-8, 8)) * s, 480 * s)
        ankle = (sign * (72 * s + 1.6 * splay), 24 * s, 75 * s)
        toes = (sign * (88 * s + 2.2 * splay), -125 * s, 40 * s)
        limbs[f"thigh_{side}"] = Limb(hip, knee, np.array([84, 86, 79, 69, 59, 53]) * limb)
        limbs[f"calf_{side}"] = Limb(knee, ankle, np.array([52, 55, 56, 47, 37, 33]) * limb)
        limbs[f"foot_{side}"] = Limb(ankle, toes, np.array([33, 34, 30, 22]) * s)
    head = (
        Ellipsoid((0, -8 * s, 1655 * s), (77 * s, 98 * s, 98 * s), exponent=2.2),
        Ellipsoid((0, -38 * s, 1582 * s), (57 * s, 62 * s, 66 * s), exponent=2.3),
    )
    breasts: tuple[Solid, ...] = ()
    if patient.sex == "F":
        size = rng.uniform(0.8, 1.2) * patient.outline
        breasts = tuple(
            Ellipsoid((sign * 82 * patient.outline, -88 * patient.outline, 1265 * s), (58 * size, 42 * size, 52 * size))
            for sign in (-1, 1)
        )
    return Outline(body, head + breasts, limbs)


def _arm(patient: Patient, arms: str, side: str, sign: int, body: Loft, rng: np.random.Generator) -> dict[str, Limb]:
    s, limb = patient.stature, patient.stature * patient.girth**0.8
    wide = patient.shoulders * patient.outline
    hip = max(body.half_widths[:30])
    if arms == "up":
        shoulder = (sign * (152 * wide), 12 * s, 1425 * s)
        out, up = rng.uniform(28, 62), rng.uniform(228, 258)
        elbow = (shoulder[0] + sign * out * s, rng.uniform(-45, -5) * s, (1425 + up) * s)
        wrist = (
            elbow[0] - sign * rng.uniform(75, 125) * s,
            rng.uniform(-30, 10) * s,
            elbow[2] + rng.uniform(185, 215) * s,
        )
        hand = (wrist[0] - sign * rng.uniform(20, 60) * s, wrist[1], wrist[2] + rng.uniform(70, 100) * s)
    else:
        shoulder = (sign * (170 * wide), 14 * s, 1405 * s)
        elbow = (sign * (max(180 * wide, hip - 5 * s) + rng.uniform(34, 56) * s), rng.uniform(10, 35) * s, 1125 * s)
        wrist = (sign * (hip + rng.uniform(26, 48) * s), rng.uniform(-50, -5) * s, 878 * s)
        hand = (wrist[0] - sign * rng.uniform(0, 25) * s, wrist[1] - 10 * s, wrist[2] - 100 * s)
    return {
        f"upper_arm_{side}": Limb(shoulder, elbow, np.array([56, 52, 47, 44, 40]) * limb),
        f"forearm_{side}": Limb(elbow, wrist, np.array([39, 42, 39, 32, 26]) * limb),
        f"hand_{side}": Limb(wrist, hand, np.array([25, 29, 26, 17]) * s),
    }
