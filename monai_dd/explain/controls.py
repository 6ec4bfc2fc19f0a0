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
"""Maps that know nothing of a network: what any explanation has to beat. They are the same for every class."""

from __future__ import annotations

import zlib

import torch
from monai.networks.layers import GaussianFilter, Pool

from monai_dd.explain.base import Explainer

__all__ = ["CenteredGaussian", "RandomControl", "SmoothedIntensity"]


class RandomControl(Explainer):
    """Uniform noise in 0 to 1 at the resolution of the image.

    It is drawn on the CPU from the seed and a checksum of the image's values: an image has the same noise in every
    batch, place and run, and another image has another.

    Args:
        seed: of the noise, non-negative.

    Raises:
        ValueError: for a negative seed.

    Example:
        >>> RandomControl(seed=0)(torch.rand(1, 1, 4, 4)).shape
        torch.Size([1, 1, 4, 4])
    """

    def __init__(self, seed: int = 0) -> None:
        if seed < 0:
            raise ValueError(f"seed: expected 0 or more, got {seed}")
        self.seed = seed

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        noise = torch.empty(image.shape[0], 1, *image.shape[2:])
        for values, row in zip(image.float().cpu().numpy(), noise):
            row.uniform_(generator=torch.Generator().manual_seed(self.seed + zlib.crc32(values.tobytes())))
        return noise.to(image.device)


class CenteredGaussian(Explainer):
    """Gaussian in the center of the image, at its resolution.

    Args:
        sigma_fraction: standard deviation along every axis, as a share of the image's size there.

    Raises:
        ValueError: for a share that is not positive.

    Example:
        >>> CenteredGaussian()(torch.rand(1, 1, 3, 3)).squeeze().argmax()
        tensor(4)
    """

    def __init__(self, sigma_fraction: float = 0.25) -> None:
        if not sigma_fraction > 0:
            raise ValueError(f"sigma_fraction: expected a positive number, got {sigma_fraction}")
        self.sigma_fraction = sigma_fraction

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        places = [(torch.arange(n, device=image.device) + 0.5) / n - 0.5 for n in image.shape[2:]]
        distance = torch.stack(torch.meshgrid(*places, indexing="ij")).square().sum(0)
        bump = torch.exp(-distance / (2 * self.sigma_fraction**2))
        return bump.expand(image.shape[0], 1, *bump.shape).clone()


class SmoothedIntensity(Explainer):
    """Intensity of the image after a Gaussian or a mean filter, at its resolution: what is bright matters.

    Maps with negative values, as of images normalized to zero mean, are raised by their minimum; this leaves the order
    of the values as it is, and with it the order of a background that is exactly 0 among them. Outside of the image
    lie zeros.

    Args:
        sigma: standard deviation of the filter in pixels.
        channel: channel to smooth; the mean over all when None.
        window: an odd number of pixels: instead of the Gaussian the mean over so many along each axis.

    Raises:
        ValueError: for a filter that is not positive, an even window, or on call for a channel that the image does not
            have.

    Example:
        >>> SmoothedIntensity(sigma=1.0)(torch.eye(3)[None, None]).squeeze().argmax()
        tensor(4)
        >>> SmoothedIntensity(window=3)(torch.ones(1, 1, 3, 3)).squeeze()[0]  # outside are zeros
        tensor([0.4444, 0.6667, 0.4444])
    """

    def __init__(self, sigma: float = 3.0, channel: int | None = None, window: int | None = None) -> None:
        if not sigma > 0:
            raise ValueError(f"sigma: expected a positive number of pixels, got {sigma}")
        if window is not None and (window < 1 or window % 2 == 0):
            raise ValueError(f"window: expected an odd number of pixels, got {window}")
        self.sigma = sigma
        self.channel = channel
        self.window = window

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        if self.channel is not None and not 0 <= self.channel < image.shape[1]:
            raise ValueError(f"channel: expected 0 to {image.shape[1] - 1}, got {self.channel}")
        image = image.float()
        plane = image.mean(1, keepdim=True) if self.channel is None else image[:, self.channel, None]
        if self.window is None:
            smooth = GaussianFilter(image.dim() - 2, self.sigma).to(image.device)(plane)
        else:
            pool = Pool["avg", image.dim() - 2]
            smooth = pool(self.window, stride=1, padding=self.window // 2, count_include_pad=True)(plane)
        lowest = smooth.flatten(1).amin(1).clamp(max=0)
        return smooth - lowest.reshape(-1, *[1] * (smooth.dim() - 1))
