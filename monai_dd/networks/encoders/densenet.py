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
"""DenseNet as a sequence of stages, whole or cut."""

from __future__ import annotations

from collections import OrderedDict

from monai.networks.nets.densenet import DenseNet
from torch import nn

from monai_dd.networks.encoders.base import Encoder, FeatureInfo
from monai_dd.utils.checks import check_option

__all__ = ["DenseNetEncoder"]

# depth: layers in each dense block (Huang et al. 2017, Table 1)
DEPTHS: dict[int, tuple[int, int, int, int]] = {
    121: (6, 12, 24, 16),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
    264: (6, 12, 64, 48),
}


class DenseNetEncoder(Encoder):
    """The dense blocks of MONAI's DenseNet (Huang et al. 2017), named ``block1`` (with the stem) to ``block4``.

    A dense block stacks the raw outputs of its layers; what reads them normalizes and rectifies them first. So a stage
    ends with that batch normalization and ReLU: those at the head of the following transition, or, after the last dense
    block, those before global average pooling. The rest of the transition (1x1 convolution and average pooling) opens
    the next stage. The order of the layers is the published one, the outputs of all stages are rectified, those of the
    last are what a linear head pools and class activation maps weigh.

    With ``num_blocks=2`` dense blocks 3 and 4 and transitions 2 and 3 are removed (Khakzar et al. 2019, Section 3.2):
    maps of an eighth of the image's size instead of a thirty-second. The paper does not say whether the last
    normalization and ReLU stay; here they do, on the 512 channels of ``block2``, since the whole network has them
    between its last dense block and the head. The cut network is then the beginning of the whole one, and loads its
    weights.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        depth: 121, 169, 201 or 264.
        num_blocks: dense blocks that are kept, 1 to 4.
        features: channels of the stem; 64 in the published networks.
        growth_rate: channels that every layer adds; 32 in the published networks.

    Attributes:
        stages: the stages, finest first; strides 4, 8, 16, 32.
        feature_info: name, channels and stride of each stage.

    Raises:
        ValueError: for an unknown depth, number of dimensions or of blocks, or sizes that are not positive.

    Example:
        >>> import torch
        >>> encoder = DenseNetEncoder(spatial_dims=2, in_channels=1, depth=121, num_blocks=2)
        >>> [tuple(features.shape[1:]) for features in encoder(torch.zeros(1, 1, 32, 32))]
        [(256, 8, 8), (512, 4, 4)]
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        depth: int = 121,
        num_blocks: int = 4,
        features: int = 64,
        growth_rate: int = 32,
    ) -> None:
        super().__init__(spatial_dims, in_channels=in_channels, features=features, growth_rate=growth_rate)
        layers = DEPTHS[check_option("depth", depth, DEPTHS)]
        if not 1 <= num_blocks <= len(layers):
            raise ValueError(f"num_blocks: expected 1 to {len(layers)}, got {num_blocks}")
        net = DenseNet(
            spatial_dims,
            in_channels,
            out_channels=1,
            init_features=features,
            growth_rate=growth_rate,
            block_config=layers[:num_blocks],
        )
        parts = dict(net.features.named_children())
        opening = {name: parts[name] for name in ("conv0", "norm0", "relu0", "pool0")}
        channels = features
        for stage in range(num_blocks):
            channels += layers[stage] * growth_rate
            block = f"denseblock{stage + 1}"
            if stage + 1 < num_blocks:
                following = dict(parts[f"transition{stage + 1}"].named_children())
            else:
                following = {"norm": parts["norm5"], "relu": net.class_layers.relu}
            closing = {name: following.pop(name) for name in ("norm", "relu")}
            self.stages.append(nn.Sequential(OrderedDict({**opening, block: parts[block], **closing})))
            self.feature_info.append(FeatureInfo(f"block{stage + 1}", channels, 4 * 2**stage))
            opening, channels = following, channels // 2
