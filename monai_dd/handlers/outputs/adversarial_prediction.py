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
"""Predictions of a network on adversarial images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from monai_dd.engines.perturb import Loss, pgd_perturb, unwrap_network
from monai_dd.utils.evaluation import class_scores, evaluating
from monai_dd.utils.outputs import read_logits

__all__ = ["AdversarialPrediction"]


class AdversarialPrediction:
    """Predict again on perturbed images; an ``output_transform`` for MONAI's ``ROCAUC``.

    The area under the curve of these predictions is the robust one, at ``epsilon``; with 0 it is the plain one. The
    attack knows the labels and the weights, and starts from the image: two evaluations are equal.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        loss: what the attack raises, ``loss(output, target)``; usually that of the training.
        epsilon: largest change of a value, in the units of the image.
        value_range: see :func:`fgsm_perturb`.
        steps: 1 for FGSM, more for :func:`pgd_perturb`.
        image_key: image ``(C, *spatial)`` of each item, as the network saw it.
        label_key: label of each item as ``loss`` takes it: zeros and ones ``(K,)``, or a class index.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
        >>> transform = AdversarialPrediction(network, nn.CrossEntropyLoss(), epsilon=0.01)
        >>> prediction, label = transform([{"image": torch.rand(1, 8, 8), "label": torch.tensor(1)}])
        >>> prediction[0].shape, label[0]
        (torch.Size([1]), tensor([1.]))
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        epsilon: float,
        value_range: tuple[float, float] | None = (0.0, 1.0),
        steps: int = 1,
        image_key: str = "image",
        label_key: str = "label",
    ) -> None:
        self.network = network
        self.loss = loss
        self.epsilon = epsilon
        self.value_range = value_range
        self.steps = steps
        self.image_key = image_key
        self.label_key = label_key

    def __call__(self, output: Sequence[dict]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return predictions and labels of the items of ``engine.state.output``.

        Returns:
            for labels of zeros and ones the sigmoid probabilities and the label, each ``(K,)``; for a class index the
            softmax probabilities and the one-hot label, each ``(K,)``, or for two classes those of class 1, each
            ``(1,)``.

        Raises:
            ValueError: for an item without image or label, and for what :func:`pgd_perturb` does not take.
        """
        for key in (self.image_key, self.label_key):
            if any(key not in item for item in output):
                raise ValueError(f"AdversarialPrediction: expected {key!r} in every item of the output")
        network = unwrap_network(self.network)
        device = next(network.parameters()).device
        image, label = (
            torch.stack([torch.as_tensor(item[key]).as_subclass(torch.Tensor) for item in output]).to(device)
            for key in (self.image_key, self.label_key)
        )
        perturbed = pgd_perturb(network, image, label, self.loss, self.epsilon, self.value_range, steps=self.steps)
        with torch.no_grad(), evaluating(network):
            logits = read_logits(network(perturbed)).float()
        if label.shape == logits.shape:
            return list(logits.sigmoid()), list(label.float())
        return class_scores(logits, label.flatten().long(), self.label_key)
