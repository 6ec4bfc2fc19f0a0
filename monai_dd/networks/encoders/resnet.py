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
"""ResNet as a sequence of stages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import mul

from monai.networks.nets.resnet import ResNet
from monai.utils import ensure_tuple
from torch import nn

from monai_dd.networks.encoders.base import Encoder, FeatureInfo
from monai_dd.utils.checks import check_option

__all__ = ["ResNetEncoder"]

# depth: kind of block, blocks in each stage, expansion of the channels (He et al. 2016, Table 1)
DEPTHS: dict[int, tuple[str, list[int], int]] = {
    18: ("basic", [2, 2, 2, 2], 1),
    34: ("basic", [3, 4, 6, 3], 1),
    50: ("bottleneck", [3, 4, 6, 3], 4),
}


class ResNetEncoder(Encoder):
    """The four residual stages of MONAI's ResNet (He et al. 2016), named ``block1`` (with the stem) to ``block4``.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        depth: 18, 34 or 50.
        features: channels of the stem; 64 in the published networks.
        strides: stride of each stage, or one number for all, with a 3x3 stem and without max-pooling: 1 keeps the
            resolution of the image, ``[1, 2, 1, 1]`` halves it in the sixth layer (Shi et al. 2021, Section V-D). The
            stride of ``block1`` is that of the stem, that of another stage is in its first block. ``None`` for the
            published network: 7x7 stem with stride 2, max-pooling, and stages of strides 1, 2, 2, 2.

    Attributes:
        stages: the stages, finest first; strides 4, 8, 16, 32 by default.
        feature_info: name, channels and stride of each stage.

    Raises:
        ValueError: for an unknown depth or number of dimensions, sizes or strides that are not positive, or another
            number of strides.

    Example:
        >>> import torch
        >>> encoder = ResNetEncoder(spatial_dims=2, in_channels=1, depth=18)
        >>> [tuple(features.shape[1:]) for features in encoder(torch.zeros(2, 1, 64, 64))]
        [(64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2)]
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        depth: int = 50,
        features: int = 64,
        strides: Sequence[int] | int | None = None,
    ) -> None:
        super().__init__(spatial_dims, in_channels=in_channels, features=features)
        block, layers, expansion = DEPTHS[check_option("depth", depth, DEPTHS)]
        steps = [4, 2, 2, 2] if strides is None else list(ensure_tuple(strides))
        steps = steps * 4 if len(steps) == 1 else steps
        if len(steps) != 4 or min(steps) < 1:
            raise ValueError(f"strides: expected 4 positive numbers, one, or None, got {strides}")
        net = ResNet(
            block,
            layers,
            [features * 2**stage for stage in range(4)],
            spatial_dims=spatial_dims,
            n_input_channels=in_channels,
            conv1_t_size=7 if strides is None else 3,
            conv1_t_stride=2 if strides is None else steps[0],
            feed_forward=False,
            bias_downsample=False,
        )
        for stage, step in zip((net.layer2, net.layer3, net.layer4), steps[1:]):
            _set_stride(stage[0], step)
        stem = [net.conv1, net.bn1, net.act] + ([net.maxpool] if strides is None else [])
        first = nn.Sequential(*stem, net.layer1)
        self.stages = nn.ModuleList([first, net.layer2, net.layer3, net.layer4])
        self.feature_info = [
            FeatureInfo(f"block{stage + 1}", features * 2**stage * expansion, stride)
            for stage, stride in enumerate(accumulate(steps, mul))
        ]


def _set_stride(block: nn.Module, stride: int) -> None:
    """Give the strided convolutions of a residual block, which MONAI builds with a stride of 2, another stride."""
    for module in block.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)) and max(module.stride) > 1:
            module.stride = (stride,) * len(module.stride)
