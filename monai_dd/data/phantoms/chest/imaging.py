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
"""From thickness to gray values: attenuation, scatter, blur, noise and the curve of the display."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.special import expit

from monai_dd.data.phantoms.chest.detector import Array
from monai_dd.data.phantoms.chest.patient import ChestPatient

__all__ = ["Exposure", "draw_exposure", "expose"]

_WATER, _BONE = (
    0.019,
    0.055,
)  # 1/mm: attenuation of soft tissue, and what compact bone adds (about 60 keV, Hubbell 1982)
_SCATTER = 60.0  # mm, width of the scattered radiation
_SIGMA = 0.55  # mm, blur of focal spot and detector


@dataclass(frozen=True)
class Exposure:
    """How one image is taken and shown, drawn without knowledge of findings.

    Attributes:
        scatter: share of scattered radiation.
        noise: standard deviation of the logarithm of the signal behind the lung, in pixels of 1 mm.
        dark, bright: gray value, 0 to 1, of lung and of mediastinum.
        curve: steepness of the curve of the display.
        edge: strength of the edge enhancement.
    """

    scatter: float
    noise: float
    dark: float
    bright: float
    curve: float
    edge: float


def draw_exposure(rng: np.random.Generator) -> Exposure:
    """Draw the exposure of one visit."""
    dark = rng.uniform(0.27, 0.47)
    return Exposure(
        scatter=float(rng.uniform(0.15, 0.35)),
        noise=float(rng.uniform(0.01, 0.035)),
        dark=float(dark),
        bright=float(dark + rng.uniform(0.34, 0.54)),
        curve=float(rng.uniform(3.8, 6.2)),
        edge=float(rng.uniform(0.2, 0.7)),
    )


def expose(
    water: Array,
    bone: Array,
    patient: ChestPatient,
    exposure: Exposure,
    pixel: float,
    rng: np.random.Generator,
    noise: bool = True,
) -> NDArray[np.uint8]:
    """Gray values of a radiograph: logarithm of the signal, bright where much is absorbed.

    The signal of each pixel follows the law of Beer and Lambert, plus scatter. The display maps the attenuation
    that the patient's build lets expect behind lung and mediastinum to the gray values of the exposure, with a
    logistic curve like that of film; findings do not change the mapping.

    Args:
        water: thickness of soft tissue in mm, ``(H, W)``.
        bone: thickness of compact bone in mm, ``(H, W)``.
        patient: whose build sets the display.
        exposure: of this image.
        pixel: edge of a pixel in mm.
        rng: source of randomness.
        noise: whether there is any.

    Returns:
        uint8 ``(H, W)``.
    """
    signal = np.exp(-np.float32(_WATER) * water - np.float32(_BONE) * bone)
    signal = gaussian_filter(signal, _SIGMA / pixel)
    scattered, width = signal, max(1, int(_SCATTER / pixel) | 1)
    for _ in range(3):  # three boxes are nearly a Gaussian
        scattered = uniform_filter(scattered, width, mode="nearest")
    attenuation = -np.log((1 - exposure.scatter) * signal + exposure.scatter * np.minimum(scattered, 0.3))
    wall = 2 * 0.7 * patient.wall
    lung = _WATER * (wall + 2 * patient.half_depth * (0.1 + patient.lung_density))
    solid = _WATER * (wall + 2 * patient.half_depth) * 0.86
    if noise:
        level = exposure.noise / pixel * np.exp((attenuation - lung) / 2)  # fewer quanta where more are absorbed
        attenuation += level * gaussian_filter(rng.standard_normal(water.shape, np.float32), 0.5)
    attenuation += exposure.edge * (attenuation - gaussian_filter(attenuation, 6.0 / pixel))
    gray = exposure.dark + (attenuation - lung) / (solid - lung) * (exposure.bright - exposure.dark)
    shown = expit(np.float32(exposure.curve) * (gray - 0.5))
    return np.round(255 * np.clip((shown - 0.04) / 0.92, 0, 1)).astype(np.uint8)
