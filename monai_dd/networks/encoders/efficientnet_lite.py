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
"""EfficientNet-Lite0 as a sequence of stages, whole or cut after any block."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from monai_dd.networks.blocks.inverted_residual import BATCH_NORM, InvertedResidual, same_convolution
from monai_dd.networks.encoders.base import Encoder, FeatureInfo

__all__ = ["EfficientNetLiteEncoder"]

# of each group of blocks: kernel size, stride of the first, expansion, channels, blocks (Tan and Le 2019, Table 1)
GROUPS = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
STEM = 32


class _ScaledPad(nn.ZeroPad2d):
    """Padding of an image in 0 to 1 that is scaled as the published weights have it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.pad(x * (255.0 / 128.0) - 127.0 / 128.0, self.padding)


class EfficientNetLiteEncoder(Encoder):
    """The sixteen inverted residuals of EfficientNet-Lite0, in a stage for each stride.

    Lite0 (R. Liu 2020) has the blocks of EfficientNet-B0 (Tan and Le 2019) without squeeze-and-excitation, and ReLU6
    instead of swish. Stages are named ``block1`` (with the stem) to ``block5``; they end after blocks 1, 3, 5, 11 and
    16, with 16, 24, 40, 112 and 320 channels. Two dimensions only, as the published weights. The head, a 1x1
    convolution to 1280 channels, is not part of it.

    Args:
        spatial_dims: 2.
        in_channels: channels of the image. Published weights are of three channels in red, green and blue, scaled to
            ``(x - 127) / 128`` of 8 bits; see :func:`~monai_dd.networks.encoders.load_pretrained` for other numbers.
        num_blocks: inverted residuals that are kept, 1 to 16: a cut network sees less of the image from each cell.
        unit_range: images are in 0 to 1, and are scaled to that here; else they come as the weights need them.

    Attributes:
        stages: the stages, finest first; strides 2, 4, 8, 16, 32. Sides of the image should be multiples of the last.
        feature_info: name, channels and stride of each stage.

    Raises:
        ValueError: for another number of dimensions or blocks, or channels that are not positive.

    Example:
        >>> import torch
        >>> encoder = EfficientNetLiteEncoder(spatial_dims=2, in_channels=3, num_blocks=8).eval()
        >>> [tuple(features.shape[1:]) for features in encoder(torch.zeros(1, 3, 64, 64))]
        [(16, 32, 32), (24, 16, 16), (40, 8, 8), (80, 4, 4)]
    """

    def __init__(self, spatial_dims: int, in_channels: int, num_blocks: int = 16, unit_range: bool = False) -> None:
        super().__init__(spatial_dims, in_channels=in_channels)
        total = sum(group[-1] for group in GROUPS)
        if spatial_dims != 2:
            raise ValueError(f"spatial_dims: expected 2, which EfficientNet-Lite has, got {spatial_dims}")
        if not 1 <= num_blocks <= total:
            raise ValueError(f"num_blocks: expected 1 to {total}, got {num_blocks}")
        blocks = [
            (kernel, stride if place == 0 else 1, expansion, channels)
            for kernel, stride, expansion, channels, count in GROUPS
            for place in range(count)
        ][:num_blocks]
        stem = [*same_convolution(in_channels, STEM, 3, 2), nn.BatchNorm2d(STEM, **BATCH_NORM), nn.ReLU6(inplace=True)]
        if unit_range:
            stem[0] = _ScaledPad(stem[0].padding)
        widths = [STEM, *(channels for *_, channels in blocks)]
        stages, infos, parts, reached = [], [], stem, 2
        for (kernel, stride, expansion, _), (width_in, width) in zip(blocks, pairwise(widths), strict=True):
            if stride > 1:  # a new stage begins
                stages.append(nn.Sequential(*parts))
                infos.append(FeatureInfo(f"block{len(stages)}", width_in, reached))
                parts, reached = [], reached * stride
            parts.append(InvertedResidual(width_in, width, kernel, stride, expansion))
        stages.append(nn.Sequential(*parts))
        infos.append(FeatureInfo(f"block{len(stages)}", widths[-1], reached))
        self.stages = nn.ModuleList(stages)
        self.feature_info = infos
