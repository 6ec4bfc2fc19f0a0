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
"""The patient of a chest phantom: build, and how the patient stands before the detector at one visit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monai_dd.data.phantoms.chest.detector import Detector

__all__ = ["ChestPatient", "draw_chest_patient", "draw_detector"]


@dataclass(frozen=True)
class ChestPatient:
    """Facts of one patient; lengths in mm.

    Attributes:
        sex: ``"F"`` or ``"M"``.
        age: years.
        half_width: half the greatest inner width of the thorax.
        height: from the apex of the lung to the costophrenic angle.
        half_depth: half the greatest inner depth of the thorax.
        wall: thickness of the chest wall at the side.
        heart_ratio: cardiothoracic ratio without cardiomegaly, below 0.48.
        enlarged_ratio: the ratio with cardiomegaly, above 0.52.
        heart_tilt: angle in radians between the long axis of the heart and the horizontal.
        domes: height of the right and left dome of the diaphragm above the costophrenic angle, at full inspiration.
        aorta: size of the aortic knob relative to the reference; grows with age.
        rib_drop: how far a rib falls from the spine to its front end.
        bone: mineral density of the bones relative to the reference.
        lung_density: density of the aerated lung relative to water.
        bend: lateral displacement of the middle of the spine.
    """

    sex: str
    age: int
    half_width: float
    height: float
    half_depth: float
    wall: float
    heart_ratio: float
    enlarged_ratio: float
    heart_tilt: float
    domes: tuple[float, float]
    aorta: float
    rib_drop: float
    bone: float
    lung_density: float
    bend: float

    @property
    def apex(self) -> float:
        """Height of the apices of the lungs; the origin of the anatomy is halfway to the costophrenic angles."""
        return self.height / 2


def draw_chest_patient(rng: np.random.Generator) -> ChestPatient:
    """Draw an adult.

    Args:
        rng: source of randomness.

    Returns:
        The patient.
    """
    sex, age = ("F", "M")[rng.integers(2)], int(rng.integers(20, 86))
    size = (0.93 if sex == "F" else 1.03) * np.clip(rng.normal(1, 0.035), 0.92, 1.08)
    half_width = float(138 * size * rng.uniform(0.96, 1.04))
    right = rng.uniform(34, 52)
    return ChestPatient(
        sex=sex,
        age=age,
        half_width=half_width,
        height=float(278 * size * rng.uniform(0.93, 1.06)),
        half_depth=float(half_width * rng.uniform(0.58, 0.68)),
        wall=float(rng.gamma(4.0, 3.6) + 12),
        heart_ratio=float(rng.uniform(0.38, 0.475)),
        enlarged_ratio=float(rng.uniform(0.53, 0.65)),
        heart_tilt=float(np.radians(rng.uniform(28, 46))),
        domes=(float(right), float(right - rng.uniform(4, 16))),
        aorta=float(0.8 + 0.005 * age + rng.uniform(-0.1, 0.15)),
        rib_drop=float(rng.uniform(72, 100)),
        bone=float((1.2 - 0.004 * age) * rng.uniform(0.85, 1.1)),
        lung_density=float(rng.uniform(0.24, 0.34)),
        bend=float(np.clip(rng.normal(0, 3), -7, 7)),
    )


def draw_detector(patient: ChestPatient, image_size: int, rng: np.random.Generator) -> Detector:
    """Draw how one visit is taken: field of view, and the position of the patient before the detector.

    Args:
        patient: whose chest it is.
        image_size: pixels along each edge of the image.
        rng: source of randomness.

    Returns:
        The detector.
    """
    field = max(2 * patient.half_width / rng.uniform(0.66, 0.82), 1.16 * patient.height)
    return Detector(
        size=image_size,
        pixel=float(field / image_size),
        center=(float(rng.normal(0, 5)), float(rng.uniform(-0.08, 0.03) * patient.height)),
        roll=float(np.radians(np.clip(rng.normal(0, 1.3), -3, 3))),
        turn=float(np.radians(np.clip(rng.normal(0, 2.2), -5, 5))),
    )
