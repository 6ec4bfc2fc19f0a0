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

import torch
from monai.networks.nets.resnet import ResNet
from torch import nn

from monai_dd.networks.encoders.feature_info import FeatureInfo
from monai_dd.utils.checks import check_option

__all__ = ["ResNetEncoder"]

# depth: kind of block, blocks in each stage, expansion of the channels (He et al. 2016, Table 1)
DEPTHS: dict[int, tuple[str, list[int], int]] = {
    18: ("basic", [2, 2, 2, 2], 1),
    34: ("basic", [3, 4, 6, 3], 1),
    50: ("bottleneck", [3, 4, 6, 3], 4),
}


class ResNetEncoder(nn.Module):
    """The four residual stages of MONAI's ResNet (He et al. 2016), named ``block1`` (with the stem) to ``block4``.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        depth: 18, 34 or 50.
        features: channels of the stem; 64 in the published networks.

    Attributes:
        stages: the stages, finest first; strides 4, 8, 16, 32.
        feature_info: name, channels and stride of each stage.

    Raises:
        ValueError: for an unknown depth or number of dimensions, or sizes that are not positive.
    """

    def __init__(self, spatial_dims: int, in_channels: int, depth: int = 50, features: int = 64) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims: expected 2 or 3, got {spatial_dims}")
        if in_channels < 1 or features < 1:
            raise ValueError(f"in_channels, features: expected positive numbers, got {in_channels}, {features}")
        block, layers, expansion = DEPTHS[check_option("depth", depth, DEPTHS)]
        net = ResNet(
            block,
            layers,
            [features * 2**stage for stage in range(4)],
            spatial_dims=spatial_dims,
            n_input_channels=in_channels,
            conv1_t_stride=2,
            feed_forward=False,
            bias_downsample=False,
        )
        first = nn.Sequential(net.conv1, net.bn1, net.act, net.maxpool, net.layer1)
        self.stages = nn.ModuleList([first, net.layer2, net.layer3, net.layer4])
        self.feature_info = [
            FeatureInfo(f"block{stage + 1}", features * 2**stage * expansion, 4 * 2**stage) for stage in range(4)
        ]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the output of every stage, finest first, for an image ``(B, C, *spatial)``."""
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
