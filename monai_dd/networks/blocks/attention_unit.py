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
"""Cascaded attention gates at one depth of a network."""

from __future__ import annotations

from typing import Tuple

import torch
from torch import nn

from monai_dd.networks.blocks.potential_gate import PotentialGate
from monai_dd.networks.layers import spatial_log_softmax

__all__ = ["AttentionUnit"]


class AttentionUnit(nn.Module):
    r"""``num_gates`` gates in a row, each passing on :math:`\hat v = \tau \odot v` (Ron et al. 2022, Eq. 2 and 3).

    The next gate scores what the last one let through; the last potential is the unit's attention.

    The probabilities sum to one, so each gate of the paper shrinks the activations by about the number of cells ``n``
    (4096 at 64x64). In training mode a BatchNorm after the gate divides by a standard deviation that is then below
    its epsilon: it no longer normalizes but passes on almost its bias, and where attention concentrates is the only
    place where the signal survives. ``rescale`` multiplies by ``n * tau`` instead: uniform attention leaves the
    features as they are and BatchNorm works as usual.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the features.
        embed_dim: channels of the embedding of each gate; as many as the features by default.
        num_gates: gates in the cascade.
        rescale: multiply the gated features by the number of cells.
        init_scale: learned scale of the potentials, see :class:`PotentialGate`.
        smoothing: box filters on the potentials, see :class:`PotentialGate`.

    Raises:
        ValueError: when ``num_gates`` is not positive, or as :class:`PotentialGate`.

    Example:
        >>> unit = AttentionUnit(spatial_dims=2, in_channels=16)
        >>> passed, phi = unit(torch.randn(1, 16, 8, 8))
        >>> passed.shape, phi.shape
        (torch.Size([1, 16, 8, 8]), torch.Size([1, 1, 8, 8]))
    """

    __constants__ = ["rescale"]

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        embed_dim: int | None = None,
        num_gates: int = 1,
        rescale: bool = False,
        init_scale: float | None = None,
        smoothing: int = 0,
    ) -> None:
        super().__init__()
        if num_gates < 1:
            raise ValueError(f"num_gates: expected 1 or more, got {num_gates}")
        self.rescale = rescale
        self.gates = nn.ModuleList(
            PotentialGate(spatial_dims, in_channels, embed_dim, init_scale, smoothing) for _ in range(num_gates)
        )

    def forward(self, v: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return the gated features ``(B, C, *spatial)`` and the last gate's potential ``(B, 1, *spatial)``."""
        phi = v[:, :1]
        for gate in self.gates:
            phi = gate(v)
            tau = spatial_log_softmax(phi).exp()
            if self.rescale:
                tau = tau * phi[0, 0].numel()
            v = v * tau.to(v.dtype)
        return v, phi
