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
"""What a network says of an image as its pixels are removed in the order of a map."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from monai_dd.metrics import perturb_logits
from monai_dd.metrics.areas import check_fractions
from monai_dd.metrics.perturbation import ORDERS
from monai_dd.utils.checks import check_option

__all__ = ["PerturbedPrediction"]


class PerturbedPrediction:
    """Predict again at each fraction of removed pixels; an ``output_transform`` for the handlers of the curves.

    Give :class:`PerturbationAUC` and :class:`InsertionAUC` the ascending order, :class:`DeletionAUC` the descending
    one, and the handler the same fractions.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        fractions: of removed pixels, ``F`` increasing numbers from 0 to 1.
        order: ``ascending`` removes the least important pixels first, ``descending`` the most important ones.
        fill: what takes the place of a pixel: a number, or a function that makes it from the images
            ``(B, C, *spatial)``, such as :func:`monai_dd.metrics.blur_image`.
        image_key: image ``(C, *spatial)`` of each item, as the network saw it.
        map_key: map ``(1, *S)`` of each item.
        label_key: class index.
        batch_size: images in one pass of the network.
        seed: of the order among equal values of a map.

    Raises:
        ValueError: for an unknown order or other fractions.
    """

    def __init__(
        self,
        network: nn.Module,
        fractions: Sequence[float],
        order: str = "ascending",
        fill: float | Callable[[torch.Tensor], torch.Tensor] = 0.0,
        image_key: str = "image",
        map_key: str = "attention_fine",
        label_key: str = "label",
        batch_size: int = 16,
        seed: int = 0,
    ) -> None:
        self.network = network
        self.fractions = check_fractions(fractions).tolist()
        self.order = check_option("order", order, ORDERS)
        self.fill = fill
        self.image_key = image_key
        self.map_key = map_key
        self.label_key = label_key
        self.batch_size = batch_size
        self.seed = seed

    def __call__(self, output: Sequence[dict]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return logits ``(F, K)`` and labels ``(1,)`` of the items of ``engine.state.output``.

        Raises:
            ValueError: for an item without image, map or label, and see :func:`monai_dd.metrics.perturb_logits`.
        """
        for key in (self.image_key, self.map_key, self.label_key):
            if any(key not in item for item in output):
                raise ValueError(f"PerturbedPrediction: expected {key!r} in every item of the output")
        device = next(self.network.parameters()).device
        image, relevance = (
            torch.stack([item[key].as_subclass(torch.Tensor) for item in output]).to(device)
            for key in (self.image_key, self.map_key)
        )
        fill = self.fill(image) if callable(self.fill) else self.fill
        logits = perturb_logits(
            self.network, image, relevance, self.fractions, self.order, fill, self.batch_size, self.seed
        )
        return list(logits), [torch.tensor([int(item[self.label_key])]) for item in output]
