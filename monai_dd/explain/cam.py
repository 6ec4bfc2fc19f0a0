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
"""Class activation maps: gradients of a class's logit times the activations of a layer."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import nn

from monai_dd.explain.base import Explainer, UnsuitedError, choose_class
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import read_logits

__all__ = ["GradCAM", "HiResCAM"]


def _find_layer(network: nn.Module, layer: str) -> nn.Module:
    """A stage of the network's encoder by its name, or any module by its dotted name."""
    encoder = getattr(network, "encoder", network)
    stages = {i.name: s for i, s in zip(getattr(encoder, "feature_info", ()), getattr(encoder, "stages", ()))}
    modules = {name: module for name, module in network.named_modules() if name}
    if layer not in stages and layer not in modules:
        choice = f"one of {list(stages)} or " if stages else ""
        kind = ValueError if stages else UnsuitedError
        raise kind(f"layer: expected {choice}the name of a module of {type(network).__name__}, got {layer!r}")
    return stages[layer] if layer in stages else modules[layer]


class _ActivationMap(Explainer):
    """Activations and gradients of one layer; a subclass says how they become a map.

    The gradient is taken from the layer on, whether weights are frozen or not, and nothing of it stays: weights keep
    their ``grad``, modules their mode, and the hook goes with the call.
    """

    def __init__(self, network: nn.Module, layer: str) -> None:
        self.network = network
        self.layer = layer
        self._module = _find_layer(network, layer)

    @abstractmethod
    def _weigh(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the weight of every activation from the gradients ``(B, C, *S)``."""

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        activation, gradient = self._differentiate(image, class_idx)
        return (self._weigh(gradient) * activation).sum(1, keepdim=True).relu()

    def _differentiate(
        self, image: torch.Tensor, class_idx: int | torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        activations: list[torch.Tensor] = []

        def keep(_module: nn.Module, _inputs: tuple, output: torch.Tensor) -> torch.Tensor:
            if not isinstance(output, torch.Tensor) or output.dim() != image.dim():
                raise ValueError(f"layer: expected one whose output is (B, C, *S), {self.layer!r} gives another")
            activations.append(output.detach().requires_grad_())
            return activations[-1].clone()  # what follows may work in place

        with torch.inference_mode(False), torch.enable_grad(), evaluating(self.network):
            handle = self._module.register_forward_hook(keep)
            try:
                logits = read_logits(self.network(image.clone() if image.is_inference() else image))
            finally:
                handle.remove()
            if len(activations) != 1:
                raise ValueError(f"layer: expected one that runs once, {self.layer!r} runs {len(activations)} times")
            score = logits.gather(1, choose_class(logits, class_idx)[:, None]).sum()
            gradient = torch.autograd.grad(score, activations[0], allow_unused=True)[0] if score.requires_grad else None
        if gradient is None:
            raise ValueError(f"layer: expected one that the logits depend on, got {self.layer!r}")
        return activations[0].detach(), gradient


class GradCAM(_ActivationMap):
    r"""Gradient-weighted class activation map (Selvaraju et al. 2017, Eqs. 1 and 2).

    :math:`\mathrm{relu}\bigl(\sum_c \bar g_c A_c\bigr)` with activations :math:`A` of the layer and gradients
    :math:`g = \partial\,\mathrm{logit} / \partial A`, averaged over the cells to one :math:`\bar g_c` for each channel.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        layer: name of a stage of ``network.encoder``, such as ``block3``, or dotted name of any module.

    Raises:
        ValueError: for an unknown layer; :class:`UnsuitedError` where the encoder names no stages.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), num_classes=2)
        >>> GradCAM(network, "block3")(torch.rand(1, 1, 32, 32), class_idx=1).shape
        torch.Size([1, 1, 8, 8])
    """

    def _weigh(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.flatten(2).mean(2).reshape(*gradient.shape[:2], *[1] * (gradient.dim() - 2))


class HiResCAM(_ActivationMap):
    r"""Class activation map with the gradient of every cell (Draelos and Carin 2020).

    :math:`\mathrm{relu}\bigl(\sum_c g_c \odot A_c\bigr)` as in :class:`GradCAM`, without the average over the cells.
    Where global average pooling and a linear layer follow, both give the same map.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        layer: name of a stage of ``network.encoder``, such as ``block3``, or dotted name of any module.

    Raises:
        ValueError: for an unknown layer; :class:`UnsuitedError` where the encoder names no stages.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), num_classes=2)
        >>> HiResCAM(network, "block3")(torch.rand(1, 1, 32, 32), class_idx=1).shape
        torch.Size([1, 1, 8, 8])
    """

    def _weigh(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient
