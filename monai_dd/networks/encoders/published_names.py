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
"""Names of tensors in published state dicts, and those of our encoders."""

from __future__ import annotations

import re
from collections.abc import Callable

from torch import nn

from monai_dd.networks.blocks.inverted_residual import InvertedResidual
from monai_dd.networks.encoders.base import Encoder
from monai_dd.networks.encoders.densenet import DenseNetEncoder
from monai_dd.networks.encoders.efficientnet_lite import EfficientNetLiteEncoder
from monai_dd.networks.encoders.resnet import ResNetEncoder
from monai_dd.networks.encoders.vgg import VGGEncoder

__all__ = ["FIRST", "rename_for"]

# the first convolution, which sees the image
FIRST: dict[type[Encoder], str] = {
    DenseNetEncoder: "stages.0.conv0.weight",
    ResNetEncoder: "stages.0.0.weight",
    VGGEncoder: "stages.0.0.conv.weight",
    EfficientNetLiteEncoder: "stages.0.1.weight",
}


def rename_for(encoder: Encoder) -> Callable[[str], str]:
    """Return the function that turns the published name of a tensor into that of an encoder; it may have none of it.

    Example:
        >>> rename_for(ResNetEncoder(2, 3, depth=18))("layer2.0.conv1.weight")
        'stages.1.0.conv1.weight'
    """
    if isinstance(encoder, DenseNetEncoder):
        return _rename_densenet
    if isinstance(encoder, ResNetEncoder):
        return _rename_resnet
    modules = _modules_of_vgg(encoder) if isinstance(encoder, VGGEncoder) else _modules_of_lite(encoder)

    def rename(name: str) -> str:
        module, _, tensor = name.rpartition(".")
        return f"{modules.get(module)}.{tensor}"

    return rename


def _rename_densenet(name: str) -> str:
    """A transition's normalization closes the stage before it, the rest opens the one after."""
    name = name.removeprefix("features.")
    name = re.sub(r"(denselayer\d+)\.(?:layers\.)?(norm|conv)\.?([12])\.", r"\1.layers.\2\3.", name)
    if found := re.match(r"denseblock(\d+)\.", name):
        return f"stages.{int(found[1]) - 1}.{name}"
    if found := re.match(r"transition(\d+)\.(norm|conv)\.(.+)", name):
        stage = int(found[1]) - (found[2] == "norm")
        return f"stages.{stage}.{found[2]}.{found[3]}"
    if found := re.match(r"norm5\.(.+)", name):
        return f"stages.3.norm.{found[1]}"
    return f"stages.0.{name}"


def _rename_resnet(name: str) -> str:
    """The first stage holds the stem, and layer 1 after its four modules."""
    part, _, rest = name.partition(".")
    places = {"conv1": "0.0", "bn1": "0.1", "layer1": "0.4", "layer2": "1", "layer3": "2", "layer4": "3"}
    return f"stages.{places.get(part, part)}.{rest}"


def _modules_of_vgg(encoder: Encoder) -> dict[str, str]:
    """Published name and ours of every convolution and normalization: a list, with a pooling after each stage."""
    names, place = {}, 0
    for number, stage in enumerate(encoder.stages):
        for inner, layer in stage.named_children():
            if _has_weights(layer):
                names[f"features.{place}"] = f"stages.{number}.{inner}.conv"
                names[f"features.{place + 1}"] = f"stages.{number}.{inner}.adn.N"
                place += 3
        place += 1
    return names


def _modules_of_lite(encoder: Encoder) -> dict[str, str]:
    """Published name and ours of every convolution and normalization: a list of blocks, with layers by their role."""
    names = {"_conv_stem": "stages.0.1", "_bn0": "stages.0.2"}
    blocks = [(name, module) for name, module in encoder.named_modules() if isinstance(module, InvertedResidual)]
    for number, (name, block) in enumerate(blocks):
        own = [f"{name}.layers.{place}" for place, layer in block.layers.named_children() if _has_weights(layer)]
        published = ["_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"][-len(own) :]
        names |= {f"_blocks.{number}.{theirs}": ours for theirs, ours in zip(published, own, strict=True)}
    return names


def _has_weights(layer: nn.Module) -> bool:
    return next(layer.parameters(), None) is not None
