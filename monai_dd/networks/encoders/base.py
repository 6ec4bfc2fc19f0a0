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
"""What every encoder is: stages that a classifier can run one by one, and what it must know of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

__all__ = ["Encoder", "FeatureInfo"]


class FeatureInfo(NamedTuple):
    """One stage of an encoder.

    Attributes:
        name: the stage's name, by which ``attend`` calls it.
        channels: channels of its output.
        stride: input cells per output cell along every axis.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> UNetEncoder(2, 1, features=8).feature_info[1]
        FeatureInfo(name='block2', channels=16, stride=2)
    """

    name: str
    channels: int
    stride: int


class Encoder(nn.Module):
    """A network as a sequence of stages, finest first.

    A subclass checks its arguments, calls this constructor, and sets ``stages`` and ``feature_info``.

    Args:
        spatial_dims: 2 or 3.
        sizes: further arguments that must be positive, by their names.

    Attributes:
        spatial_dims: 2 or 3.
        stages: the stages; each takes what the one before returns.
        feature_info: name, channels and stride of each stage.
        sequential: whether the features are those of running the stages one after the other, so that a gate can stand
            between two of them.
        frozen: number of stages that keep weights and statistics, see :meth:`freeze`.
        left_out: beginnings of the names of weights of stages that were left out, see :meth:`first`.

    Raises:
        ValueError: for another number of dimensions, or sizes that are not positive.

    Example:
        >>> class Halved(Encoder):
        ...     def __init__(self, spatial_dims):
        ...         super().__init__(spatial_dims)
        ...         self.stages = nn.ModuleList([nn.Identity(), nn.MaxPool2d(2)])
        ...         self.feature_info = [FeatureInfo("block1", 1, 1), FeatureInfo("block2", 1, 2)]
        >>> [list(features.shape) for features in Halved(2)(torch.zeros(1, 1, 8, 8))]
        [[1, 1, 8, 8], [1, 1, 4, 4]]
    """

    sequential = True

    def __init__(self, spatial_dims: int, **sizes: int) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims: expected 2 or 3, got {spatial_dims}")
        if sizes and min(sizes.values()) < 1:
            got = ", ".join(map(str, sizes.values()))
            raise ValueError(f"{', '.join(sizes)}: expected positive numbers, got {got}")
        self.spatial_dims = spatial_dims
        self.stages = nn.ModuleList()
        self.feature_info: Sequence[FeatureInfo] = []
        self.left_out: tuple[str, ...] = ()
        self.frozen = 0

    def freeze(self, stages: int) -> Encoder:
        """Keep the first stages as they are in training: their weights, and the statistics of batch normalization.

        For pretrained stages that see what any picture has. A step is the faster for it, as the gradient ends there.

        Args:
            stages: number of stages, 0 to all.

        Returns:
            the encoder.

        Raises:
            ValueError: for another number.
        """
        if not 0 <= stages <= len(self.stages):
            raise ValueError(f"stages: expected 0 to {len(self.stages)}, got {stages}")
        self.frozen = stages
        self.stages[:stages].requires_grad_(False)
        return self.train(self.training)

    def train(self, mode: bool = True) -> Encoder:
        """Set training or evaluation mode; frozen stages stay in the latter."""
        super().train(mode)
        for stage in self.stages[: self.frozen]:
            stage.train(False)
        return self

    def first(self, depth: int) -> Encoder:
        """Return an encoder of the first ``depth`` stages, which it shares with this one.

        The names of its weights stay, and weights of the whole encoder load: those of the other stages are left out.
        """
        result = copy.copy(self)
        result._modules = dict(self._modules)
        result.stages = self.stages[:depth]
        result.feature_info = self.feature_info[:depth]
        result.left_out = (*(f"stages.{stage}." for stage in range(depth, len(self.stages))), *self.left_out)
        return result

    def _load_from_state_dict(self, state_dict: dict[str, torch.Tensor], prefix: str, *others: object) -> None:
        for name in [name for name in state_dict if name.startswith(tuple(prefix + left for left in self.left_out))]:
            del state_dict[name]
        super()._load_from_state_dict(state_dict, prefix, *others)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the output of every stage, finest first, for an image ``(B, C, *spatial)``."""
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
