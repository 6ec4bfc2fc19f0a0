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
"""Head (brain, salivary glands, throat) and red bone marrow. Uptake values as described in ``pet_organs``."""

from __future__ import annotations

import numpy as np

from monai_dd.data.phantoms.pet.canvas import Canvas
from monai_dd.data.phantoms.pet.outline import Outline
from monai_dd.data.phantoms.pet.patient import Patient
from monai_dd.data.phantoms.solids import Ellipsoid, Tube, rotation_to

__all__ = ["paint_head", "paint_skeleton"]


def paint_head(canvas: Canvas, patient: Patient, geometry: np.random.Generator, uptake: np.random.Generator) -> None:
    """Gray and white matter, cerebellum, salivary glands, tonsils, tongue, larynx and thyroid."""
    s = patient.stature

    def ellipsoid(center, radii, **kwargs) -> Ellipsoid:
        return Ellipsoid([c * s for c in center], [r * s for r in radii], **kwargs)

    canvas.paint(ellipsoid((0, -8, 1655), (72, 92, 92), exponent=2.2), 0.35, softness=5)  # skull
    face = ellipsoid((0, -36, 1574), (49, 50, 54), exponent=2.4)
    canvas.paint(face, uptake.uniform(0.8, 1.3), softness=12, texture=0.25)
    gray = uptake.uniform(6.5, 11.5)
    grow = geometry.uniform(0.95, 1.04)
    cerebrum = ellipsoid((0, -6, 1676), (66 * grow, 81 * grow, 58 * grow), exponent=2.2)
    canvas.paint(cerebrum, gray, softness=4, texture=0.15)
    canvas.paint(ellipsoid((0, -6, 1725), (2.5, 70, 20)), 0.35 * gray, softness=4)  # fissure between the hemispheres
    for sign in (-1, 1):
        canvas.paint(ellipsoid((sign * 26, 44, 1612), (26, 26, 20)), 0.85 * gray, softness=5)
        canvas.paint(ellipsoid((sign * 40, -22, 1622), (18, 34, 18)), 0.9 * gray, softness=5)  # temporal lobes
        canvas.paint(ellipsoid((sign * 32, -6, 1680), (17, 62, 36), exponent=2.4), 0.4 * gray, softness=8)
        canvas.paint(ellipsoid((sign * 20, -12, 1668), (11, 22, 13)), gray, softness=5)  # deep gray matter
    canvas.paint(ellipsoid((0, 18, 1610), (12, 13, 30)), 0.55 * gray, softness=5)  # brain stem
    tonsils, glands = uptake.uniform(1.3, 4.0), uptake.uniform(1.0, 2.2)
    canvas.paint(ellipsoid((0, -52, 1598), (30, 34, 14)), 1.1, softness=10)  # nasal and pharyngeal mucosa
    for sign in (-1, 1):
        canvas.paint(ellipsoid((sign * 15, -22, 1574), (8, 9, 13)), tonsils, softness=5)
        canvas.paint(ellipsoid((sign * 50, -12, 1580), (9, 13, 19)), glands, softness=5)
        canvas.paint(ellipsoid((sign * 27, -45, 1545), (9, 13, 9)), glands, softness=5)
    canvas.paint(ellipsoid((0, -58, 1558), (20, 22, 13)), uptake.uniform(0.9, 2.0), softness=6)
    canvas.paint(ellipsoid((0, -32, 1502), (13, 12, 13)), uptake.uniform(0.9, 2.4), softness=5)
    thyroid = uptake.uniform(0.9, 1.8) if uptake.random() < 0.85 else uptake.uniform(3, 6)
    for sign in (-1, 1):
        canvas.paint(ellipsoid((sign * 15, -26, 1478), (8, 9, 17)), thyroid, softness=4)


def paint_skeleton(canvas: Canvas, patient: Patient, outline: Outline, uptake: np.random.Generator) -> None:
    """Vertebrae, pelvis and sternum with red marrow; shafts and heads of the long bones with yellow marrow."""
    size, s = patient.inside, patient.stature
    marrow = uptake.uniform(0.9, 1.7)
    heights = np.concatenate([1000 + 33 * np.arange(5), 1163 + 24.5 * np.arange(12), 1455 + 17 * np.arange(7)])
    depth = np.interp(heights, (1000, 1060, 1160, 1330, 1450, 1500, 1560), (52, 40, 48, 66, 46, 30, 24))
    for z, y, kind in zip(heights, depth, (0,) * 5 + (1,) * 12 + (2,) * 7):
        half, gain = (((25, 19, 14.5), 1.0), ((17, 16, 11), 1.0), ((11, 9, 7.5), 0.85))[kind]
        canvas.paint(Ellipsoid((0, y * size, z * s), np.array(half) * s, exponent=3.0), gain * marrow, softness=8)
        canvas.paint(Ellipsoid((0, (y + 30) * size, z * s), np.array((6, 14, 7)) * s), 0.6 * marrow, softness=5)
    canvas.paint(
        Ellipsoid(patient.place(0, 66, 950), np.array((42, 17, 46)) * s, exponent=2.3), 0.9 * marrow, softness=6
    )
    sternum = [patient.place(0, -92, 1225), patient.place(0, -88, 1300), patient.place(0, -76, 1375)]
    canvas.paint(Tube(sternum, [8 * s, 9 * s, 10 * s]), 0.8 * marrow, softness=6)
    for side, sign in (("right", -1), ("left", 1)):
        wing = rotation_to((sign * 0.55, 0.85, 0.0))
        canvas.paint(
            Ellipsoid(patient.place(sign * 76, 34, 985), np.array((9, 40, 44)) * s, wing[:, [1, 0, 2]]),
            0.8 * marrow,
            softness=6,
        )
        canvas.paint(Ellipsoid(patient.place(sign * 88, 14, 893), np.array((25, 25, 25)) * s), 0.5 * marrow, softness=6)
        canvas.paint(Ellipsoid(patient.place(sign * 56, 34, 852), np.array((14, 18, 28)) * s), 0.6 * marrow, softness=6)
        shoulder = outline.limbs[f"upper_arm_{side}"].at(0.04)
        canvas.paint(Ellipsoid(shoulder, np.array((21, 21, 21)) * s), 0.5 * marrow, softness=6)
        for name, radius in (("upper_arm", 10), ("forearm", 9), ("thigh", 13), ("calf", 12)):
            limb = outline.limbs[f"{name}_{side}"]
            canvas.paint(Tube([limb.at(0.02), limb.at(0.98)], [radius * s] * 2), 0.35, softness=4)
