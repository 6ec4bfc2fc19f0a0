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
"""Skeletal muscle: the background of every limb, and the groups whose uptake an altered biodistribution raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monai_dd.data.phantoms.pet.canvas import Canvas
from monai_dd.data.phantoms.pet.outline import Limb, Outline
from monai_dd.data.phantoms.pet.patient import Patient
from monai_dd.data.phantoms.solids import Tube

__all__ = ["MUSCLE_GROUPS", "MUSCLE_NAMES", "MuscleUptake", "draw_muscle_uptake", "paint_body", "paint_muscles"]

MUSCLE_GROUPS = ("neck", "deltoid", "biceps", "forearm", "thigh", "calf")
"""Groups that can be altered, from head to foot; each exists on both sides."""

MUSCLE_NAMES = tuple(f"{group}_{side}" for group in MUSCLE_GROUPS for side in ("right", "left"))
"""Names of the numbers of ``PETPhantom.muscles``: number n is ``MUSCLE_NAMES[n - 1]``."""


@dataclass(frozen=True)
class MuscleUptake:
    """Mean SUV of every muscle of :data:`MUSCLE_NAMES`, and which of them are altered."""

    suv: dict[str, float]
    altered: tuple[str, ...]


def draw_muscle_uptake(label: int, groups: Sequence[str], rng: np.random.Generator) -> MuscleUptake:
    """Draw which muscle groups are altered and how strongly.

    Args:
        label: 0 normal (0.5 to 0.8 everywhere), 1 mild (two or three groups at 1.5 to 2.5), 2 severe (three or more
            groups at 3 to 6). Sides differ by about 12 %; a mildly altered group may be altered on one side only.
        groups: groups inside the field of view, from which the altered ones are chosen.
        rng: source of randomness.

    Returns:
        The uptake of every muscle.
    """
    base = rng.uniform(0.5, 0.75)
    suv = {name: float(base * rng.uniform(0.9, 1.1)) for name in MUSCLE_NAMES}
    if label == 0:
        return MuscleUptake(suv, ())
    few, many, low, high = (2, 3, 1.5, 2.5) if label == 1 else (3, len(groups), 3.0, 6.0)
    count = min(int(rng.integers(few, many + 1)), len(groups))
    chosen = rng.choice(len(groups), size=count, replace=False)
    level, altered = rng.uniform(low, high), []
    for index in sorted(chosen):
        sides = ["right", "left"]
        if label == 1 and rng.random() < 0.15:
            sides = [sides[rng.integers(2)]]
        strength = level * np.exp(rng.normal(0, 0.15))
        for side in sides:
            name = f"{groups[index]}_{side}"
            suv[name] = float(np.clip(strength * np.exp(rng.normal(0, 0.12)), low, high))
            altered.append(name)
    return MuscleUptake(suv, tuple(altered))


def paint_body(canvas: Canvas, patient: Patient, outline: Outline, rng: np.random.Generator) -> None:
    """Skin and fat of the whole body, then lean tissue under the fat."""
    fat, lean = rng.uniform(0.2, 0.35), rng.uniform(0.5, 0.7)
    for solid in outline.solids():
        canvas.paint(solid, fat)
    canvas.paint(outline.trunk, lean, softness=8, shrink=patient.fat, texture=0.15)
    for name, limb in outline.limbs.items():
        cover = 3.0 if "hand" in name or "foot" in name else 0.5 * patient.fat
        canvas.paint(limb.tube(), lean, softness=6, shrink=cover)
    for sign in (-1, 1):
        psoas = [
            patient.place(sign * 30, 34, 1110),
            patient.place(sign * 52, 22, 1000),
            patient.place(sign * 66, -2, 900),
        ]
        canvas.paint(Tube(psoas, np.array([10, 20, 14]) * patient.inside), lean, softness=6)


def _belly(
    limb: Limb, span: tuple[float, float], profile: Sequence[float], cover: float, aside: Sequence[float]
) -> Tube:
    """Spindle along ``limb`` from ``span[0]`` to ``span[1]`` of its axis.

    ``profile`` is the radius, and ``aside`` the displacement (right to left, front to back), each as a share of the
    radius of the limb under the fat.
    """
    steps = np.linspace(*span, len(profile))
    lean = np.array([limb.radius(t) - cover for t in steps])
    points = np.array([limb.at(t) for t in steps])
    points[:, :2] += lean[:, None] * np.asarray(aside)
    return Tube(points, np.maximum(lean * profile, 4.0))


def _solids(patient: Patient, outline: Outline, side: str) -> dict[str, list[Tube]]:
    """Muscles of every group on one side."""
    sign, s, cover = (-1 if side == "right" else 1), patient.stature, 0.5 * patient.fat + 2
    upper, fore = outline.limbs[f"upper_arm_{side}"], outline.limbs[f"forearm_{side}"]
    thigh, calf = outline.limbs[f"thigh_{side}"], outline.limbs[f"calf_{side}"]
    cap = [upper.at(0) + np.array([-sign * 22 * s, 0, 14 * s]), upper.at(0.02), upper.at(0.2), upper.at(0.38)]
    strap = [(sign * 48, 8, 1585), (sign * 40, -16, 1520), (sign * 16, -38, 1458)]
    nape = [(sign * 24, 42, 1582), (sign * 30, 50, 1500), (sign * 62, 50, 1458), (sign * 104, 40, 1436)]
    arm, leg = np.array([0.3, 0.5, 0.56, 0.5, 0.3]), np.array([0.3, 0.46, 0.5, 0.44, 0.25])
    return {
        "neck": [
            Tube(np.array(strap) * s, np.array([8, 10, 7]) * s),
            Tube(np.array(nape) * s, np.array([11, 14, 14, 9]) * s),
        ],
        "deltoid": [Tube(cap, np.maximum(np.array([30, 42, 38, 18]) * s * patient.girth**0.5 - 0.5 * cover, 6))],
        "biceps": [
            _belly(upper, (0.34, 0.98), arm, cover, (0.12 * sign, -0.38)),
            _belly(upper, (0.30, 0.92), arm, cover, (-0.12 * sign, 0.40)),
        ],
        "forearm": [
            _belly(fore, (0.0, 0.85), (0.5, 0.62, 0.58, 0.5, 0.4), cover, (-0.3 * sign, -0.2)),
            _belly(fore, (0.0, 0.85), (0.5, 0.62, 0.58, 0.5, 0.4), cover, (0.34 * sign, 0.2)),
        ],
        "thigh": [
            _belly(thigh, (0.05, 0.9), leg, cover, (0.05 * sign, -0.46)),
            _belly(thigh, (0.12, 0.97), leg, cover, (0.46 * sign, -0.1)),
            _belly(thigh, (0.35, 0.99), leg * 0.85, cover, (-0.46 * sign, -0.15)),
            _belly(thigh, (0.1, 0.95), leg * 0.9, cover, (0.1 * sign, 0.5)),
        ],
        "calf": [
            _belly(calf, (0.02, 0.6), (0.4, 0.56, 0.56, 0.45, 0.2), cover, (-0.34 * sign, 0.32)),
            _belly(calf, (0.02, 0.55), (0.4, 0.54, 0.54, 0.45, 0.2), cover, (0.36 * sign, 0.32)),
            _belly(calf, (0.3, 0.9), (0.3, 0.45, 0.5, 0.45, 0.4), cover, (0, 0.2)),
        ],
    }


def paint_muscles(
    canvas: Canvas, patient: Patient, outline: Outline, uptake: MuscleUptake, rng: np.random.Generator
) -> None:
    """Paint all groups on both sides, altered ones with fuzzy edges and texture, and number them on the canvas."""
    for side in ("right", "left"):
        for group, tubes in _solids(patient, outline, side).items():
            name = f"{group}_{side}"
            altered = name in uptake.altered
            for tube in tubes:
                share = float(np.exp(rng.normal(0, 0.2)))
                canvas.paint(
                    tube,
                    uptake.suv[name] * (share if altered else 1.0),
                    softness=12 if altered else 8,
                    muscle=MUSCLE_NAMES.index(name) + 1,
                    texture=0.35 if altered else 0.15,
                )
