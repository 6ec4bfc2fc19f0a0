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
"""What a brain phantom is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BRAIN_MODALITIES", "TISSUE_NAMES", "TUMOR_LABELS", "BrainPhantom"]

BRAIN_MODALITIES = ("t1", "t1ce", "t2", "flair")
"""Names of the four modalities, as in the file names of BraTS 2018 to 2020."""

TISSUE_NAMES = ("background", "csf", "gray_matter", "white_matter", "deep_gray", "vessel")
"""Names of the values of :attr:`BrainPhantom.tissues`."""

TUMOR_LABELS = {"necrotic_core": 1, "edema": 2, "enhancing": 4}
"""Values of :attr:`BrainPhantom.mask`, those of BraTS 2018 to 2020 (Bakas et al. 2018)."""


@dataclass(frozen=True)
class BrainPhantom:
    """A skull-stripped brain in four modalities on one grid.

    Attributes:
        images: float32 ``(4, X, Y, Z)`` in the order of ``BRAIN_MODALITIES``: arbitrary units as scanners give them,
            positive in the brain and 0 outside. x to the patient's left, y to the back, z to the head, as in BraTS.
        mask: uint8 ``(X, Y, Z)``: 0 or one of ``TUMOR_LABELS``.
        tissues: uint8 ``(X, Y, Z)``: index in ``TISSUE_NAMES`` of the healthy tissue, below the tumor too.
        affine: voxel to world coordinates in mm, RAS, ``(4, 4)``.
        seed: what it was drawn from.
        tumor_side: side of the patient with the tumor, ``"left"`` or ``"right"``; None without a tumor.
        tumor_crosses: whether the tumor may grow across the midline.
        tumor_grade: ``"high"``, ``"low"`` (without enhancing rim) or None.
    """

    images: NDArray[np.float32]
    mask: NDArray[np.uint8]
    tissues: NDArray[np.uint8]
    affine: NDArray[np.float64]
    seed: int
    tumor_side: str | None
    tumor_crosses: bool
    tumor_grade: str | None

    @property
    def brain(self) -> NDArray[np.bool_]:
        """Brain mask, ``(X, Y, Z)``."""
        return self.tissues > 0

    @property
    def spacing(self) -> float:
        """Edge of a voxel in mm."""
        return float(abs(self.affine[0, 0]))
