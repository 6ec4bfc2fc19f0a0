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
"""The contracting path of a U-Net as a sequence of stages."""

from __future__ import annotations

from monai.networks.layers.factories import Pool
from monai.networks.nets.basic_unet import TwoConv
from torch import nn

from monai_dd.networks.encoders.base import Encoder, FeatureInfo

__all__ = ["UNetEncoder"]


class UNetEncoder(Encoder):
    """Two 3x3 convolutions with normalization in each stage, max-pooling between (Ronneberger et al. 2015).

    The stages are named ``block1`` to ``block4`` and ``bottleneck``.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        features: channels of the first stage; every following stage doubles them.
        num_blocks: stages before the bottleneck.
        act: activation and its arguments.
        norm: normalization and its arguments.

    Attributes:
        stages: the stages, finest first; strides 1, 2, 4, ...
        feature_info: name, channels and stride of each stage.

    Raises:
        ValueError: for a number of dimensions other than 2 or 3, or sizes that are not positive.

    Example:
        >>> import torch
        >>> encoder = UNetEncoder(spatial_dims=2, in_channels=1, features=8)
        >>> [tuple(features.shape[1:]) for features in encoder(torch.zeros(2, 1, 64, 64))]
        [(8, 64, 64), (16, 32, 32), (32, 16, 16), (64, 8, 8), (128, 4, 4)]
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        features: int = 32,
        num_blocks: int = 4,
        act: str | tuple = "RELU",
        norm: str | tuple = "BATCH",
    ) -> None:
        super().__init__(spatial_dims, in_channels=in_channels, features=features, num_blocks=num_blocks)
        channels = [in_channels] + [features * 2**stage for stage in range(num_blocks + 1)]
        stages: list[nn.Module] = []
        for stage in range(num_blocks + 1):
            convs = TwoConv(spatial_dims, channels[stage], channels[stage + 1], act, norm, bias=False)
            stages.append(convs if stage == 0 else nn.Sequential(Pool[Pool.MAX, spatial_dims](kernel_size=2), convs))
        self.stages = nn.ModuleList(stages)
        names = [f"block{stage + 1}" for stage in range(num_blocks)] + ["bottleneck"]
        self.feature_info = [FeatureInfo(name, channels[i + 1], 2**i) for i, name in enumerate(names)]
