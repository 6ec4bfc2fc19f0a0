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
"""Find the drawn panels in a picture."""

from __future__ import annotations

import numpy as np

__all__ = ["panels"]


def panels(picture: np.ndarray, drawn: np.ndarray, share: float = 0.3) -> list[tuple[int, int, int, int]]:
    """Rectangles that are drawn all over, from left to right.

    Args:
        picture: ``(H, W, 3)``.
        drawn: ``(H, W)``, True where a pixel belongs to a panel or, in places, to a text.
        share: of the picture's height that a panel takes at least; a text takes less.

    Returns:
        top, bottom, left, right of each, the end excluded.
    """
    found = []
    for left, right in _runs(drawn.sum(axis=0) > share * len(picture)):
        if right - left < 0.03 * picture.shape[1]:
            continue  # the bar of colors
        rows = _runs(drawn[:, left:right].mean(axis=1) > 0.5)
        top, bottom = max(rows, key=lambda run: run[1] - run[0])  # lines of text are shorter
        found.append((top, bottom, left, right))
    return found


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Begin and end of each run of True, the end excluded."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]
