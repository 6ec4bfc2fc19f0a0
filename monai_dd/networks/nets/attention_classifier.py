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
"""One classifier for every variant of the dual decomposition paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import List, Tuple

import torch
from monai.utils import ensure_tuple
from torch import nn

from monai_dd.networks.blocks import AttentionUnit
from monai_dd.networks.encoders import Encoder
from monai_dd.networks.layers import (
    DualWitness,
    cell_contributions,
    consistent_attention,
    spatial_log_softmax,
    witnessed_attention,
)
from monai_dd.networks.nets.base import AttentionNetwork
from monai_dd.utils.checks import check_option
from monai_dd.utils.enums import Consistency, Readout
from monai_dd.utils.outputs import make_output

__all__ = ["AttentionClassifier"]


class _Unattended(nn.Module):
    """Stands where a stage has no attention unit: the features pass, the potential is empty."""

    def forward(self, v: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        return v, v.new_zeros(0)


class AttentionClassifier(AttentionNetwork):
    r"""Classifier whose attention at one or more depths is its explanation (Ron et al. 2022).

    ``readout="pool"`` is the paper: each attention unit gates the features in mid-network with its own
    :math:`\tau` (Eq. 3), global average pooling of the last stage and a linear layer follow; :math:`\mu` is what the
    consistency loss compares and what is reported.
    ``readout="attention"`` pools with the attention itself, :math:`\mathrm{logits} = \sum_\mathrm{level}
    W_\mathrm{level} \sum_i \mu_i v_i`, and leaves the features of the network ungated. Stages after the last attended
    one are then not read: the network does not have them, and weights of a network that has them load all the same.

    ``consistency`` says where :math:`\mu` comes from: ``none`` (:math:`\mu = \tau`), ``dual`` (the learned witness,
    Theorem 3.1; agreement is up to the loss) or ``exact`` (the closed form of Eq. 4; agreement holds for every image).

    Built with ``return_attention=True`` the network returns a dictionary instead of the logits: ``logits`` ``(B, K)``
    and, for every level, the potential ``phi_*``, ``log_tau_*`` and ``log_mu_*``, each ``(B, 1, *spatial)``, where
    ``*`` is ``fine``, ``level1`` ..., ``coarse``. A network with one attended stage gives its map under both ``fine``
    and ``coarse``; a network with none attends the last stage uniformly, which is what global average pooling does.
    Both forms have the same parameters, see
    :meth:`~monai_dd.networks.nets.AttentionNetwork.with_attention`.

    Args:
        encoder: its stages, see :mod:`monai_dd.networks.encoders`; it is left as it is.
        num_classes: number of classes ``K``.
        attend: names of the stages with attention, any one to all of them; none for the baseline.
        readout: ``pool`` or ``attention``.
        consistency: ``none``, ``dual`` or ``exact``; the latter two need two or more attended stages.
        img_size: spatial size of the input, needed by ``dual`` for the size of the witness grids.
        embed_dim: embedding of the gates: one number, or one for each stage of ``attend`` in the order given there; the
            stage's channels by default.
        num_gates: cascaded gates in each unit.
        rescale: gated features are multiplied by the number of cells, see :class:`AttentionUnit`; with the attention
            readout it matters between the gates of a cascade only.
        init_scale: start of the learned potential scale, see :class:`PotentialGate`.
        smoothing: box filters on the potentials, see :class:`PotentialGate`.
        dropout: dropout of the pooled features.
        return_attention: return the dictionary; fixed at construction.
        return_contribution: with ``contribution_*``, see :class:`AttentionNetwork`: :math:`\mu_i \langle w_k, v_i
            \rangle` of every level with the attention readout, :math:`\langle w_k, v_i \rangle / n` of the last stage
            with the pool readout.

    Raises:
        ValueError: unknown stages or options, options that contradict one another, or a missing ``img_size``.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> encoder = UNetEncoder(spatial_dims=2, in_channels=1, features=4)
        >>> options = {"attend": ["block3", "block4"], "readout": "attention", "consistency": "exact"}
        >>> network = AttentionClassifier(encoder, num_classes=2, **options)
        >>> network(torch.zeros(1, 1, 64, 64)).shape
        torch.Size([1, 2])
        >>> output = network.with_attention()(torch.zeros(1, 1, 64, 64))
        >>> output["log_mu_fine"].shape, output["log_mu_coarse"].shape
        (torch.Size([1, 1, 16, 16]), torch.Size([1, 1, 8, 8]))
    """

    __constants__ = ["gated", "pools_with_attention", "consistency", "return_attention", "return_contribution"]

    def __init__(
        self,
        encoder: Encoder,
        num_classes: int,
        attend: Sequence[str] | str = (),
        readout: str = Readout.POOL,
        consistency: str = Consistency.NONE,
        img_size: Sequence[int] | int | None = None,
        embed_dim: Sequence[int] | int | None = None,
        num_gates: int = 1,
        rescale: bool = False,
        init_scale: float | None = None,
        smoothing: int = 0,
        dropout: float = 0.0,
        return_attention: bool = False,
        return_contribution: bool = False,
    ) -> None:
        super().__init__(num_classes, return_attention, return_contribution)
        names = [info.name for info in encoder.feature_info]
        chosen = [check_option("attend", name, names) for name in ensure_tuple(attend)]
        if len(set(chosen)) != len(chosen):
            raise ValueError(f"attend: expected each stage once, got {chosen}")
        self.attend = [name for name in names if name in chosen]
        self.pools_with_attention = check_option("readout", readout, Readout) == "attention"
        self.consistency = check_option("consistency", consistency, Consistency)
        if self.pools_with_attention and not chosen:
            raise ValueError("readout: 'attention' expected at least one stage in attend, got none")
        if self.consistency != "none" and len(chosen) < 2:
            raise ValueError(f"consistency: {consistency!r} expected two or more stages in attend, got {chosen}")
        self.gated = not self.pools_with_attention
        if self.gated and chosen and not encoder.sequential:
            kind = type(encoder).__name__
            raise ValueError(
                f"readout: 'pool' expected an encoder that runs stage by stage for its gates, got a {kind}"
            )

        # without gates nothing after the last attended stage is read
        depth = len(names) if self.gated else names.index(self.attend[-1]) + 1
        self.encoder = encoder.first(depth)
        infos = [info for info in encoder.feature_info if info.name in chosen]
        spatial_dims = encoder.spatial_dims
        embed_dims: list[int | None] = list(ensure_tuple(embed_dim)) if embed_dim is not None else [None]
        if len(embed_dims) == 1:
            embed_dims = embed_dims * len(infos)
        if len(embed_dims) != len(infos):
            raise ValueError(f"embed_dim: expected one number or {len(infos)}, got {len(embed_dims)}")
        embed = dict(zip(chosen, embed_dims))
        self.units = nn.ModuleList(
            (
                AttentionUnit(spatial_dims, info.channels, embed[info.name], num_gates, rescale, init_scale, smoothing)
                if info.name in embed
                else _Unattended()
            )
            for info in self.encoder.feature_info
        )
        self.witness = nn.ModuleList(
            DualWitness(_grid(img_size, info.stride, spatial_dims))
            for info in (infos[1:] if self.consistency == "dual" else [])
        )
        self.dropout = nn.Dropout(dropout)
        read = infos if self.pools_with_attention else [encoder.feature_info[-1]]
        self.levels_summed = len(read)
        self.heads = nn.ModuleDict({info.name: nn.Linear(info.channels, num_classes) for info in read})

    def forward(self, x: torch.Tensor):
        """Return logits ``(B, K)``, or the dictionary of the class's description, for an image ``(B, C, *spatial)``."""
        features: List[torch.Tensor] = []
        potentials: List[torch.Tensor] = []
        if self.gated:
            for stage, unit in zip(self.encoder.stages, self.units):
                x, phi = unit(stage(x))
                if phi.numel() > 0:
                    potentials.append(phi)
        else:
            every = self.encoder(x)
            x = every[-1]
            for place, unit in enumerate(self.units):
                phi = unit(every[place])[1]
                if phi.numel() > 0:
                    features.append(every[place])
                    potentials.append(phi)
        if len(potentials) == 0:
            potentials.append(torch.zeros_like(x[:, :1], dtype=torch.float32))

        log_tau = [spatial_log_softmax(phi) for phi in potentials]
        log_mu = log_tau
        if self.consistency == "exact":
            log_mu = list(consistent_attention(potentials).log_mu)
        if self.consistency == "dual":
            witness: List[torch.Tensor] = []
            for level, grid in enumerate(self.witness):
                witness.append(grid(list(potentials[level + 1].shape[2:])))
            log_mu = witnessed_attention(potentials, witness)

        pooled = [x.flatten(2).mean(-1)]
        read, weights = [x], [torch.full_like(x[:, :1], 1.0 / x[0, 0].numel())]
        if self.pools_with_attention:
            read, weights = features, [m.exp() for m in log_mu]
            pooled = [(v * w).flatten(2).sum(-1) for v, w in zip(read, weights)]
        logits = torch.zeros(1, device=x.device)
        contributions: List[torch.Tensor] = []
        for level, head in enumerate(self.heads.values()):
            logits = logits + head(self.dropout(pooled[level]))
            if self.return_contribution:
                contributions.append(cell_contributions(read[level], weights[level], head.weight))

        if self.return_attention:
            return make_output(logits, potentials, log_tau, log_mu, contributions)
        return logits


def _grid(img_size: Sequence[int] | int | None, stride: int, spatial_dims: int) -> list[int]:
    if img_size is None:
        raise ValueError("img_size: consistency 'dual' expected the spatial size of the input, got None")
    size = list(ensure_tuple(img_size))
    size = size * spatial_dims if len(size) == 1 else size
    if len(size) != spatial_dims or any(s < stride or s % stride for s in size):
        raise ValueError(f"img_size: expected {spatial_dims} multiples of the stride {stride}, got {size}")
    return [s // stride for s in size]
