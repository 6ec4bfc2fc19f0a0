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
"""What the scanner does to the activity: limited resolution and counting noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

__all__ = ["slice_sensitivity", "scan"]

_SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))


def slice_sensitivity(
    num_slices: int, spacing: float, bed: float = 150.0, overlap: float = 0.25
) -> NDArray[np.float32]:
    """Relative sensitivity of every slice of a scan in several overlapping bed positions.

    The sensitivity of one bed position is a triangle over its axial extent (Cherry, Sorenson, Phelps 2012, ch. 18, for
    3D acquisition); overlapping positions add up, so only the two ends of the scan are much noisier.

    Args:
        num_slices: number of slices.
        spacing: distance of slices in mm.
        bed: axial field of view in mm.
        overlap: share of the field of view that neighboring positions have in common.

    Returns:
        ``(num_slices,)``, mean 1.
    """
    z = np.arange(num_slices) * spacing
    step = bed * (1 - overlap)
    total = np.full(num_slices, 0.15)
    for center in np.arange(bed / 2, z[-1] + bed / 2, step):
        total += np.maximum(1 - np.abs(z - center) / (bed / 2), 0)
    return (total / total.mean()).astype(np.float32)


def scan(
    activity: NDArray[np.float32],
    voxel_size: Sequence[float],
    rng: np.random.Generator,
    fwhm: float = 6.0,
    noise: float = 0.2,
    air: float = 0.004,
) -> NDArray[np.float32]:
    """Image of ``activity``: Gaussian resolution, then noise whose variance is proportional to the activity.

    Noise of iterative reconstruction is close to log-normal (Barrett, Wilson, Tsui 1994), so the image is multiplied
    by ``exp(s n - s^2 / 2)`` with ``s^2 = log(1 + noise^2 / (sensitivity * activity))``: standard deviation
    ``noise * sqrt(activity / sensitivity)`` in a voxel of 4 mm, and never negative. ``n`` is white noise smoothed by
    the resolution of the reconstruction; larger voxels average it.

    Args:
        activity: SUV, ``(X, Y, Z)``.
        voxel_size: mm along the three axes.
        rng: source of randomness.
        fwhm: full width at half maximum of the resolution in mm.
        noise: standard deviation at SUV 1 and mean sensitivity; 0 for none.
        air: activity outside the body that scatter and randoms leave.

    Returns:
        Non-negative float32 SUV, ``(X, Y, Z)``.
    """
    sigma = [fwhm * _SIGMA_PER_FWHM / v for v in voxel_size]
    image = gaussian_filter(activity, sigma)
    image += air
    if noise > 0:
        field = gaussian_filter(rng.standard_normal(activity.shape, np.float32), sigma)
        field /= field.std()
        averaging = np.prod([np.sqrt((fwhm**2 + 4.0**2) / (fwhm**2 + v**2)) for v in voxel_size])
        quality = slice_sensitivity(activity.shape[2], voxel_size[2]) / np.float32(noise**2 * averaging)
        spread = np.sqrt(np.log1p(1 / (quality * np.maximum(image, 0.1))))
        field *= spread
        field -= spread**2 / 2
        image *= np.exp(field)
    return image
