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
"""What each cell adds to the logit of a class: an explanation that adds up."""

from __future__ import annotations

import torch

from monai_dd.explain.base import Explainer, UnsuitedError, choose_class
from monai_dd.networks.layers import contrast, sum_levels
from monai_dd.networks.nets.base import AttentionNetwork
from monai_dd.utils.checks import check_option
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import level_names, read_levels, read_logits

__all__ = ["Contribution", "contribution_levels"]


def contribution_levels(network: AttentionNetwork) -> list[str]:
    """Names of the levels whose contributions a network sums, finest first; none where it has a single map.

    Raises:
        UnsuitedError: for a network whose logits are no sum over cells.
    """
    if not isinstance(network, AttentionNetwork) or not network.adds_up:
        kind = type(network).__name__
        raise UnsuitedError(f"network: expected one whose logits are a sum over cells, got {kind}")
    return level_names(network.levels_summed) if network.levels_summed > 1 else []


class Contribution(Explainer):
    r"""Contribution of each cell to the logit of a class.

    With the attention readout the logits are a sum over cells, :math:`z_k = b_k + \sum_\mathrm{level} \sum_i \mu_i
    \langle w_k, v_i \rangle`, and with the pool readout :math:`z_k = b_k + \sum_i \langle w_k, v_i \rangle / n`, which
    is the class activation map (Zhou et al. 2016, Eq. 2) as shares of the logit. The decision of a
    :class:`~monai_dd.networks.nets.PatchClassifier` is such a sum, too (Shi et al. 2021, Eq. 5d). Nothing is
    approximated, nothing is propagated: the map, with its sign, and the biases sum to the logit.

    Args:
        network: classifier in either of its forms, see :func:`contribution_levels`.
        level: name of one level, or None for the sum of all on the grid of the finest.
        contrasted: of :math:`w_k` less the mean of the other classes, as softmax compares; else those to the
            logit alone, as for images with any number of labels.
        signed: with what speaks against the class as negative values, for figures; else it is zero.

    Raises:
        UnsuitedError: for a network whose logits are no sum over cells.
        ValueError: for a level that it does not have.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), 2, ["block3", "block4"], "attention", "exact")
        >>> image = torch.rand(1, 1, 32, 32)
        >>> relevance = Contribution(network, contrasted=False, signed=True)(image, class_idx=1)
        >>> bias = sum(head.bias[1] for head in network.heads.values())
        >>> bool(torch.allclose(relevance.sum() + bias, network.eval()(image)[0, 1], atol=1e-6))
        True
    """

    def __init__(
        self, network: AttentionNetwork, level: str | None = None, contrasted: bool = True, signed: bool = False
    ) -> None:
        self.levels = contribution_levels(network)
        self.level = None if level is None else check_option("level", level, self.levels)
        self.contrasted = contrasted
        self.signed = signed
        self.network = network.with_attention(contribution=True)

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        with torch.no_grad(), evaluating(self.network):
            output = self.network(image)
        chosen = choose_class(read_logits(output), class_idx)
        maps = read_levels(output, "contribution")
        if self.level is not None:
            values = maps[self.levels.index(self.level)]
        else:
            values = sum_levels(maps) if self.levels else maps[0]
        values = contrast(values) if self.contrasted else values
        of_class = values[torch.arange(len(values), device=values.device), chosen][:, None]
        return of_class if self.signed else of_class.relu()
