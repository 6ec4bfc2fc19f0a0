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
"""The gradient of a class's logit with respect to the image, as a map."""

from __future__ import annotations

import torch
from torch import nn

from monai_dd.explain.base import Explainer, choose_class
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import read_logits

__all__ = ["Saliency", "saliency_map"]


def saliency_map(gradient: torch.Tensor, deviations: float | None = 3.0) -> torch.Tensor:
    r"""Turn the gradient :math:`g` of a logit into a map (Simonyan et al. 2013, Section 3.1).

    :math:`\max_c |g_c|` over the channels. Before, the gradient of each image is clipped at some of its standard
    deviations around its mean, and the map is divided by its maximum afterwards (Khakzar et al. 2019, Section 4.2), so
    that a few steep pixels do not leave the others dark. Zero stays zero.

    Args:
        gradient: ``(B, C, *spatial)``.
        deviations: standard deviations at which to clip; None for neither clipping nor scaling.

    Returns:
        map ``(B, 1, *spatial)``, 0 to 1; in units of the logit per unit of the image when ``deviations`` is None.

    Example:
        >>> saliency_map(torch.tensor([[[[1.0, -2.0], [3.0, 0.0]]]]))
        tensor([[[[0.3333, 0.6667],
                  [1.0000, 0.0000]]]])
    """
    if deviations is None:
        return gradient.abs().amax(1, keepdim=True)
    flat = gradient.flatten(1)
    mean, reach = flat.mean(1, keepdim=True), deviations * flat.std(1, keepdim=True, correction=0)
    clipped = flat.clamp(mean - reach, mean + reach).reshape(gradient.shape).abs().amax(1, keepdim=True)
    top = clipped.flatten(1).amax(1).reshape(-1, *[1] * (gradient.dim() - 1))
    return torch.where(top > 0, clipped / top, 0.0)


class Saliency(Explainer):
    r"""Magnitude of the gradient of a class's logit with respect to the image (Simonyan et al. 2013, Section 3.1).

    Serves every network. The map is at the resolution of the image; how a gradient becomes one, :func:`saliency_map`
    says. Nothing of the gradient stays: weights keep their ``grad``, and modules their mode. That, and many images at
    once, is why MONAI's ``VanillaGrad`` is not used, which gives the same gradient.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        deviations: see :func:`saliency_map`.
        batch_size: images computed at once.

    Raises:
        ValueError: for deviations or a batch size that are not positive, or, on call, logits that do not depend on the
            image.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), num_classes=2)
        >>> Saliency(network)(torch.rand(1, 1, 32, 32), class_idx=1).shape
        torch.Size([1, 1, 32, 32])
    """

    def __init__(self, network: nn.Module, deviations: float | None = 3.0, batch_size: int = 16) -> None:
        if deviations is not None and not deviations > 0:
            raise ValueError(f"deviations: expected a positive number or None, got {deviations}")
        if batch_size < 1:
            raise ValueError(f"batch_size: expected 1 or more, got {batch_size}")
        self.network = network
        self.deviations = deviations
        self.batch_size = batch_size

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        with torch.inference_mode(False), torch.enable_grad(), evaluating(self.network):
            image = image.clone() if image.is_inference() else image
            with torch.no_grad():
                logits = torch.cat([self._logits(part) for part in image.split(self.batch_size)])
            chosen = choose_class(logits, class_idx).split(self.batch_size)
            parts = zip(image.split(self.batch_size), chosen, strict=True)
            return saliency_map(torch.cat([self._differentiate(x, k) for x, k in parts]), self.deviations)

    def _logits(self, image: torch.Tensor) -> torch.Tensor:
        return read_logits(self.network(image.clone()))  # the network's first layer may work in place

    def _differentiate(self, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        image = image.clone().requires_grad_()
        score = self._logits(image).gather(1, target[:, None]).sum()
        gradient = torch.autograd.grad(score, image, allow_unused=True)[0] if score.requires_grad else None
        if gradient is None:
            kind = type(self.network).__name__
            raise ValueError(f"network: expected logits that depend on the image, those of {kind} do not")
        return gradient
