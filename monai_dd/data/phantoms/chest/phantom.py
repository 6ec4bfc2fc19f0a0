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
"""What a chest phantom is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHEST_FINDINGS", "ChestBox", "ChestPhantom"]

CHEST_FINDINGS = ("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumothorax")
"""Findings that chest phantoms can show, with the names and in the order of ChestX-ray14 (Wang et al. 2017)."""


@dataclass(frozen=True)
class ChestBox:
    """Box around the visible change of one finding, in pixels from the upper left corner of the image."""

    finding: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class ChestPhantom:
    """A frontal (PA) radiograph of an artificial chest.

    Attributes:
        image: uint8 ``(H, W)``, bones and fluid bright and air dark; the patient's left is on the right.
        findings: names from ``CHEST_FINDINGS``, sorted; empty for a healthy chest.
        boxes: one for each visible change; two nodules have two boxes.
        heart_ratio: greatest width of the heart relative to the greatest inner width of the thorax.
        pixel_size: edge of a pixel in mm.
        age: years.
        sex: ``"F"`` or ``"M"``.
        seed: of the patient.
        visit: number of the image among those of the patient, from 0.
    """

    image: NDArray[np.uint8]
    findings: tuple[str, ...]
    boxes: tuple[ChestBox, ...]
    heart_ratio: float
    pixel_size: float
    age: int
    sex: str
    seed: int
    visit: int
