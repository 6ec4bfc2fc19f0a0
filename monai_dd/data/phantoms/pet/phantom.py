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
"""What a PET phantom study consists of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FDG_HALF_LIFE", "LABEL_NAMES", "PETPhantom", "label_index"]

FDG_HALF_LIFE = 6586.2
"""Half-life of fluorine-18 in s, as PET scanners write it."""

LABEL_NAMES = ("normal", "mild", "severe")
"""Names of the classes 0, 1 and 2."""


@dataclass(frozen=True)
class PETPhantom:
    """A phantom study.

    Attributes:
        suv: standardized uptake value by body weight, float32 ``(X, Y, Z)``, x to the patient's left, y to the back,
            z from the head to the feet, the order in which scanners number the slices of a whole-body series.
        mask: altered muscle, bool ``(X, Y, Z)``; empty for a normal study.
        muscles: uint8 ``(X, Y, Z)``, 0 or the number of the muscle in ``MUSCLE_NAMES`` plus one.
        affine: voxel to world coordinates in mm, RAS, ``(4, 4)``, as MONAI's ``LoadImage`` returns it.
        label: 0 normal, 1 mild, 2 severe.
        altered_muscles: names of the altered muscles.
        seed, study: what it was drawn from.
        arms: ``"up"`` or ``"down"``.
        sex: ``"M"`` or ``"F"``.
        weight_kg, height_m: body weight in kg and height in m.
        injected_dose_bq: FDG activity at injection in Bq.
        uptake_time_s: time from injection to the start of the scan in s.
    """

    suv: NDArray[np.float32]
    mask: NDArray[np.bool_]
    muscles: NDArray[np.uint8]
    affine: NDArray[np.float64]
    label: int
    altered_muscles: tuple[str, ...]
    seed: int
    study: int
    arms: str
    sex: str
    weight_kg: float
    height_m: float
    injected_dose_bq: float
    uptake_time_s: float

    @property
    def label_name(self) -> str:
        """``"normal"``, ``"mild"`` or ``"severe"``."""
        return LABEL_NAMES[self.label]

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Voxel size in mm along x, y, z."""
        return tuple(float(v) for v in np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def bqml_per_suv(self) -> float:
        """Activity concentration in Bq/ml of SUV 1 at the start of the scan: decayed dose over weight in g."""
        return self.injected_dose_bq * 0.5 ** (self.uptake_time_s / FDG_HALF_LIFE) / (self.weight_kg * 1000)


def label_index(label: int | str) -> int:
    """Class index of a label given by name or index.

    Raises:
        ValueError: when the label is none of the three classes.
    """
    if label in LABEL_NAMES:
        return LABEL_NAMES.index(label)
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool) and 0 <= label < len(LABEL_NAMES):
        return int(label)
    raise ValueError(f"label: expected one of {LABEL_NAMES} or 0, 1, 2, got {label!r}")
