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
"""The two capsule layers that turn features into patches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.blocks import Convolution
from torch import nn

from monai_dd.utils.precision import to_single

__all__ = ["PatchCapsules", "PrimaryCapsules", "capsule_lengths"]

ACT = ("RELU", {"inplace": True})


def capsule_lengths(capsules: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    r"""Lengths above a threshold, :math:`\max(\sqrt{\sum_d h_{cd}^2} - b_c, 0)` (Shi et al. 2021, Eq. 11).

    Args:
        capsules: ``(B, C, D, *S)``; half precision is computed in float32.
        threshold: ``b``, one number for each channel, ``(C,)``.

    Returns:
        tensor of shape ``(B, C, *S)``. The gradient at a length of zero is zero.

    Example:
        >>> capsules = torch.tensor([3.0, 4.0]).reshape(1, 1, 2, 1)
        >>> capsule_lengths(capsules, torch.tensor([1.0])).item()
        4.0
    """
    capsules = to_single(capsules)
    lengths = torch.linalg.vector_norm(capsules, dim=2)
    return torch.relu(lengths - threshold.reshape([1, -1] + [1] * (lengths.dim() - 2)))  # noqa: RUF005, TorchScript


class PrimaryCapsules(nn.Module):
    """Convolutional capsules, 32 channels of length 16 from 9x9 cells with stride 4 (Sabour et al. 2017, Section 4).

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the features.
        channels: channels ``C`` of capsules.
        dim: length ``D`` of a capsule.
        kernel_size: side of a patch, in cells of the features.
        stride: distance of patches.
        padding: cells added on every side.
        normalize: with batch normalization and ReLU, as Shi et al. (2021) have them in front of Eq. 11; without them,
            the layer is that of Sabour et al.

    Raises:
        ValueError: for sizes that are not positive.

    Example:
        >>> PrimaryCapsules(spatial_dims=2, in_channels=8, channels=4, dim=2)(torch.randn(1, 8, 13, 13)).shape
        torch.Size([1, 4, 2, 2, 2])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        channels: int = 32,
        dim: int = 16,
        kernel_size: Sequence[int] | int = 9,
        stride: Sequence[int] | int = 4,
        padding: Sequence[int] | int = 0,
        normalize: bool = True,
    ) -> None:
        super().__init__()
        if min(in_channels, channels, dim) < 1:
            raise ValueError(f"in_channels, channels, dim: expected positive numbers, got {in_channels, channels, dim}")
        self.shape = [channels, dim]
        self.conv = Convolution(
            spatial_dims,
            in_channels,
            channels * dim,
            stride,
            kernel_size,
            adn_ordering="NA",
            act=ACT,
            norm="BATCH",
            padding=padding,
            conv_only=not normalize,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return capsules ``(B, C, D, *grid)`` of features ``(B, in_channels, *S)``."""
        return self.conv(x).unflatten(1, self.shape)


class PatchCapsules(nn.Module):
    """The second layer: lengths of the first one's capsules by Eq. 11, then a 1x1 convolution (Shi et al. 2021, IV-B).

    The threshold ``b`` of Eq. 11 is learned and starts at zero. Batch normalization and ReLU follow the convolution.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the capsules that come in.
        channels: channels ``C`` of capsules.
        dim: length ``D`` of a capsule.

    Raises:
        ValueError: for sizes that are not positive.

    Example:
        >>> PatchCapsules(spatial_dims=2, in_channels=4, channels=6, dim=3)(torch.randn(2, 4, 2, 5, 5)).shape
        torch.Size([2, 6, 3, 5, 5])
    """

    def __init__(self, spatial_dims: int, in_channels: int = 32, channels: int = 64, dim: int = 128) -> None:
        super().__init__()
        if min(in_channels, channels, dim) < 1:
            raise ValueError(f"in_channels, channels, dim: expected positive numbers, got {in_channels, channels, dim}")
        self.shape = [channels, dim]
        self.threshold = nn.Parameter(torch.zeros(in_channels))
        self.conv = Convolution(
            spatial_dims, in_channels, channels * dim, kernel_size=1, adn_ordering="NA", act=ACT, norm="BATCH"
        )

    def forward(self, capsules: torch.Tensor) -> torch.Tensor:
        """Return capsules ``(B, C, D, *S)`` of capsules ``(B, in_channels, any length, *S)``."""
        return self.conv(capsule_lengths(capsules, self.threshold).to(capsules.dtype)).unflatten(1, self.shape)
