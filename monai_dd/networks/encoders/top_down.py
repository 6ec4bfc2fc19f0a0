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
"""A top-down path through the stages of an encoder, to the levels that need the context."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.blocks import Convolution
from monai.utils import ensure_tuple
from torch import nn
from torch.nn.functional import interpolate

from monai_dd.networks.encoders.base import Encoder, FeatureInfo
from monai_dd.utils.checks import check_option

__all__ = ["TopDownEncoder"]


class TopDownEncoder(Encoder):
    """Feature pyramid (Lin et al. 2017, Section 3) over an encoder, whose levels need not all be part of it.

    Levels in ``context`` get the top-down path: a 1x1 convolution of each stage from the deepest to the finest of them,
    added to the sum from above, which is enlarged by nearest neighbor, and a 3x3 convolution. The other levels get a
    1x1 convolution of their stage alone: such a level sees no more than the receptive field of its stage, so it keeps
    to what is local, where a level with context knows what is around. Batch normalization and ReLU end both.

    Args:
        encoder: its stages; it is left as it is.
        levels: names of the stages that become levels.
        context: those of ``levels`` that the top-down path reaches, all by default; none for no such path.
        channels: of every level.

    Attributes:
        encoder: the encoder below, without stages that are not read.
        stages: what ends each level, finest first; not a sequence to run one after the other.
        feature_info: name, channels and stride of each level.

    Raises:
        ValueError: for names that are no stages, no level, a level twice, or channels that are not positive.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> below = UNetEncoder(2, 1, features=4)
        >>> encoder = TopDownEncoder(below, ["block2", "block4"], context=["block4"], channels=8)
        >>> [tuple(features.shape[1:]) for features in encoder(torch.zeros(1, 1, 32, 32))]
        [(8, 16, 16), (8, 4, 4)]
    """

    sequential = False

    def __init__(
        self,
        encoder: Encoder,
        levels: Sequence[str] | str,
        context: Sequence[str] | str | None = None,
        channels: int = 96,
    ) -> None:
        super().__init__(encoder.spatial_dims, channels=channels)
        names = [info.name for info in encoder.feature_info]
        chosen = [check_option("levels", name, names) for name in ensure_tuple(levels)]
        if not chosen or len(set(chosen)) != len(chosen):
            raise ValueError(f"levels: expected one stage or more, each once, got {chosen}")
        reached = chosen if context is None else [check_option("context", n, chosen) for n in ensure_tuple(context)]
        places = sorted(names.index(name) for name in chosen)
        depth = len(names) if reached else places[-1] + 1
        self.finest = min([names.index(name) for name in reached], default=depth)
        self.encoder = encoder.first(depth)
        infos = self.encoder.feature_info
        self.places = places
        self.reached = [names[place] in reached for place in places]
        self.laterals = nn.ModuleList(
            Convolution(self.spatial_dims, info.channels, channels, kernel_size=1, conv_only=True)
            for info in infos[self.finest :]
        )
        self.stages = nn.ModuleList(
            Convolution(
                self.spatial_dims,
                channels if top_down else infos[place].channels,
                channels,
                kernel_size=3 if top_down else 1,
                act="RELU",
                norm="BATCH",
                bias=False,
            )
            for place, top_down in zip(places, self.reached, strict=True)
        )
        self.feature_info = [FeatureInfo(names[place], channels, infos[place].stride) for place in places]

    def first(self, depth: int) -> Encoder:
        """Return this encoder; ``depth`` is the number of its levels, of which none can be left out.

        Raises:
            ValueError: for another number.
        """
        if depth != len(self.stages):
            raise ValueError(f"levels: expected no level after the last attended one, got {len(self.stages) - depth}")
        return self

    def freeze(self, stages: int) -> Encoder:
        """Freeze the first stages of the encoder below, see :meth:`Encoder.freeze`."""
        self.encoder.freeze(stages)
        return self

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return every level, finest first, for an image ``(B, C, *spatial)``."""
        below = self.encoder(x)
        sums = list(below)
        for step, lateral in enumerate(self.laterals):
            sums[self.finest + step] = lateral(below[self.finest + step])
        for place in range(len(sums) - 2, self.finest - 1, -1):
            sums[place] = sums[place] + interpolate(sums[place + 1], size=sums[place].shape[2:], mode="nearest")
        result: list[torch.Tensor] = []
        for level, stage in enumerate(self.stages):
            place = self.places[level]
            result.append(stage(sums[place] if self.reached[level] else below[place]))
        return result
