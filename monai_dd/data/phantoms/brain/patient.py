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
"""The patient of a brain phantom: size and shape of the head, its place in the image, and the state of the brain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

__all__ = ["BrainPatient", "draw_brain_patient"]

_CENTER = (118.5, 131.0, 69.5)  # mm of the middle of the brain from the first voxel of a BraTS image


@dataclass(frozen=True)
class BrainPatient:
    """Facts of one patient, drawn by :func:`draw_brain_patient`.

    Attributes:
        center: origin of the anatomy (midway between the commissures) in the image, mm.
        rotation: ``(3, 3)``, anatomy to image.
        scale: size along x, y, z relative to the reference brain.
        bend: displacement in mm of the midline in the middle of the brain, to the patient's left.
        asymmetry: relative difference of width between left and right hemisphere.
        ventricles: radius of the ventricles relative to the reference.
        atrophy: width of sulci and cisterns relative to the reference.
        cortex: thickness of the cortical gray matter in mm.
    """

    center: NDArray[np.float64]
    rotation: NDArray[np.float64]
    scale: NDArray[np.float64]
    bend: float
    asymmetry: float
    ventricles: float
    atrophy: float
    cortex: float

    def to_anatomy(self, *position: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Anatomical coordinates in mm (x to the left, y to the back, z up) of points of the image in mm."""
        offset = [p - np.float32(c) for p, c in zip(position, self.center)]
        matrix = (self.rotation / self.scale).astype(np.float32)
        x, y, z = (sum(matrix[i, k] * offset[i] for i in range(3)) for k in range(3))
        x -= np.float32(self.bend) * (1 - (y / 80) ** 2)
        x *= 1 - np.float32(self.asymmetry) * np.tanh(x / 10)
        return [x, y, z]


def draw_brain_patient(rng: np.random.Generator) -> BrainPatient:
    """Draw an adult whose head lies nearly straight, as after registration to an atlas.

    Args:
        rng: source of randomness.

    Returns:
        The patient.
    """
    age = rng.uniform(0, 1)  # from young adult to old: ventricles and sulci widen, the cortex thins
    return BrainPatient(
        center=np.add(_CENTER, np.clip(rng.normal(0, (1.5, 2.0, 1.5)), -4, 4)),
        rotation=Rotation.from_euler("xyz", rng.normal(0, (3.0, 1.5, 2.0)), degrees=True).as_matrix(),
        scale=rng.normal(1.0, 0.02) * np.clip(rng.normal(1.0, (0.025, 0.025, 0.02)), 0.93, 1.06),
        bend=float(np.clip(rng.normal(0, 1.2), -2.5, 2.5)),
        asymmetry=float(rng.normal(0, 0.012)),
        ventricles=float(0.75 + 0.5 * age + rng.uniform(0, 0.25)),
        atrophy=float(0.7 + 0.7 * age + rng.uniform(0, 0.2)),
        cortex=float(2.7 - 0.3 * age),
    )
