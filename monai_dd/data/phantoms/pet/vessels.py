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
"""Great vessels filled with blood. Uptake values as described in ``pet_organs``."""

from __future__ import annotations

import numpy as np

from monai_dd.data.phantoms.pet.canvas import Canvas
from monai_dd.data.phantoms.pet.outline import Outline
from monai_dd.data.phantoms.pet.patient import Patient
from monai_dd.data.phantoms.solids import Ellipsoid, Tube

__all__ = ["paint_vessels"]


def paint_vessels(canvas: Canvas, patient: Patient, outline: Outline, blood: float) -> None:
    """Mediastinum, aorta, caval veins, and the vessels of neck, pelvis and thighs.

    Args:
        canvas: painted on.
        patient: size.
        outline: where the thighs are.
        blood: SUV of blood.
    """
    size = patient.inside
    canvas.paint(Ellipsoid(patient.place(0, 0, 1335), (34 * size, 58 * size, 108 * size)), 0.65 * blood, softness=18)
    aorta = [
        (12, -14, 1310),
        (8, -8, 1368),
        (24, 18, 1386),
        (28, 42, 1358),
        (20, 44, 1250),
        (8, 36, 1130),
        (2, 30, 1040),
    ]
    _vessel(canvas, patient, aorta, [14, 14, 13, 12, 11, 10, 9], blood)
    cava = [(-24, -12, 1420), (-24, -8, 1300), (-20, 10, 1200), (-18, 20, 1040)]
    _vessel(canvas, patient, cava, [9, 11, 11, 9], blood)
    for side, sign in (("right", -1), ("left", 1)):
        iliac = [(0, 28, 1038), (sign * 36, 28, 985), (sign * 58, -20, 915), (sign * 62, -52, 880)]
        _vessel(canvas, patient, iliac, [8, 8, 7, 7], blood)
        neck = [(sign * 14, -14, 1400), (sign * 24, -14, 1450), (sign * 32, -8, 1530), (sign * 34, 0, 1580)]
        _vessel(canvas, patient, neck, [9, 8, 7, 6], 0.9 * blood)
        _vessel(canvas, patient, [neck[1], (sign * 75, -6, 1432), (sign * 125, 5, 1420)], [7, 7, 6], 0.8 * blood)
        thigh = outline.limbs[f"thigh_{side}"]
        steps = np.linspace(0.05, 0.95, 5)
        aside = np.array([thigh.radius(t) for t in steps])[:, None] * np.array([[-0.3 * sign, -0.35, 0]])
        aside[-2:, 1] *= -1  # behind the knee
        canvas.paint(Tube(np.array([thigh.at(t) for t in steps]) + aside, [6 * size] * 5), 0.85 * blood, softness=5)


def _vessel(
    canvas: Canvas, patient: Patient, points: list[tuple[float, float, float]], radii: list[float], suv: float
) -> None:
    canvas.paint(Tube([patient.place(*p) for p in points], np.array(radii) * patient.inside), suv, softness=6)
