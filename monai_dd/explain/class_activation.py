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
"""The class activation map of a linear layer over global average pooling, from its weights alone."""

from __future__ import annotations

from collections import OrderedDict

import torch
from monai.networks.layers import Pool
from monai.visualize import CAM
from torch import nn

from monai_dd.explain.base import Explainer, UnsuitedError, choose_class
from monai_dd.networks.nets import AttentionClassifier
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import read_logits

__all__ = ["ClassActivationMap"]


class ClassActivationMap(Explainer):
    r"""Class activation map (Zhou et al. 2016, Eq. 2): what each cell adds to the logit of a class.

    :math:`M_k = \sum_c w_{kc} A_c` with the features :math:`A` that global average pooling reads and the weights
    :math:`w` of the linear layer that follows. The bias is left out, as in the paper: the mean of :math:`M_k` over the
    cells, plus the bias, is the logit.

    Cells may speak against a class, and for a finding that the network misses all of them do. By default a map with
    negative values is raised by its minimum, which leaves differences and the order of the cells as they are: a map
    that is scaled by its minimum and maximum and then thresholded, as for localization (Khakzar et al. 2019, Section
    3.3), is that of :math:`M_k` itself. Shares of mass need ``relu`` instead: what speaks against the class becomes
    zero, as in :class:`GradCAM`, of which the map then is a multiple, and every threshold of the scaled map means
    something else.

    MONAI's ``CAM`` computes; its postprocessing, which turns the map upside down, and its upsampling are not used.

    Args:
        network: :class:`~monai_dd.networks.nets.AttentionClassifier` with ``readout="pool"``, in either of its forms,
            with or without gates.
        relu: zero where a cell speaks against the class, instead of raising the map.

    Raises:
        ValueError: for any other network.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), num_classes=2)
        >>> ClassActivationMap(network)(torch.rand(1, 1, 32, 32), class_idx=1).shape
        torch.Size([1, 1, 2, 2])
    """

    def __init__(self, network: AttentionClassifier, relu: bool = False) -> None:
        if not isinstance(network, AttentionClassifier) or network.pools_with_attention:
            kind = type(network).__name__
            came = f"{kind} with readout 'attention'" if isinstance(network, AttentionClassifier) else kind
            raise UnsuitedError(
                f"network: expected an AttentionClassifier with readout 'pool', a linear layer over global average "
                f"pooling, got {came}"
            )
        self.network = network
        self.relu = relu

    @torch.no_grad()
    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        features, logits = self._run(image)
        tail = _tail(features, next(iter(self.network.heads.values())))
        values = CAM(tail, "features", "head").compute_map(features, choose_class(logits, class_idx))
        if self.relu:
            return values.relu()
        lowest = values.flatten(1).amin(1).clamp(max=0)
        return values - lowest.reshape(-1, *[1] * (values.dim() - 1))

    def _run(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the pooling reads, ``(B, C, *S)``, and the logits."""
        kept: list[torch.Tensor] = []

        def keep(_unit: nn.Module, _inputs: tuple, output: tuple[torch.Tensor, torch.Tensor]) -> None:
            kept.append(output[0])

        handle = self.network.units[-1].register_forward_hook(keep)
        try:
            with evaluating(self.network):
                logits = read_logits(self.network(image.clone()))  # the first layer may work in place
        finally:
            handle.remove()
        return kept[0], logits


def _tail(features: torch.Tensor, head: nn.Linear) -> nn.Sequential:
    """The network from its last features on, without the bias, for MONAI, whose hooks stay where it puts them."""
    linear = nn.Linear(head.in_features, head.out_features, bias=False, device="meta")
    linear.weight = nn.Parameter(head.weight.detach().to(features.dtype), requires_grad=False)
    pool = Pool["ADAPTIVEAVG", features.dim() - 2](1)
    return nn.Sequential(OrderedDict(features=nn.Identity(), pool=pool, flatten=nn.Flatten(), head=linear))
