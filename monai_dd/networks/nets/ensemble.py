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
"""Several networks, and mirror images, as one network whose explanation is that of all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations
from typing import Dict, List

import torch
from torch import nn

from monai_dd.networks.nets.base import AttentionNetwork

__all__ = ["AttentionEnsemble"]


class AttentionEnsemble(AttentionNetwork):
    r"""Mean of the logits of several networks, each on the image and its mirror images.

    Everything in the dictionary is a mean, too, with maps mirrored back, so what holds for the members holds for the
    ensemble: contributions and the mean of the biases sum to the logits, and as the constraint of the consistency
    program is linear, the means of consistent maps are consistent. Logarithms ``log_*`` are those of mean
    probabilities. Of networks with a map for each class, ``log_mu_*`` is that of the class that the ensemble predicts,
    and ``phi_*`` and ``log_tau_*`` are the same.

    Args:
        networks: one network or more of the same classes and levels, such as three seeds; they are left as they are.
        flip_axes: spatial axes to mirror, 0 for rows; both sides of each, and of all combinations, are averaged. For
            networks that were trained on images mirrored along them.
        return_attention: return the dictionary; fixed at construction.
        return_contribution: with ``contribution_*``.

    Raises:
        ValueError: without a network, for networks of other levels, or for axes that are not 0 to 2, each once.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import EvidenceClassifier
        >>> seeds = [EvidenceClassifier(UNetEncoder(2, 1, features=2), 2, ["block3", "block4"]) for _ in range(2)]
        >>> ensemble = AttentionEnsemble(seeds, flip_axes=[1]).eval()
        >>> image = torch.rand(1, 1, 32, 32)
        >>> bool(torch.allclose(ensemble(image), ensemble(image.flip(3)), atol=1e-6))
        True
    """

    def __init__(
        self,
        networks: Sequence[AttentionNetwork],
        flip_axes: Sequence[int] = (),
        return_attention: bool = False,
        return_contribution: bool = False,
    ) -> None:
        members = list(networks)
        if not members:
            raise ValueError("networks: expected one or more, got none")
        if len(set(flip_axes)) != len(flip_axes) or not set(flip_axes) <= {0, 1, 2}:
            raise ValueError(f"flip_axes: expected spatial axes, 0 to 2, each once, got {list(flip_axes)}")
        num_classes = members[0].num_classes
        super().__init__(num_classes, return_attention, return_contribution)
        if any(m.attend != members[0].attend or m.num_classes != num_classes for m in members):
            got = [(m.num_classes, list(m.attend)) for m in members]
            raise ValueError(f"networks: expected networks of the same classes and levels, got {got}")
        # a flag for each of three axes, as TorchScript cannot read the type of an empty list
        self.views = [[int(axis in view) for axis in range(3)] for view in _subsets(flip_axes)]
        self.attend = members[0].attend
        self.adds_up = all(m.adds_up for m in members)
        self.levels_summed = members[0].levels_summed
        self.members = nn.ModuleList(members)
        self._set_form()

    def _set_form(self) -> None:
        members = list(self.members)
        if self.return_attention:
            members = [m.with_attention(self.return_contribution) for m in members]
        self._modules = {**self._modules, "members": nn.ModuleList(members)}

    def with_attention(self, contribution: bool = False) -> AttentionEnsemble:
        """Return the form of this ensemble that returns the dictionary, of the same parameters."""
        network = super().with_attention(contribution)
        network._set_form()
        return network

    def forward(self, x: torch.Tensor):
        """Return mean logits ``(B, K)``, or the dictionary of means, for an image ``(B, C, *spatial)``."""
        count = float(len(self.members) * len(self.views))
        if not self.return_attention:
            total = torch.zeros(1, device=x.device)
            for network in self.members:
                for view in self.views:
                    total = total + network(_flip(x, view))
            return total / count
        sums: Dict[str, torch.Tensor] = {}
        for network in self.members:
            for view in self.views:
                output = network(_flip(x, view))
                for key, value in output.items():
                    value = value.exp() if "log_" in key else value
                    value = _flip(value, view) if value.dim() > 2 else value
                    sums[key] = sums[key] + value if key in sums else value
        result: Dict[str, torch.Tensor] = {}
        for key, value in sums.items():
            result[key] = (value / count).log() if "log_" in key else value / count
        chosen = result["logits"].argmax(1)
        for key in list(result.keys()):
            if key.startswith("class_log_mu_"):
                level = key[len("class_log_mu_") :]
                of_chosen = result[key][torch.arange(x.shape[0], device=x.device), chosen].unsqueeze(1)
                for prefix in ("phi_", "log_tau_", "log_mu_"):
                    result[prefix + level] = of_chosen
        return result


def _subsets(axes: Sequence[int]) -> list[tuple[int, ...]]:
    """All selections of axes, the empty one first."""
    return list(chain(*(combinations(axes, count) for count in range(len(axes) + 1))))


def _flip(x: torch.Tensor, view: List[int]) -> torch.Tensor:
    dims: List[int] = []
    for axis, flag in enumerate(view):
        if flag == 1:
            dims.append(axis + 2)
    return torch.flip(x, dims)
