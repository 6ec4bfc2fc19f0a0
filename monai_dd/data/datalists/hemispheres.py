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
"""The two hemispheres of one slice: where they lie, whether they count, and what their width gives away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from monai_dd.transforms.hemisphere.functional import SIDES, hemisphere_windows

__all__ = ["LABELS", "label_halves", "width_auc"]

LABELS = {"0": "no tumor", "1": "tumor"}


def label_halves(
    mode: str, image: np.ndarray, tumor: np.ndarray, min_area: int, min_brain_fraction: float, threshold: float = 0.0
) -> list[dict[str, Any]]:
    """Cut a slice in two and keep the hemispheres whose label is beyond doubt.

    A hemisphere is labeled 1 when its window holds ``min_area`` pixels of tumor or more, 0 when it holds none and
    enough brain; other hemispheres do not count. In mode ``boundary`` (Ron et al. 2022, Section 4.2) and ``matched``
    slices with less tumor do not count at all, and in mode ``matched`` a slice counts with one hemisphere of each label
    or not at all (a tumor in the middle can fall between the windows), so that the two classes have the same widths.

    Args:
        mode: ``"boundary"``, ``"midline"`` or ``"matched"``, see ``hemisphere_windows``.
        image: ``(H, W)``, background zero.
        tumor: ``(H, W)``, true where tumor is.
        min_area: least tumor of a hemisphere with label 1, in pixels.
        min_brain_fraction: least brain of a hemisphere with label 0, as a fraction of the pixels of the slice.
        threshold: brain is what exceeds this fraction of the slice's maximum.

    Returns:
        up to two dictionaries with ``side``, ``window`` (``[start, stop]`` in columns), ``label`` and ``width``: the
        number of columns of the window that have brain.
    """
    brain = image > max(threshold * image.max(), 0)
    if not brain.any() or (mode != "midline" and tumor.sum() < min_area):
        return []
    try:
        windows = hemisphere_windows(mode, image, tumor, threshold)
    except ValueError:  # image and mask are sound here: the tumor leaves no column to one of the sides
        return []
    halves = []
    for side, (start, stop) in zip(SIDES, windows):
        area, inside = int(tumor[:, start:stop].sum()), brain[:, start:stop]
        if area >= min_area or (area == 0 and inside.sum() >= min_brain_fraction * brain.size):
            half = {"side": side, "window": [int(start), int(stop)], "label": int(area > 0)}
            halves.append(half | {"width": int(inside.any(axis=0).sum())})
    pair = sum(half["label"] for half in halves) == 1 and len(halves) == 2
    return halves if mode != "matched" or pair else []


def width_auc(widths: Sequence[int], labels: Sequence[int]) -> float:
    """How well the brain's width in a hemisphere tells its label: the leak of a cut.

    Returns:
        the area under the ROC curve of the width alone, in the direction that serves a cheat: from 0.5 (width says
        nothing) to 1 (width says all).
    """
    auc = float(roc_auc_score(labels, widths))
    return max(auc, 1 - auc)
