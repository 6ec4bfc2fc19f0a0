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
"""Shares of the tissues at every point of the brain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monai_dd.data.phantoms.solids import Array

__all__ = ["KINDS", "Tissues"]

KINDS = ("csf", "gray_matter", "white_matter", "deep_gray", "vessel", "necrotic_core", "edema", "enhancing")
"""Everything that has an intensity of its own; the first five are healthy."""


class Tissues:
    """Shares of ``KINDS`` at N points, which add up to 1; all is white matter at first, and solids are painted over it.

    Args:
        num_points: N.
        softness: width of edges in mm, not sharper than a voxel.
    """

    def __init__(self, num_points: int, softness: float) -> None:
        self.softness = softness
        self.shares: NDArray[np.float32] = np.zeros((len(KINDS), num_points), np.float32)
        self.shares[KINDS.index("white_matter")] = 1

    def paint(self, kind: str, distance: Array, share: float | Array = 1.0) -> None:
        """Blend ``kind`` in where the signed ``distance`` in mm is negative, replacing ``share`` of what is there."""
        cover = np.clip(0.5 - distance / np.float32(self.softness), 0, 1)
        cover *= share
        where = np.flatnonzero(cover)
        cover = cover[where]
        self.shares[:, where] *= 1 - cover
        self.shares[KINDS.index(kind), where] += cover

    def healthy(self) -> NDArray[np.uint8]:
        """Prevailing healthy tissue, 1 to 5 in the order of ``KINDS``."""
        return (self.shares[:5].argmax(0) + 1).astype(np.uint8)
