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
"""The two convolutions that turn features into patches."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.blocks import Convolution
from torch import nn

__all__ = ["PatchLayers"]


class PatchLayers(nn.Sequential):
    """A 9x9 convolution with stride 4 that makes the patches, and a 1x1 convolution (Shi et al. 2021, Section IV-A).

    Each is followed by batch normalization and ReLU and has no bias. ``(B, C, *S)`` becomes ``(B, channels, *grid)``
    with ``grid = (S + 2 padding - kernel) // stride + 1``.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the features.
        channels: channels of the patches.
        kernel_size: side of a patch, in cells of the features.
        stride: distance of patches.
        padding: cells added on every side. The paper adds none, and its patches do not reach all borders.

    Raises:
        ValueError: for sizes that are not positive.

    Example:
        >>> import torch
        >>> PatchLayers(spatial_dims=2, in_channels=3, channels=8)(torch.randn(2, 3, 32, 32)).shape
        torch.Size([2, 8, 6, 6])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        channels: int = 512,
        kernel_size: Sequence[int] | int = 9,
        stride: Sequence[int] | int = 4,
        padding: Sequence[int] | int = 0,
    ) -> None:
        if in_channels < 1 or channels < 1:
            raise ValueError(f"in_channels, channels: expected positive numbers, got {in_channels}, {channels}")
        options = {"act": ("RELU", {"inplace": True}), "norm": "BATCH", "adn_ordering": "NA", "bias": False}
        super().__init__(
            Convolution(spatial_dims, in_channels, channels, stride, kernel_size, padding=padding, **options),
            Convolution(spatial_dims, channels, channels, kernel_size=1, **options),
        )
