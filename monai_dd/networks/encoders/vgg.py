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
"""VGG as a sequence of stages, with max-pooling or without."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.blocks import Convolution
from monai.networks.layers.factories import Pool
from monai.utils import ensure_tuple
from torch import nn

from monai_dd.networks.encoders.base import Encoder, FeatureInfo
from monai_dd.utils.checks import check_option

__all__ = ["VGGEncoder"]

# depth: convolutions in each stage (Simonyan and Zisserman 2015, Table 1, A and D)
DEPTHS: dict[int, list[int]] = {11: [1, 1, 2, 2, 2], 16: [2, 2, 3, 3, 3]}


class VGGEncoder(Encoder):
    """The five stages of VGG with batch normalization (Simonyan and Zisserman 2015), named ``block1`` to ``block5``.

    A stage is one to three 3x3 convolutions with bias, batch normalization and ReLU.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        depth: 11 or 16.
        features: channels of the first stage; the next three double them. 64 in the published networks.
        strides: stride of each convolution, 8 of them for VGG-11, or one number for all: 1 keeps the resolution of the
            image (Shi et al. 2021, Section IV-A), ``[1, 1, 1, 2, 1, 1, 1, 1]`` halves it in the fourth layer (Section
            V-D). There is no max-pooling then. ``None`` for the published network: strides of one, and 2x2 max-pooling
            at the end of each stage.

    Attributes:
        stages: the stages, finest first.
        feature_info: name, channels and stride of each stage.

    Raises:
        ValueError: for an unknown depth or number of dimensions, sizes or strides that are not positive, or another
            number of strides.

    Example:
        >>> import torch
        >>> encoder = VGGEncoder(spatial_dims=2, in_channels=1, depth=11)
        >>> [tuple(features.shape[1:]) for features in encoder(torch.zeros(2, 1, 64, 64))]
        [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)]
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        depth: int = 11,
        features: int = 64,
        strides: Sequence[int] | int | None = None,
    ) -> None:
        super().__init__(spatial_dims, in_channels=in_channels, features=features)
        layers = DEPTHS[check_option("depth", depth, DEPTHS)]
        steps = list(ensure_tuple(1 if strides is None else strides))
        steps = steps * sum(layers) if len(steps) == 1 else steps
        if len(steps) != sum(layers) or min(steps) < 1:
            raise ValueError(f"strides: expected {sum(layers)} positive numbers, one, or None, got {strides}")

        channels, stride = in_channels, 1
        for stage, count in enumerate(layers):
            width = features * 2 ** min(stage, 3)
            convs: list[nn.Module] = []
            for _ in range(count):
                step = steps.pop(0)
                convs.append(
                    Convolution(
                        spatial_dims,
                        channels,
                        width,
                        step,
                        adn_ordering="NA",
                        act=("RELU", {"inplace": True}),
                        norm="BATCH",
                    )
                )
                channels, stride = width, stride * step
            if strides is None:
                convs.append(Pool[Pool.MAX, spatial_dims](kernel_size=2))
                stride *= 2
            self.stages.append(nn.Sequential(*convs))
            self.feature_info.append(FeatureInfo(f"block{stage + 1}", width, stride))
