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
"""The learned dual witness, and the maps it reparameterizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import List

import torch
from torch import nn

from monai_dd.networks.layers.consistent_attention import spatial_log_softmax
from monai_dd.networks.layers.marginalize import block_factor, broadcast_blocks

__all__ = ["DualWitness", "witnessed_attention"]


class DualWitness(nn.Module):
    """A learned grid ``lambda`` between two consecutive attention levels (Ron et al. 2022, Section 3.3).

    The grid lives on the coarser level and is one for all images: a function of the place in the field of view. For an
    input of another size it is resampled (linearly, half-pixel centers), which keeps its meaning as long as the field
    of view keeps its proportions; other proportions or another number of axes are another field of view and refused.

    Args:
        spatial_size: size of the coarser grid the witness is learned on, two or three axes.

    Raises:
        ValueError: for a size that is not two or three positive numbers.

    Example:
        >>> witness = DualWitness([4, 4])
        >>> witness([8, 8]).shape
        torch.Size([1, 1, 8, 8])
    """

    def __init__(self, spatial_size: Sequence[int]) -> None:
        super().__init__()
        size = [int(s) for s in spatial_size]
        if len(size) not in (2, 3) or min(size) < 1:
            raise ValueError(f"spatial_size: expected two or three positive sizes, got {list(spatial_size)}")
        self.mode = "bilinear" if len(size) == 2 else "trilinear"
        self.grid = nn.Parameter(torch.zeros(1, 1, *size))

    def forward(self, spatial_size: List[int]) -> torch.Tensor:
        """Return ``lambda`` as ``(1, 1, *spatial_size)``.

        Raises:
            ValueError: when ``spatial_size`` has other proportions than the learned grid.
        """
        own = list(self.grid.shape[2:])
        same_view = len(own) == len(spatial_size)
        for axis in range(1, min(len(own), len(spatial_size))):
            same_view = same_view and own[axis] * spatial_size[0] == own[0] * spatial_size[axis]
        if not same_view:
            raise ValueError(f"the witness was learned on a grid {own}; expected its proportions, got {spatial_size}")
        if own == list(spatial_size):
            return self.grid
        return nn.functional.interpolate(self.grid, size=spatial_size, mode=self.mode, align_corners=False)


def witnessed_attention(potentials: List[torch.Tensor], witness: List[torch.Tensor]) -> List[torch.Tensor]:
    r"""Log-probabilities reparameterized by a witness.

    :math:`\log\mu_k = \log\,\mathrm{softmax}(\phi_k + \lambda_{k-1} - \lambda_k[\mathrm{block}])`.
    Theorem 3.1 of Ron et al. (2022): when these maps agree they are the optimum of the consistency program.

    Args:
        potentials: potentials of each level, finest first, each ``(B, 1, *spatial)``.
        witness: ``lambda`` between consecutive levels on the coarser grid, ``(B or 1, 1, *spatial)``.

    Returns:
        log-probabilities of each level, finest first.

    Example:
        >>> from monai_dd.networks.layers import consistent_attention
        >>> potentials = [torch.randn(1, 1, 8, 8), torch.randn(1, 1, 4, 4)]
        >>> solution = consistent_attention(potentials)
        >>> log_mu = witnessed_attention(potentials, list(solution.witness))
        >>> bool(torch.allclose(log_mu[0], solution.log_mu[0], atol=1e-5))
        True
    """
    if len(witness) != len(potentials) - 1:
        raise ValueError(
            f"witness: expected {len(potentials) - 1} grids, one for each pair of levels, got {len(witness)}"
        )
    result: List[torch.Tensor] = []
    for level in range(len(potentials)):
        phi = potentials[level]
        if level > 0:
            phi = phi + witness[level - 1]
        if level < len(witness):
            factor = block_factor(list(phi.shape[2:]), list(witness[level].shape[2:]))
            phi = phi - broadcast_blocks(witness[level], factor)
        result.append(spatial_log_softmax(phi))
    return result
