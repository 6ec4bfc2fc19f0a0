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
"""Organs of the trunk with their physiologic FDG uptake.

Uptake values are typical ones of clinical FDG-PET about an hour after injection, chosen by hand within commonly
reported ranges; they are not measurements. Heart, bowel, bladder and urinary tract vary widely between normal studies
and do so here.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from monai_dd.data.phantoms.pet.canvas import Canvas
from monai_dd.data.phantoms.pet.patient import Patient
from monai_dd.data.phantoms.solids import Ellipsoid, Tube, rotation_to

__all__ = ["paint_abdomen", "paint_heart", "paint_lesions", "paint_lungs", "paint_pelvis"]


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _jitter(
    patient: Patient, rng: np.random.Generator, point: tuple[float, float, float], amount: float
) -> tuple[float, float, float]:
    return patient.place(*(np.asarray(point) + rng.normal(0, amount, 3)))


def paint_lungs(canvas: Canvas, patient: Patient, geometry: np.random.Generator, uptake: np.random.Generator) -> None:
    """Both lungs."""
    size = patient.inside
    height = geometry.uniform(0.94, 1.04)
    for sign, rx in ((-1, 60), (1, 54)):
        radii = (rx * size, 80 * size, 112 * height * patient.stature)
        center = _jitter(patient, geometry, (sign * 76, 6, 1342), 3)
        canvas.paint(Ellipsoid(center, radii, exponent=2.5), uptake.uniform(0.3, 0.5), softness=6)


def paint_heart(
    canvas: Canvas, patient: Patient, blood: float, geometry: np.random.Generator, uptake: np.random.Generator
) -> None:
    """Ventricles and atria filled with ``blood`` (SUV), and the myocardium of the left ventricle."""
    size = patient.inside * geometry.uniform(0.92, 1.1)
    center = np.asarray(_jitter(patient, geometry, (44, -32, 1292), 4))
    canvas.paint(Ellipsoid(center + np.array([-20 * size, 2, 4]), (56 * size, 45 * size, 50 * size)), blood, softness=8)
    axis = np.array([0.66, -0.5, -0.5]) + geometry.normal(0, 0.08, 3)
    turn = rotation_to(axis)
    myocardium = _log_uniform(uptake, 1.2, 11.0)
    wall = geometry.uniform(10, 13) * size
    radii = np.array([43, 34, 34]) * size
    canvas.paint(Ellipsoid(center, radii, turn), myocardium, softness=4, texture=0.12)
    base = center - turn[:, 0] * 0.75 * wall  # the cavity opens toward the base
    canvas.paint(Ellipsoid(base, (radii[0], *(radii[1:] - wall)), turn), blood, softness=4)
    valve = center - turn[:, 0] * radii[0] * 0.95
    canvas.paint(Ellipsoid(valve, (15 * size, 34 * size, 34 * size), turn), blood, softness=5)


def paint_abdomen(canvas: Canvas, patient: Patient, geometry: np.random.Generator, uptake: np.random.Generator) -> None:
    """Abdominal fat, bowel, stomach, liver, spleen and kidneys."""
    size = patient.inside
    canvas.paint(
        Ellipsoid(patient.place(0, -18, 1060), (112 * size, 66 * size, 140 * size), exponent=2.6), 0.45, softness=12
    )
    _paint_bowel(canvas, patient, geometry, uptake)
    stomach = _jitter(patient, geometry, (66, -34, 1192), 6)
    turn = rotation_to((-0.45, -0.35, -0.8))
    radii = np.array([58, 36, 34]) * size * geometry.uniform(0.8, 1.1)
    canvas.paint(Ellipsoid(stomach, radii, turn), _log_uniform(uptake, 1.0, 3.0), softness=5, texture=0.2)
    canvas.paint(Ellipsoid(stomach, radii - 8 * size, turn), 0.45, softness=5)
    liver, grow = uptake.uniform(1.8, 2.7), geometry.uniform(0.93, 1.07)
    for center, half, direction, exponent in (
        ((-64, 6, 1212), (72, 76, 70), None, 2.8),
        ((-92, 14, 1146), (40, 54, 62), None, 2.3),
        ((12, -36, 1228), (58, 38, 32), (0.95, 0.0, 0.35), 2.2),
    ):
        turn = None if direction is None else rotation_to(direction)
        canvas.paint(Ellipsoid(patient.place(*center), np.array(half) * size * grow, turn, exponent), liver, softness=5)
    spleen = _jitter(patient, geometry, (104, 48, 1198), 4)
    grow = geometry.uniform(0.85, 1.15) * size
    canvas.paint(
        Ellipsoid(spleen, (52 * grow, 40 * grow, 27 * grow), rotation_to((0.25, 0.2, 0.9))), 0.8 * liver, softness=5
    )
    for sign, level in ((-1, 1094), (1, 1108)):
        _paint_kidney(canvas, patient, sign, level, geometry, uptake)


def _paint_kidney(
    canvas: Canvas,
    patient: Patient,
    sign: int,
    level: float,
    geometry: np.random.Generator,
    uptake: np.random.Generator,
) -> None:
    size = patient.inside * geometry.uniform(0.9, 1.1)
    center = np.asarray(_jitter(patient, geometry, (sign * 64, 46, level), 5))
    turn = rotation_to((sign * -0.22, -0.15, -1.0))
    canvas.paint(
        Ellipsoid(center, (56 * size, 29 * size, 28 * size), turn),
        uptake.uniform(2.3, 3.6),
        softness=4,
        texture=0.3,
    )
    canvas.paint(
        Ellipsoid(center + np.array([sign * -15 * size, -6, 0]), (26 * size, 14 * size, 12 * size), turn),
        1.2,
        softness=5,
    )
    pelvis = center + np.array([sign * -12, -6, -4]) * size
    urine = _log_uniform(uptake, 2.5, 16)
    for _ in range(uptake.integers(1, 5)):  # urine in calyces
        offset = (sign * uptake.uniform(-14, 6), uptake.uniform(-8, 8), uptake.uniform(-34, 34))
        spot = center + np.array(offset) * size
        canvas.paint(Ellipsoid(spot, np.array([5, 6, 9]) * size), urine, softness=5)
    canvas.paint(Ellipsoid(pelvis, np.array([7, 7, 14]) * size), 0.8 * urine, softness=5)
    course = [
        pelvis,
        patient.place(sign * 38, 30, 1030),
        patient.place(sign * 44, 36, 960),
        patient.place(sign * 24, 12, 895),
    ]
    path = np.concatenate([np.linspace(a, b, 4, endpoint=False) for a, b in pairwise(course)])
    for start in range(0, len(path) - 2, 2):  # ureters fill and empty in segments
        if uptake.random() < 0.3:
            canvas.paint(Tube(path[start : start + 3], [3.5] * 3), _log_uniform(uptake, 3, 14), softness=4)


def _paint_bowel(canvas: Canvas, patient: Patient, geometry: np.random.Generator, uptake: np.random.Generator) -> None:
    size = patient.inside
    level = _log_uniform(uptake, 0.9, 2.2) * (2.0 if uptake.random() < 0.2 else 1.0)
    for _ in range(geometry.integers(14, 22)):
        spot = patient.place(geometry.uniform(-72, 72), geometry.uniform(-52, 2), geometry.uniform(935, 1085))
        axis = rotation_to(geometry.normal(0, 1, 3) + 1e-3)
        radii = np.array([geometry.uniform(16, 34), 11, 11]) * size
        canvas.paint(Ellipsoid(spot, radii, axis), level * uptake.uniform(0.5, 1.2), softness=8, texture=0.2)
    frame = [
        (-92, 8, 955), (-98, 4, 1020), (-94, -8, 1085), (-45, -52, 1062), (25, -56, 1058), (88, -20, 1112),
        (100, 8, 1040), (92, 12, 970), (58, 8, 925), (16, 28, 925), (4, 46, 885),
    ]  # fmt: skip
    path = np.array([_jitter(patient, geometry, p, 6) for p in frame])
    colon = _log_uniform(uptake, 0.9, 2.2) * (2.2 if uptake.random() < 0.2 else 1.0)
    for start in range(len(path) - 1):
        wall = colon * uptake.uniform(0.6, 1.3)
        canvas.paint(Tube(path[start : start + 2], [18 * size, 17 * size]), wall, softness=6, texture=0.25)
        canvas.paint(Tube(path[start : start + 2], [8 * size, 8 * size]), 0.6 * wall, softness=5)


def paint_pelvis(canvas: Canvas, patient: Patient, geometry: np.random.Generator, uptake: np.random.Generator) -> None:
    """Bladder (after voiding or full) and genitals."""
    size = patient.inside
    if patient.sex == "M":
        level = uptake.uniform(1.2, 2.2)
        for sign in (-1, 1):
            canvas.paint(
                Ellipsoid(patient.place(sign * 14, -72, 806), np.array([15, 18, 22]) * size), level, softness=8
            )
        canvas.paint(Ellipsoid(patient.place(0, -84, 830), np.array([14, 14, 24]) * size), 0.8 * level, softness=8)
    else:
        canvas.paint(
            Ellipsoid(patient.place(0, 10, 912), np.array([26, 24, 24]) * size), uptake.uniform(0.8, 1.6), softness=8
        )
    filling = uptake.uniform(0.7, 1.4)
    radii = np.array([34, 26, 22]) * size * filling
    center = np.asarray(_jitter(patient, geometry, (0, -24, 866), 3)) + np.array([0, 0, radii[2]])
    canvas.paint(Ellipsoid(center, radii, exponent=2.3), _log_uniform(uptake, 6, 40), softness=4)


def paint_lesions(canvas: Canvas, patient: Patient, rng: np.random.Generator) -> None:
    """Focal uptake unrelated to the class, in about a third of the studies: these patients are scanned for cancer."""
    if rng.random() > 0.35:
        return
    sites = [
        (-60, 20, 1370),
        (60, 10, 1330),
        (-10, 0, 1345),
        (-70, 0, 1210),
        (12, 30, 1090),
        (-40, 20, 1500),
        (-60, 20, 930),
    ]
    level = _log_uniform(rng, 2.5, 9)
    for index in rng.choice(len(sites), size=rng.integers(1, 4), replace=False):
        spot = _jitter(patient, rng, sites[index], 10)
        radius = rng.uniform(5, 14) if index != 5 else rng.uniform(5, 8)
        canvas.paint(Ellipsoid(spot, radius * rng.uniform(0.8, 1.3, 3)), level, softness=4, texture=0.2)
