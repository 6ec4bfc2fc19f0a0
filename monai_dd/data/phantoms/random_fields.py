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
"""Smooth random fields in millimeters that do not depend on the grid they are looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

__all__ = ["Clouds", "NoiseField"]

_SIZE, _SAMPLES = 64, 8  # samples of the lattice along each axis, samples for each wavelength
_PLANE, _PLANE_SAMPLES = 96, 6  # the same in the plane


class _Field:
    """Gaussian random field of mean 0 and standard deviation 1 on a periodic lattice.

    Args:
        white: white noise on the lattice.
        band: factor of each of its frequencies, in the order of ``numpy.fft.rfftn``; the mean is always removed.
        step: mm between two samples.
    """

    def __init__(self, white: NDArray, band: NDArray[np.float64], step: float) -> None:
        self.step = np.float32(step)
        band[(0,) * band.ndim] = 0
        lattice = np.fft.irfftn(np.fft.rfftn(white) * band, white.shape, axes=range(white.ndim))
        self.lattice = (lattice / lattice.std()).astype(np.float32)

    def _look(self, lattice: NDArray[np.float32], *position: NDArray[np.float32]) -> NDArray[np.float32]:
        points = np.stack(position) / self.step
        return map_coordinates(lattice, points, output=np.float32, order=1, mode="grid-wrap")


class NoiseField(_Field):
    """Gaussian random field of mean 0 and standard deviation 1, periodic every 8 wavelengths.

    White noise is filtered in the Fourier domain with ``exp(-(k - k0)^2 / (2 (bandwidth k0)^2))``, k0 the inverse of
    the wavelength. A narrow band gives waves of one width, whose zero set is a labyrinth of sheets half a wavelength
    apart: the folds of the cortex. A wide band gives clouds.

    Args:
        rng: source of randomness.
        wavelength: mm.
        bandwidth: relative width of the band.
    """

    def __init__(self, rng: np.random.Generator, wavelength: float, bandwidth: float = 0.5) -> None:
        k, last = np.fft.fftfreq(_SIZE), np.fft.rfftfreq(_SIZE)
        radius = np.sqrt(k[:, None, None] ** 2 + k[None, :, None] ** 2 + last[None, None, :] ** 2) * _SAMPLES
        band = np.exp(-((radius - 1) ** 2) / (2 * bandwidth**2))
        super().__init__(rng.standard_normal((_SIZE,) * 3, np.float32), band, wavelength / _SAMPLES)

    def __call__(self, x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values at the points ``(x, y, z)``, arrays of one shape in mm."""
        return self._look(self.lattice, x, y, z)

    def slope(self, x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Length of the gradient at the points, in 1/mm."""
        gradient = [np.roll(self.lattice, -1, a) - np.roll(self.lattice, 1, a) for a in range(3)]
        return self._look(np.sqrt(sum(g**2 for g in gradient)) / (2 * self.step), x, y, z)


class Clouds(_Field):
    """Gaussian random field of mean 0 and standard deviation 1, periodic every 16 wavelengths.

    White noise, filtered in the Fourier domain with ``1 / (1 + (k / k0)^2)^(3/2)``, k0 the inverse of the wavelength:
    clouds of about this size with less and less of what is smaller.

    Args:
        rng: source of randomness.
        wavelength: mm.
    """

    def __init__(self, rng: np.random.Generator, wavelength: float) -> None:
        radius = np.hypot(np.fft.fftfreq(_PLANE)[:, None], np.fft.rfftfreq(_PLANE)) * _PLANE_SAMPLES
        super().__init__(rng.standard_normal((_PLANE, _PLANE)), (1 + radius**2) ** -1.5, wavelength / _PLANE_SAMPLES)

    def __call__(self, x: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values at the points ``(x, z)`` in mm."""
        return self._look(self.lattice, x, z)
