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
"""Grids of patches for tests, and slow, obvious re-implementations: loops over patches and pixels."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import torch

__all__ = ["GEOMETRIES", "draw", "loop_boxes", "loop_shares"]

# size, grid, kernel, stride, padding
GEOMETRIES = [
    ((32, 32), (6, 6), 9, 4, 0),
    ((12, 9), (4, 3), 3, 3, 0),
    ((10, 8), (3, 4), (4, 3), (3, 2), (0, 1)),
    ((7, 7), (4, 4), 3, 2, 1),
    ((6, 8, 5), (2, 3, 4), (3, 4, 2), (3, 2, 1), 0),
    ((8, 6, 6), (3, 3, 3), 4, (3, 2, 2), (1, 1, 1)),
    ((9,), (4,), 3, 2, 0),
]


def _each(value, axes):
    return (value,) * axes if isinstance(value, int) else value


def loop_boxes(grid, kernel, stride, padding):
    """Box of each patch, one after the other."""
    k, s, p = (_each(value, len(grid)) for value in (kernel, stride, padding))
    boxes = []
    for place in np.ndindex(*grid):
        low = [g * s[a] - p[a] for a, g in enumerate(place)]
        boxes.append([*low, *(start + k[a] for a, start in enumerate(low))])
    return boxes


def loop_shares(mask, grid, kernel, stride, padding):
    """Share of each patch of one mask ``(*S)``: pixels inside through pixels in the image, as exact fractions."""
    shares = []
    for box in loop_boxes(grid, kernel, stride, padding):
        axes = len(grid)
        pixels = [
            at
            for at in product(*(range(box[a], box[axes + a]) for a in range(axes)))
            if all(0 <= x < length for x, length in zip(at, mask.shape, strict=True))
        ]
        shares.append(Fraction(sum(bool(mask[at] > 0) for at in pixels), len(pixels)))
    return shares


def draw(geometry, batch=3, seed=0, density=0.5):
    """Sparse weights of patches that sum to 1, and masks: boxes with holes, the second empty."""
    size, grid = geometry[:2]
    rng = np.random.default_rng(seed)
    weights = rng.random((batch, 1, *grid)) * (rng.random((batch, 1, *grid)) < 0.6)
    weights /= weights.sum(axis=tuple(range(1, weights.ndim)), keepdims=True) + 1e-12
    mask = np.zeros((batch, 1, *size))
    for i in range(batch):
        ends = [sorted(rng.choice(length + 1, 2, replace=False)) for length in size]
        mask[(i, 0, *(slice(a, b) for a, b in ends))] = 1
        mask[i, 0] *= rng.random(size) < 0.5 + density / 2
    mask[1] = 0
    return torch.from_numpy(weights).float(), torch.from_numpy(mask)
