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
"""Four modalities of the same tissues, each with the scale, bias field, slice thickness and noise of its scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from monai_dd.data.phantoms.brain.phantom import BRAIN_MODALITIES
from monai_dd.data.phantoms.brain.tissues import KINDS
from monai_dd.data.phantoms.random_fields import NoiseField

__all__ = ["INTENSITIES", "scan_brain"]

_SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))
_FWHM = 1.4  # mm in the plane of the slices
_SLICES = (1.0, 1.0, 1.5, 2.5, 4.0)  # slice thicknesses in mm before interpolation to the common grid

INTENSITIES = {
    "t1": (95, 345, 560, 415, 240, 205, 375, 330),
    "t1ce": (95, 345, 555, 415, 1050, 200, 370, 900),
    "t2": (1850, 590, 420, 470, 300, 1250, 880, 800),
    "flair": (75, 370, 310, 350, 130, 360, 580, 500),
}
"""Mean of each of ``KINDS`` before the scale of the scanner: typical of 3 T images of BraTS (Bakas et al. 2018)."""


def scan_brain(
    shares: NDArray[np.float32],
    inside: NDArray[np.bool_],
    position: list[NDArray[np.float32]],
    spacing: float,
    rng: np.random.Generator,
    noise: float | None = None,
) -> NDArray[np.float32]:
    """Images of a brain.

    The intensity of a voxel is the sum of its tissues' intensities. It is blurred in the plane and across the slice
    thickness, multiplied by a smooth bias field and by the scale of the scanner, and magnitude noise is added: the
    length of a complex number with normal noise in both parts (Gudbjartsson and Patz 1995).

    Args:
        shares: shares of ``KINDS`` at the N voxels of the brain.
        inside: brain mask with N voxels, ``(X, Y, Z)``.
        position: anatomical coordinates of these voxels in mm.
        spacing: edge of a voxel in mm.
        rng: source of randomness.
        noise: standard deviation relative to white matter at 1 mm; None draws 0.01 to 0.035 for each modality.

    Returns:
        float32 ``(4, X, Y, Z)``, at least 1 inside and 0 outside.
    """
    streams = [np.random.default_rng(seed) for seed in rng.bit_generator.seed_seq.spawn(len(BRAIN_MODALITIES))]
    images = np.zeros((len(BRAIN_MODALITIES), *inside.shape), np.float32)
    averaging = ((_FWHM**2 + 1) / (_FWHM**2 + spacing**2)) ** 1.5
    blur = [_FWHM * _SIGMA_PER_FWHM / spacing] * 2
    texture = NoiseField(rng, 20.0)(*position)
    for image, name, stream in zip(images, BRAIN_MODALITIES, streams):
        means = np.asarray(INTENSITIES[name]) * np.exp(stream.normal(0, 0.035, len(KINDS)))
        scale = np.exp(np.clip(stream.normal(0, 0.35), -0.7, 0.7))
        across = stream.choice(_SLICES) * _SIGMA_PER_FWHM / spacing
        level = (stream.uniform(0.01, 0.035) if noise is None else noise) * averaging * means[2]
        bias = NoiseField(stream, 260.0, 0.4)(*position) * np.float32(stream.uniform(0.03, 0.1))
        image[inside] = (means.astype(np.float32) @ shares) * np.exp(bias) * (1 + 0.025 * texture)
        image[:] = gaussian_filter1d(gaussian_filter(image, [*blur, 0]), across, axis=2)
        grain = [gaussian_filter(stream.standard_normal(inside.shape, np.float32), [*blur, 0]) for _ in range(2)]
        real, imaginary = (g[inside] * np.float32(level / g.std()) for g in grain)
        image[inside] = np.maximum(np.hypot(image[inside] + real, imaginary) * np.float32(scale), 1)
        image[~inside] = 0
    return images
