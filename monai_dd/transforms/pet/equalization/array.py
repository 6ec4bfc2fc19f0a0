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
"""Histogram equalization with one defined result."""

from __future__ import annotations

import torch
from monai.config.type_definitions import NdarrayOrTensor
from monai.data import get_track_meta
from monai.transforms import Transform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor

__all__ = ["HistogramEqualization", "equalize_histogram"]


def equalize_histogram(values: torch.Tensor, num_bins: int = 256) -> torch.Tensor:
    """Map values to the share of values below them (Gonzalez and Woods, Digital Image Processing, section 3.3).

    With ``h_b`` the number of values in bin ``b`` of equal bins between the smallest and the largest value, and
    ``H_b = h_0 + ... + h_b``, the value at the center of bin b becomes ``(H_b - H_0) / (H_last - H_0)``. The map is
    linear between centers and constant beyond the outer ones. ``h_0`` cancels: the amount of background has no effect.

    Args:
        values: any shape, finite.
        num_bins: number of bins.

    Returns:
        float32 of the same shape in [0, 1]; all zero if all values are equal.

    Example:
        >>> equalize_histogram(torch.tensor([0.0, 0.0, 1.0, 2.0, 100.0]), num_bins=100)
        tensor([0.0000, 0.0000, 0.1667, 0.5000, 1.0000])
    """
    values = values.to(torch.float64)
    low, high = values.min(), values.max()
    if low == high:
        return torch.zeros_like(values, dtype=torch.float32)
    position = ((values - low) / (high - low)).clamp(0, 1) * num_bins
    counts = torch.bincount(position.long().clamp(max=num_bins - 1).flatten(), minlength=num_bins)
    cumulated = counts.cumsum(0)
    share = (cumulated - cumulated[0]).to(torch.float64) / (cumulated[-1] - cumulated[0])
    center = (position - 0.5).clamp(0, num_bins - 1)
    below = center.long()
    above = (below + 1).clamp(max=num_bins - 1)
    return (share[below] + (center - below) * (share[above] - share[below])).to(torch.float32)


class HistogramEqualization(Transform):
    """Equalize the histogram of each channel, to [0, 1]: PET projections as in Ron et al. (2022), appendix C.1.

    MONAI's ``HistogramNormalize`` takes its histogram from scikit-image when that is installed, which for integer
    images ignores ``num_bins``, and from NumPy when it is not; and it mixes the channels. Here the result depends on
    the image alone, and stays on its device. For one floating point channel it equals
    ``HistogramNormalize(num_bins, min=0, max=1)`` with NumPy.

    Args:
        num_bins: number of bins of the histogram, at least 2.

    Raises:
        ValueError: When ``num_bins`` is less than 2.

    Example:
        >>> HistogramEqualization()(torch.tensor([[[0.0, 0.0], [1.0, 100.0]]]))
        metatensor([[[0.0000, 0.0000],
                 [0.5000, 1.0000]]])
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, num_bins: int = 256) -> None:
        if num_bins < 2:
            raise ValueError(f"num_bins: expected 2 or more, got {num_bins}")
        self.num_bins = num_bins

    def __call__(self, img: NdarrayOrTensor) -> NdarrayOrTensor:
        """Equalize an image.

        Args:
            img: ``(C, *spatial)``, not empty, finite.

        Returns:
            image of the same shape and metadata, float32, every channel from 0 to 1; a constant channel becomes 0.

        Raises:
            ValueError: When ``img`` has no spatial dimension, is empty or contains NaN or infinity.
        """
        img = convert_to_tensor(img, track_meta=get_track_meta())
        if img.ndim < 2 or img.numel() == 0:
            raise ValueError(f"img: expected (C, *spatial), not empty, got the shape {tuple(img.shape)}")
        values = convert_to_tensor(img, track_meta=False)
        if not torch.isfinite(values).all():
            raise ValueError("img: expected finite numbers, got NaN or infinite values")
        equalized = torch.stack([equalize_histogram(channel, self.num_bins) for channel in values])
        return convert_to_dst_type(equalized, img, dtype=torch.float32)[0]
