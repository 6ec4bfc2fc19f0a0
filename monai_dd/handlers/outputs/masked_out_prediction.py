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
"""Predictions of a network with the region that the label is about masked out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from monai_dd.transforms.hemisphere.blank import FILLS, blank_region
from monai_dd.utils.checks import check_option
from monai_dd.utils.evaluation import class_scores, evaluating
from monai_dd.utils.outputs import read_logits

__all__ = ["MaskedOutPrediction"]


class MaskedOutPrediction:
    """Predict again with the region masked out; an ``output_transform`` for MONAI's ``ROCAUC``.

    The area under the curve of these predictions measures how much of the label can be told without the region. A
    filled region is visible itself: mask out the same place in both classes (:class:`MirrorRegiond` makes such
    regions), or the curve measures the hole. Every item counts, those without a region as they are.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        image_key: image ``(C, H, W)`` of each item, as the network saw it.
        region_key: region ``(1, H, W)``, positive inside.
        label_key: class index.
        fill: what the region is filled with, see :func:`monai_dd.transforms.hemisphere.blank.blank_region`.
        threshold: of the foreground, see there.

    Raises:
        ValueError: for an unknown ``fill``.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
        >>> item = {"image": torch.rand(1, 8, 8), "region": torch.ones(1, 8, 8), "label": 1}
        >>> prediction, label = MaskedOutPrediction(network)([item])
        >>> prediction[0].shape, label[0]
        (torch.Size([1]), tensor([1.]))
    """

    def __init__(
        self,
        network: nn.Module,
        image_key: str = "image",
        region_key: str = "region",
        label_key: str = "label",
        fill: str = "mean",
        threshold: float = 0.0,
    ) -> None:
        self.network = network
        self.image_key = image_key
        self.region_key = region_key
        self.label_key = label_key
        self.fill = check_option("fill", fill, FILLS)
        self.threshold = threshold

    def __call__(self, output: Sequence[dict]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return predictions and labels of the items of ``engine.state.output``.

        Returns:
            for two classes the probability of class 1 and the label, each ``(1,)``, so that every average of ``ROCAUC``
            gives the one number there is; for more the probabilities and the one-hot label, each ``(K,)``.

        Raises:
            ValueError: for an item without image, region or label, or a label that is no class of the network.
        """
        for key in (self.image_key, self.region_key, self.label_key):
            if any(key not in item for item in output):
                raise ValueError(f"MaskedOutPrediction: expected {key!r} in every item of the output")
        device = next(self.network.parameters()).device
        image = torch.stack([item[self.image_key].as_subclass(torch.Tensor) for item in output]).to(device)
        region = torch.stack([item[self.region_key].as_subclass(torch.Tensor) for item in output]).to(device)
        with torch.no_grad(), evaluating(self.network):
            logits = read_logits(self.network(blank_region(image, region, self.fill, self.threshold)))
        label = torch.tensor([int(item[self.label_key]) for item in output], device=device)
        return class_scores(logits, label, self.label_key)
