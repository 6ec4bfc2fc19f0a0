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
"""A classifier whose attention is the evidence that it sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import List

import torch
from monai.utils import ensure_tuple
from torch import nn

from monai_dd.networks.blocks import EvidenceGate, box_smooth
from monai_dd.networks.encoders import Encoder
from monai_dd.networks.layers import cell_contributions, consistent_attention, contrast, spatial_log_softmax
from monai_dd.networks.nets.base import AttentionNetwork
from monai_dd.utils.checks import check_option
from monai_dd.utils.enums import Consistency, Readout
from monai_dd.utils.outputs import make_output

__all__ = ["EvidenceClassifier"]


class EvidenceClassifier(AttentionNetwork):
    r"""Classifier that sums the evidence of cells, and attends the cells by their evidence.

    Every level has a linear layer, :math:`e_{ki} = \mathrm{smooth}\langle w_k, v_i \rangle` is the evidence of cell
    :math:`i` for class :math:`k`, and :math:`\mathrm{logit}_k = \sum_\mathrm{level} (b_k + \sum_i \mu_i e_{ki})`. The
    potential is the evidence, too, :math:`\phi_i = a\,(e_{1i} - e_{0i})`, see
    :class:`~monai_dd.networks.blocks.EvidenceGate`: attention, contribution and class cannot disagree. The consistency
    program of Ron et al. (2022, Eq. 4) makes the levels one map.

    With two classes there is one potential, of class 1 against class 0. With more, or when ``contrasted`` is off, every
    class has its own, against the mean of the others, with its own attention and its own program; what the dictionary
    holds as ``phi_*``, ``log_tau_*`` and ``log_mu_*`` is of the predicted class, and ``class_log_mu_*`` has the maps of
    all, ``(B, K, *spatial)``.

    ``readout="attention"`` pools by that attention, ``readout="pool"`` by the mean over the cells: attention and
    program then explain the network and change nothing in it.

    Args:
        encoder: its stages, see :mod:`monai_dd.networks.encoders`; it is left as it is.
        num_classes: number of classes ``K``.
        attend: names of the stages that are levels.
        readout: ``pool`` or ``attention``.
        consistency: ``none`` or ``exact``; the latter needs two or more levels.
        init_scale: start of :math:`a`: one number, or one for each level, finest first. With the pool readout it stays.
        max_scale: limit of :math:`a`, see :class:`~monai_dd.networks.blocks.EvidenceGate`.
        smoothing: box filters on the evidence, see :func:`~monai_dd.networks.blocks.box_smooth`: one number, or one for
            each level, finest first. As they are linear, it is the features that are smoothed.
        contrasted: compare the evidence for a class with that for the others, as softmax does; off for images with
            any number of labels.
        dropout: dropout of the channels of the features.
        return_attention: return the dictionary; fixed at construction.
        return_contribution: with ``contribution_*``, :math:`\mu_i e_{ki}` of every level.

    Raises:
        ValueError: unknown stages or options, or options that contradict one another.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> encoder = UNetEncoder(spatial_dims=2, in_channels=1, features=4)
        >>> network = EvidenceClassifier(encoder, num_classes=2, attend=["block3", "block4"])
        >>> network(torch.zeros(1, 1, 64, 64)).shape
        torch.Size([1, 2])
        >>> output = network.with_attention()(torch.zeros(1, 1, 64, 64))
        >>> output["log_mu_fine"].shape, output["log_mu_coarse"].shape
        (torch.Size([1, 1, 16, 16]), torch.Size([1, 1, 8, 8]))
    """

    __constants__ = [
        "pools_with_attention",
        "consistency",
        "one_map",
        "contrasted",
        "places",
        "return_attention",
        "return_contribution",
    ]

    def __init__(
        self,
        encoder: Encoder,
        num_classes: int,
        attend: Sequence[str] | str,
        readout: str = Readout.POOL,
        consistency: str = Consistency.EXACT,
        init_scale: Sequence[float] | float = 0.1,
        max_scale: float | None = None,
        smoothing: Sequence[int] | int = 0,
        contrasted: bool = True,
        dropout: float = 0.0,
        return_attention: bool = False,
        return_contribution: bool = False,
    ) -> None:
        super().__init__(num_classes, return_attention, return_contribution)
        names = [info.name for info in encoder.feature_info]
        chosen = [check_option("attend", name, names) for name in ensure_tuple(attend)]
        if not chosen or len(set(chosen)) != len(chosen):
            raise ValueError(f"attend: expected one stage or more, each once, got {chosen}")
        self.attend = [name for name in names if name in chosen]
        self.pools_with_attention = check_option("readout", readout, Readout) == "attention"
        self.consistency = check_option("consistency", consistency, (Consistency.NONE, Consistency.EXACT))
        if self.consistency == "exact" and len(chosen) < 2:
            raise ValueError(f"consistency: 'exact' expected two or more stages in attend, got {chosen}")
        self.contrasted = contrasted
        self.one_map = num_classes == 1 or (num_classes == 2 and contrasted)
        scales = _for_each_level("init_scale", init_scale, len(chosen))
        self.smoothing = [int(times) for times in _for_each_level("smoothing", smoothing, len(chosen))]
        if min(self.smoothing) < 0:
            raise ValueError(f"smoothing: expected 0 or more box filters, got {self.smoothing}")

        self.encoder = encoder.first(names.index(self.attend[-1]) + 1)
        infos = [info for info in self.encoder.feature_info if info.name in chosen]
        self.places = [names.index(info.name) for info in infos]
        self.gates = nn.ModuleList(
            EvidenceGate(scale, max_scale, learned=self.pools_with_attention) for scale in scales
        )
        self.dropout = nn.Dropout(dropout)
        self.levels_summed = len(infos)
        self.heads = nn.ModuleDict({info.name: nn.Linear(info.channels, num_classes) for info in infos})

    def forward(self, x: torch.Tensor):
        """Return logits ``(B, K)``, or the dictionary of the class's description, for an image ``(B, C, *spatial)``."""
        features = self.encoder(x)
        evidences: List[torch.Tensor] = []
        potentials: List[torch.Tensor] = []
        for level, (head, gate) in enumerate(zip(self.heads.values(), self.gates)):
            v = features[self.places[level]]
            kept = self.dropout(torch.ones_like(v.flatten(2)[:, :, :1])).reshape(v.shape[:2] + (1,) * (v.dim() - 2))
            evidence = cell_contributions(v * kept, torch.ones_like(v[:1, :1]), head.weight)
            evidence = box_smooth(evidence, self.smoothing[level])
            evidences.append(evidence)
            potentials.append(gate(self._against(evidence)))

        log_tau = [spatial_log_softmax(phi) for phi in potentials]
        log_mu = log_tau
        if self.consistency == "exact":
            log_mu = list(consistent_attention(potentials).log_mu)

        logits = torch.zeros(1, device=x.device)
        contributions: List[torch.Tensor] = []
        for level, head in enumerate(self.heads.values()):
            evidence = evidences[level]
            weight = torch.full_like(evidence[:, :1], 1.0 / evidence[0, 0].numel())
            if self.pools_with_attention:
                weight = log_mu[level].exp()
            contributions.append(evidence * weight)
            logits = logits + contributions[level].flatten(2).sum(-1) + head.bias
        if not self.return_attention:
            return logits
        contributions = contributions if self.return_contribution else []
        if self.one_map:
            return make_output(logits, potentials, log_tau, log_mu, contributions)
        chosen = logits.argmax(1)
        of_chosen = [_of_class(maps, chosen) for maps in (potentials, log_tau, log_mu)]
        return make_output(logits, of_chosen[0], of_chosen[1], of_chosen[2], contributions, log_mu)

    def _against(self, evidence: torch.Tensor) -> torch.Tensor:
        """Evidence for each class against the others; for class 1 alone where two classes have one map."""
        if not self.contrasted:
            return evidence
        compared = contrast(evidence)
        return compared[:, 1:] if compared.shape[1] == 2 else compared


def _for_each_level(name: str, value: Sequence[float] | float, count: int) -> list[float]:
    values = list(ensure_tuple(value))
    values = values * count if len(values) == 1 else values
    if len(values) != count:
        raise ValueError(f"{name}: expected one number or {count}, got {len(values)}")
    return values


def _of_class(maps: List[torch.Tensor], chosen: torch.Tensor) -> List[torch.Tensor]:
    """The map of one class for each image, ``(B, 1, *spatial)``."""
    return [m[torch.arange(m.shape[0], device=m.device), chosen].unsqueeze(1) for m in maps]
