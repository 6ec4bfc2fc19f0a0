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
"""The grid on which the solids of the body are painted with soft edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from monai_dd.data.phantoms.solids import Array, Solid

__all__ = ["Canvas"]


class Canvas:
    """Activity (SUV, before the scanner) and muscle numbers on a grid; solids are painted over what is there.

    Args:
        shape: voxels along x, y, z.
        voxel_size: mm along x, y, z.
        origin: center of the first voxel in mm.
        sway: how far the body is displaced in x and y at every slice, ``(2, Z)`` in mm: shift, lean and a bent spine.
        seeds: source of the textures. Every texture has a stream of its own, so that no texture depends on the size
            of another.
    """

    def __init__(
        self,
        shape: Sequence[int],
        voxel_size: Sequence[float],
        origin: Sequence[float],
        sway: NDArray,
        seeds: np.random.SeedSequence,
    ) -> None:
        axes = [
            np.float32(o) + np.float32(v) * np.arange(n, dtype=np.float32) for o, v, n in zip(origin, voxel_size, shape)
        ]
        self.x, self.y, self.z = axes
        self.origin = tuple(float(o) for o in origin)
        self.sway = np.asarray(sway, np.float32)
        self.seeds = seeds
        self.voxel = float(np.prod(voxel_size) ** (1 / 3))
        self.activity: Array = np.zeros(tuple(shape), np.float32)
        self.muscles: NDArray[np.uint8] = np.zeros(tuple(shape), np.uint8)

    def window(self, solid: Solid, margin: float) -> tuple[slice, slice, slice] | None:
        """Index box around ``solid``, ``margin`` mm wider; None where it lies outside the grid."""
        low, high = solid.bounds()
        k = slice(*np.searchsorted(self.z, (low[2] - margin, high[2] + margin)))
        if k.start == k.stop:
            return None
        least, most = self.sway[:, k].min(1), self.sway[:, k].max(1)
        i = slice(*np.searchsorted(self.x, (low[0] - margin + least[0], high[0] + margin + most[0])))
        j = slice(*np.searchsorted(self.y, (low[1] - margin + least[1], high[1] + margin + most[1])))
        return None if i.start == i.stop or j.start == j.stop else (i, j, k)

    def distance(self, solid: Solid, window: tuple[slice, slice, slice]) -> Array:
        """Signed distance of ``solid`` at the voxels of ``window``."""
        i, j, k = window
        x = self.x[i][:, None, None] - self.sway[0, k]
        y = self.y[j][None, :, None] - self.sway[1, k]
        return solid.distance(x, y, self.z[k][None, None, :])

    def paint(
        self,
        solid: Solid,
        suv: float,
        softness: float = 0.0,
        shrink: float = 0.0,
        muscle: int = 0,
        texture: float = 0.0,
    ) -> None:
        """Blend ``suv`` into the activity inside ``solid``.

        Args:
            solid: what to paint.
            suv: standardized uptake value inside.
            softness: width of the edge in mm; never sharper than a voxel.
            shrink: mm by which the surface is moved inward (subcutaneous fat, walls).
            muscle: number written into ``muscles`` where more than half of a voxel is inside; 0 erases.
            texture: strength of a fuzzy multiplicative texture: standard deviation of its logarithm.
        """
        rng = np.random.default_rng(self.seeds.spawn(1)[0]) if texture > 0 else None
        width = max(softness, self.voxel)
        window = self.window(solid, width)
        if window is None:
            return
        cover = np.clip(0.5 - (self.distance(solid, window) + shrink) / width, 0, 1)
        value = suv if rng is None else suv * self._fuzzy(cover.shape, rng, texture)
        self.activity[window] += cover * (value - self.activity[window])
        region = self.muscles[window]
        region[cover > 0.5] = muscle

    def _fuzzy(self, shape: tuple[int, ...], rng: np.random.Generator, strength: float) -> Array:
        """Log-normal texture of mean 1 with a grain of about 12 mm across and 25 mm along the body."""
        field = gaussian_filter(
            rng.standard_normal(shape, np.float32), (5 / self.voxel, 5 / self.voxel, 10 / self.voxel)
        )
        field /= max(float(field.std()), 1e-6)
        return np.exp(strength * field - strength**2 / 2)
