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
"""Heart, great vessels, and the airways in the mediastinum."""

from __future__ import annotations

import numpy as np

from monai_dd.data.phantoms.chest.detector import Array, Detector
from monai_dd.data.phantoms.chest.diaphragm import Breath, dome_tops
from monai_dd.data.phantoms.chest.intervals import Interval, ellipsoid, tube_points
from monai_dd.data.phantoms.chest.patient import ChestPatient

__all__ = ["airway_gas", "great_vessel_intervals", "heart_intervals"]

_DEPTH = -22.0  # y of the middle of the heart


def heart_intervals(detector: Detector, patient: ChestPatient, breath: Breath, ratio: float) -> list[Interval]:
    """Intervals of the chambers of the heart.

    The left border is that of the ventricle, the right one that of the atrium; their distance is ``ratio`` times the
    inner width of the thorax (the cardiothoracic ratio, Danzer 1919).

    Args:
        detector: the detector.
        patient: whose heart it is.
        breath: which lifts the heart.
        ratio: cardiothoracic ratio.
    """
    width = ratio * 2 * patient.half_width
    left, right = 0.655 * width, -0.345 * width
    tilt, reach = patient.heart_tilt, 0.46 * width
    slim = 0.66 * np.sqrt(0.43 / max(ratio, 0.43))  # a large heart grows more to the sides than upwards
    long = reach / np.hypot(np.cos(tilt), slim * np.sin(tilt))  # half the width of a turned ellipse is ``reach``
    short, scale = slim * long, long / 68
    rise = np.hypot(long * np.sin(tilt), short * np.cos(tilt))
    floor = min(dome_tops(patient, breath)) - 19
    ventricle = (left - reach, _DEPTH, floor + rise)
    radius = 38 * scale
    atrium = (right + radius, _DEPTH, floor + rise + 6 * scale)
    base = (0.05 * width, _DEPTH, floor + 1.35 * rise)
    return [
        ellipsoid(detector, ventricle, (long, 46 * scale, short), tilt),
        ellipsoid(detector, atrium, (radius, 44 * scale, 50 * scale)),
        ellipsoid(detector, base, (0.3 * width, 40 * scale, 0.85 * rise), 0.12),
    ]


def great_vessel_intervals(detector: Detector, patient: ChestPatient) -> list[Interval]:
    """Intervals of superior vena cava, aortic arch, descending aorta, pulmonary trunk and hila."""
    size, wide, apex, tall = patient.aorta, patient.half_width / 138, patient.apex, patient.height
    parts = [
        ((-21 * wide, -25, apex - 0.3 * tall), (13 * wide, 20, 0.26 * tall), 0.0),  # superior vena cava
        ((17 * wide, 0, apex - 0.275 * tall), (19 * size, 32, 17 * size), 0.0),  # aortic knob
        ((4 * wide, -5, apex - 0.14 * tall), (28 * wide, 34, 0.2 * tall), 0.0),  # vessels of the neck
        ((16 * wide, 48, apex - 0.52 * tall), (13 * size, 13, 0.33 * tall), 0.0),  # descending aorta
        ((19 * wide, -22, apex - 0.42 * tall), (21 * wide, 28, 34), 0.1),  # pulmonary trunk
        ((28 * wide, 8, apex - 0.42 * tall), (13 * wide, 11, 15), -0.4),  # left hilum
        ((-26 * wide, 5, apex - 0.455 * tall), (14 * wide, 11, 19), 0.35),  # right hilum, lower than the left
    ]
    return [ellipsoid(detector, center, radii, tilt) for center, radii, tilt in parts]


def airway_gas(detector: Detector, patient: ChestPatient) -> Array:
    """Thickness of the gas in trachea and main bronchi in mm, ``(H, W)``."""
    apex, tall, wide = patient.apex, patient.height, patient.half_width / 138
    carina = apex - 0.36 * tall
    tubes = [
        ([(0, 5, apex + 90), (1, 10, apex), (-3, 18, carina + 12), (-2, 20, carina)], (8.5, 8.5)),
        ([(-2, 20, carina), (-16 * wide, 20, carina - 24), (-24 * wide, 20, carina - 42)], (7, 5.5)),
        ([(-2, 20, carina), (18 * wide, 18, carina - 22), (36 * wide, 16, carina - 34)], (6, 5)),
    ]
    total = np.zeros_like(detector.z)
    for path, (first, last) in tubes:
        radii = np.linspace(first, last, len(path))[:, None].repeat(2, axis=1)
        total += detector.deposit(*tube_points(np.array(path, float), radii, detector.pixel))
    return total
