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
"""The patient of a PET phantom: size, posture and the mapping from a reference body to this one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["REFERENCE_HEIGHT", "Patient", "draw_patient"]

REFERENCE_HEIGHT = 1750.0
"""Height in mm of the body in which the anatomy is written down, soles at z = 0."""


@dataclass(frozen=True)
class Patient:
    """Facts of one patient, drawn by :func:`draw_patient`.

    Attributes:
        sex: ``"M"`` or ``"F"``.
        height_m: body height in m.
        weight_kg: body weight in kg, to 0.1 kg.
        stature: height relative to the reference body.
        girth: width and depth relative to a reference body of the same height (1 at a body mass index of 23 kg/m^2).
        fat: thickness of the subcutaneous fat in mm.
        shoulders, hips: widths relative to the reference, independent of fat.
    """

    sex: str
    height_m: float
    weight_kg: float
    stature: float
    girth: float
    fat: float
    shoulders: float
    hips: float

    @property
    def outline(self) -> float:
        """Scale of widths and depths of the outline."""
        return self.stature * self.girth

    @property
    def inside(self) -> float:
        """Scale of positions and sizes across the body inside the trunk: organs grow little with body fat."""
        return self.stature * self.girth**0.5

    def place(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """Point of the reference body (mm) in this patient's trunk."""
        return x * self.inside, y * self.inside, z * self.stature


def draw_patient(rng: np.random.Generator) -> Patient:
    """Draw an adult: heights and body mass indices of a typical clinic population.

    Args:
        rng: source of randomness.

    Returns:
        The patient.
    """
    sex = "M" if rng.random() < 0.5 else "F"
    height = float(np.clip(rng.normal(1.76 if sex == "M" else 1.63, 0.07), 1.45, 1.98))
    bmi = float(np.clip(rng.normal(25.5, 4.0), 18.0, 36.0))
    height = round(height, 2)
    fat = (5 if sex == "M" else 9) + 1.1 * (bmi - 18)
    return Patient(
        sex=sex,
        height_m=height,
        weight_kg=round(bmi * height**2, 1),
        stature=height * 1000 / REFERENCE_HEIGHT,
        girth=float(np.sqrt(bmi / 23.0)),
        fat=float(fat * rng.uniform(0.8, 1.2)),
        shoulders=float(rng.normal(1.03 if sex == "M" else 0.96, 0.025)),
        hips=float(rng.normal(0.98 if sex == "M" else 1.06, 0.025)),
    )
