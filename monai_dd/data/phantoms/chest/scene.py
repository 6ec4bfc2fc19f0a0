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
"""The lungs of a chest phantom while findings take their air."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monai_dd.data.phantoms.chest.detector import Array, Detector
from monai_dd.data.phantoms.chest.lungs import SIDES, lateral_border
from monai_dd.data.phantoms.chest.patient import ChestPatient
from monai_dd.data.phantoms.chest.phantom import ChestBox

__all__ = ["ChestScene", "box_around"]


@dataclass
class ChestScene:
    """What findings change.

    Attributes:
        detector: the detector.
        patient: whose lungs they are.
        air: thickness of aerated lung in mm, right and left, ``(2, H, W)``.
        gas: thickness of gas outside the lungs in mm, ``(H, W)``.
        line: thickness of soft tissue added to lung or gas in mm, ``(H, W)``.
        sides: side of the patient, 1 or -1, that each finding so far has taken.
    """

    detector: Detector
    patient: ChestPatient
    air: Array
    gas: Array
    line: Array
    sides: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep the air of the healthy lungs."""
        self.healthy = self.air.copy()

    def place(
        self, rng: np.random.Generator, radius: float, levels: tuple[float, float], side: int | None = None
    ) -> tuple[int, float, float]:
        """Draw a place in aerated lung that is free over a disk.

        Args:
            rng: source of randomness.
            radius: of the disk in mm.
            levels: how far down the lung the middle may lie, from 0 at the apex to 1 at the costophrenic angle.
            side: 1 or -1; None for either.

        Returns:
            side, x and z in mm of the first of 80 places with 70 mm of unchanged lung, or else the best.
        """
        patient, angles, tries = self.patient, np.arange(8) * np.pi / 4, 80
        sides = np.full(tries, side) if side else rng.choice(SIDES, tries)
        z = patient.apex - rng.uniform(*levels, tries) * patient.height
        x = sides * rng.uniform(0.2, 1, tries) * lateral_border(z, patient)
        rows, columns = self.detector.to_pixels(
            x[:, None] + np.r_[0, radius * np.cos(angles)], z[:, None] + np.r_[0, radius * np.sin(angles)]
        )
        rows, columns = (np.clip(np.round(a), 0, self.detector.size - 1).astype(int) for a in (rows, columns))
        at = ((sides[:, None] + 1) // 2, rows, columns)
        rest = np.where(self.air[at] > 0.9 * self.healthy[at], self.air[at], 0).min(axis=1)
        best = int(np.argmax(np.minimum(rest, 70)))  # the first of those with enough
        return int(sides[best]), float(x[best]), float(z[best])


def box_around(mask: NDArray[np.bool_], finding: str) -> ChestBox | None:
    """Smallest box of whole pixels around a mask ``(H, W)``; None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    x, y = float(columns[0]), float(rows[0])
    return ChestBox(finding, x, y, float(columns[-1]) + 1 - x, float(rows[-1]) + 1 - y)
