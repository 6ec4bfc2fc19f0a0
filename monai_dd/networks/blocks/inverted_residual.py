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
"""The block of mobile networks: expand, filter each channel, project."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["BATCH_NORM", "InvertedResidual", "same_convolution"]

# eps of the published EfficientNet; its momentum of 0.01 would keep 0.99 ** 100 = 37 % of old statistics for 100 steps
BATCH_NORM = {"eps": 1e-3, "momentum": 0.1}


def same_convolution(in_channels: int, out_channels: int, kernel_size: int, stride: int, groups: int = 1) -> list:
    """Return a padding and a convolution without bias that together have TensorFlow's padding "same".

    That is asymmetric for a stride of two: one row and column less before than after, for sides that are even.

    Args:
        in_channels: channels of the features.
        out_channels: channels that come out.
        kernel_size: an odd number.
        stride: 1 or 2.
        groups: of the convolution.

    Example:
        >>> nn.Sequential(*same_convolution(1, 4, kernel_size=5, stride=2))(torch.zeros(1, 1, 8, 8)).shape
        torch.Size([1, 4, 4, 4])
    """
    total = kernel_size - stride
    pad: nn.Module = nn.ZeroPad2d((total // 2, total - total // 2) * 2)
    return [pad, nn.Conv2d(in_channels, out_channels, kernel_size, stride, groups=groups, bias=False)]


class InvertedResidual(nn.Module):
    """Inverted residual (Sandler et al. 2018, Section 3.3) with ReLU6, without squeeze-and-excitation.

    A 1x1 convolution expands the channels, a convolution of each channel by itself follows, and a 1x1 convolution
    projects them. The block is added to its input where that has the same shape.

    Args:
        in_channels: channels of the features.
        out_channels: channels that come out.
        kernel_size: of the middle convolution.
        stride: 1 or 2.
        expansion: factor of the channels in between; with 1 there is no first convolution.

    Example:
        >>> InvertedResidual(4, 4, kernel_size=3, stride=1, expansion=6)(torch.zeros(2, 4, 8, 8)).shape
        torch.Size([2, 4, 8, 8])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = in_channels * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [nn.Conv2d(in_channels, width, 1, bias=False), nn.BatchNorm2d(width, **BATCH_NORM)]
            layers.append(nn.ReLU6(inplace=True))
        layers += [*same_convolution(width, width, kernel_size, stride, width), nn.BatchNorm2d(width, **BATCH_NORM)]
        layers += [nn.ReLU6(inplace=True), nn.Conv2d(width, out_channels, 1, bias=False)]
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(out_channels, **BATCH_NORM))
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features ``(B, out_channels, H / stride, W / stride)`` of features ``(B, in_channels, H, W)``."""
        if self.adds:
            return x + self.layers(x)
        return self.layers(x)
