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
"""What networks whose attention is their explanation have in common."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn

__all__ = ["AttentionNetwork"]

Network = TypeVar("Network", bound="AttentionNetwork")


class AttentionNetwork(nn.Module):
    """Classifier with two forms: one returns logits ``(B, K)``, the other a dictionary that holds the attention, too.

    The form is fixed at construction and never depends on the mode, so that both script and export. The keys of the
    dictionary are in :mod:`monai_dd.utils.outputs`.

    With ``return_contribution`` the dictionary has ``contribution_*``, too: what each cell of a level adds to each
    logit, ``(B, K, *spatial)``. Where logits are a sum over cells they are that sum plus a bias, exactly in evaluation
    mode: the sum over the cells of all levels (of the one level, of a network with a single one).

    Args:
        num_classes: number of classes ``K``.
        return_attention: return the dictionary.
        return_contribution: put contributions into it.

    Attributes:
        attend: names of the stages that carry an attention unit; empty where none does.
        num_classes: ``K``.
        levels_summed: levels that add to the logits.
        adds_up: whether the logits are a sum over cells, so that there are contributions.

    Raises:
        ValueError: for fewer than one class, or contributions without the dictionary.

    Example:
        >>> import torch
        >>> from monai_dd.networks.nets import ViTClassifier
        >>> network = ViTClassifier(1, 32, 2, hidden_size=24, mlp_dim=48, num_layers=2, num_heads=2)
        >>> network(torch.zeros(1, 1, 32, 32)).shape
        torch.Size([1, 2])
        >>> sorted(network.with_attention()(torch.zeros(1, 1, 32, 32)))[:2]
        ['log_mu_coarse', 'log_mu_fine']
    """

    __constants__ = ["return_attention", "return_contribution"]

    def __init__(self, num_classes: int, return_attention: bool, return_contribution: bool = False) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes: expected 1 or more, got {num_classes}")
        if return_contribution and not return_attention:
            raise ValueError("return_contribution: expected return_attention=True with it, got False")
        self.attend: list[str] | tuple[()] = ()
        self.num_classes = num_classes
        self.levels_summed = 1
        self.adds_up = True
        self.return_attention = return_attention
        self.return_contribution = return_contribution

    def with_attention(self: Network, contribution: bool = False) -> Network:
        """Return the form of this network that returns the dictionary; both share all modules and parameters.

        Only the flag ``training`` of the outermost module is each one's own, which nothing here reads.

        Args:
            contribution: with the contributions.

        Raises:
            ValueError: for contributions of a network whose logits are no sum over cells.
        """
        if contribution and not self.adds_up:
            kind = type(self).__name__
            raise ValueError(f"contribution: expected a network whose logits are a sum over cells, got a {kind}")
        network = copy.copy(self)
        network.return_attention = True
        network.return_contribution = contribution
        return network
