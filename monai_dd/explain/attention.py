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
"""The attention that a classifier computes with, as its explanation."""

from __future__ import annotations

import torch

from monai_dd.explain.base import Explainer, UnsuitedError, choose_class
from monai_dd.networks.layers import consistent_attention
from monai_dd.networks.nets import AttentionClassifier
from monai_dd.utils.checks import check_option
from monai_dd.utils.enums import Consistency
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import level_names, read_levels, read_logits

__all__ = ["AttentionExplainer", "attended_levels", "check_levels_differ"]


def attended_levels(network: AttentionClassifier) -> list[str]:
    """Names of the maps of a network, finest first: ``fine``, ``level1``, ..., ``coarse``.

    A network with one attended stage gives its map under both names.

    Raises:
        UnsuitedError: for a network without attention.
    """
    if not getattr(network, "attend", ()):
        kind = type(network).__name__
        raise UnsuitedError(f"network: expected an AttentionClassifier with attended stages, got {kind} without")
    return level_names(len(network.attend))


def check_levels_differ(network: AttentionClassifier) -> None:
    """Refuse a network whose maps need not be made consistent.

    Raises:
        UnsuitedError: for one attended stage, or ``consistency="exact"``, whose levels agree already.
    """
    if len(network.attend) < 2:
        raise UnsuitedError(f"network: expected two attended stages or more to make consistent, got {network.attend}")
    if network.consistency == Consistency.EXACT:
        raise UnsuitedError("network: expected levels to make consistent, those of consistency 'exact' agree already")


class AttentionExplainer(Explainer):
    r"""Attention :math:`\mu` of one level of an :class:`~monai_dd.networks.nets.AttentionClassifier` (Ron et al. 2022).

    The map is the same for every class.

    Args:
        network: classifier with attended stages, in either of its forms.
        level: ``fine``, ``coarse``, or ``level1``, ``level2``, ... between them.
        consistent: make the levels agree after the fact, by the closed form of Eq. 4 on the network's potentials.

    Raises:
        UnsuitedError: for a network without attention, or one whose levels need not be made consistent.
        ValueError: for a level that it does not have.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), 2, ["block3", "block4"], "attention", "exact")
        >>> relevance = AttentionExplainer(network, "fine")(torch.rand(1, 1, 32, 32))
        >>> relevance.shape, round(float(relevance.sum()), 4)
        (torch.Size([1, 1, 8, 8]), 1.0)
    """

    def __init__(self, network: AttentionClassifier, level: str = "fine", consistent: bool = False) -> None:
        self.levels = attended_levels(network)
        self.level = check_option("level", level, self.levels)
        if consistent:
            check_levels_differ(network)
        self.consistent = consistent
        self.network = network.with_attention()

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        with torch.no_grad(), evaluating(self.network):
            output = self.network(image)
        chosen = choose_class(read_logits(output), class_idx)
        if "class_log_mu_fine" in output:  # a map for each class: potentials of all but the predicted one are not there
            every = read_levels(output, "class_log_mu")
            index = torch.arange(len(chosen), device=chosen.device)
            log_mu = potentials = [m[index, chosen].unsqueeze(1) for m in every]
        else:
            log_mu, potentials = read_levels(output, "log_mu"), read_levels(output, "phi")
        if self.consistent:
            log_mu = consistent_attention(potentials).log_mu
        return log_mu[self.levels.index(self.level)].exp()
