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
"""The attention of a vision transformer's class token as an explanation: its last layer, or all layers rolled out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from monai_dd.explain.base import Explainer, UnsuitedError, choose_class
from monai_dd.networks.nets import ViTClassifier
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import read_levels, read_logits

__all__ = ["ViTAttention"]


class ViTAttention(Explainer):
    r"""Attention of the class token of a :class:`~monai_dd.networks.nets.ViTClassifier` to the patches.

    The map of the last layer is the mean of its heads (Ron et al. 2022, Section 4). Attention rollout (Abnar and
    Zuidema 2020, Section 3) follows the residual connections through all layers: the row of the class token in
    :math:`\prod_{l = L}^{1} \left(\tfrac{1}{2} A_l + \tfrac{1}{2} I\right)`, where :math:`A_l` is the mean of the heads
    of layer :math:`l`. The map is the same for every class. It sums to less than one: the rest is what the token
    attends to in itself.

    Args:
        network: classifier, in either of its forms; it is left as it was.
        rollout: attention rollout instead of the last layer.

    Raises:
        UnsuitedError: for any other network.

    Example:
        >>> network = ViTClassifier(1, 32, 2, hidden_size=24, mlp_dim=48, num_layers=2, num_heads=2)
        >>> ViTAttention(network)(torch.rand(1, 1, 32, 32)).shape
        torch.Size([1, 1, 2, 2])
    """

    def __init__(self, network: ViTClassifier, rollout: bool = False) -> None:
        if not isinstance(network, ViTClassifier):
            raise UnsuitedError(f"network: expected a ViTClassifier, got {type(network).__name__}")
        self.rollout = rollout
        self.network = network.with_attention()

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        with torch.no_grad(), evaluating(self.network):
            if not self.rollout:
                output = self.network(image)
                row = read_levels(output, "phi")[0].exp()
            else:
                with _attention_of_all_layers(self.network) as attention:
                    output = self.network(image)
                row = _roll_out(attention)[:, 1:].reshape(read_levels(output, "phi")[0].shape)
        choose_class(read_logits(output), class_idx)
        return row


@contextmanager
def _attention_of_all_layers(network: ViTClassifier) -> Iterator[list[torch.Tensor]]:
    """Collect the mean of the heads of every layer that runs, ``(B, 1 + N, 1 + N)``, first layer first.

    MONAI's blocks save their attention only when asked to. They are asked, and relieved of it layer by layer, so that
    no more than one layer's heads are in memory.
    """
    units = [block.attn for block in network.encoder.blocks]
    before = [(unit.save_attn, unit.att_mat) for unit in units]
    attention: list[torch.Tensor] = []

    def take(unit: torch.nn.Module, _inputs: tuple, _output: torch.Tensor) -> None:
        attention.append(unit.att_mat.mean(1))
        unit.att_mat = torch.Tensor()

    handles = [unit.register_forward_hook(take) for unit in units]
    try:
        for unit in units:
            unit.save_attn = True
        yield attention
    finally:
        for unit, handle, (save_attn, att_mat) in zip(units, handles, before, strict=True):
            handle.remove()
            unit.save_attn, unit.att_mat = save_attn, att_mat


def _roll_out(attention: list[torch.Tensor]) -> torch.Tensor:
    """Row of the class token in the product of all layers, ``(B, 1 + N)``; a row by matrices, never two matrices."""
    row = torch.zeros_like(attention[-1][:, :1])
    row[..., 0] = 1
    for layer in reversed(attention):
        row = (row @ layer + row) / 2
    return row[:, 0]
