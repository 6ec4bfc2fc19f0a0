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
"""Smooth random fields in the plane, in millimeters, that do not depend on the pixels they are looked at."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from monai_dd.data.phantoms.chest_detector import Array

__all__ = ["Clouds"]

_SIZE, _SAMPLES = 96, 6  # samples of the lattice along each axis, samples for each wavelength


class Clouds:
    """Gaussian random field of mean 0 and standard deviation 1, periodic every 16 wavelengths.

    White noise, filtered in the Fourier domain with ``1 / (1 + (k / k0)^2)^(3/2)``, k0 the inverse of the wavelength:
    clouds of about this size with less and less of what is smaller.

    Args:
        rng: source of randomness.
        wavelength: mm.
    """

    def __init__(self, rng: np.random.Generator, wavelength: float) -> None:
        self.step = np.float32(wavelength / _SAMPLES)
        radius = np.hypot(np.fft.fftfreq(_SIZE)[:, None], np.fft.rfftfreq(_SIZE)) * _SAMPLES
        band = (1 + radius**2) ** -1.5
        band[0, 0] = 0
        lattice = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((_SIZE, _SIZE))) * band, (_SIZE, _SIZE))
        self.lattice = (lattice / lattice.std()).astype(np.float32)

    def __call__(self, x: Array, z: Array) -> Array:
        """Values at the points ``(x, z)`` in mm."""
        points = np.stack([x, z]) / self.step
        return map_coordinates(self.lattice, points, output=np.float32, order=1, mode="grid-wrap")
