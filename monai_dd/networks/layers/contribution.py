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
"""What each cell adds to the logits of a linear layer on pooled features."""

from __future__ import annotations

import torch

from monai_dd.networks.layers.marginalize import block_factor, broadcast_blocks
from monai_dd.utils.precision import to_single

__all__ = ["cell_contributions", "contrast", "sum_levels"]


def cell_contributions(features: torch.Tensor, weights: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    r"""Return :math:`\mu_i \langle w_k, v_i \rangle` of every class :math:`k` and cell :math:`i`. Scriptable.

    The logits of a linear layer on :math:`\sum_i \mu_i v_i` are the sum over the cells, plus its bias. Under autocast
    the products are computed in half precision.

    Args:
        features: :math:`v`, ``(B, C, *spatial)``.
        weights: :math:`\mu`, ``(B, 1, *spatial)``.
        matrix: :math:`w`, ``(K, C)``.

    Returns:
        tensor of shape ``(B, K, *spatial)``.

    Example:
        >>> features, weights = torch.randn(1, 3, 4, 4), torch.full((1, 1, 4, 4), 1 / 16)
        >>> linear = torch.nn.Linear(3, 2, bias=False)
        >>> total = cell_contributions(features, weights, linear.weight).sum((2, 3))
        >>> bool(torch.allclose(total, linear(features.mean((2, 3))), atol=1e-6))
        True
    """
    cells = to_single(torch.matmul(matrix.to(features.dtype), features.flatten(2)))
    shape = [cells.shape[0], cells.shape[1]] + list(features.shape[2:])  # noqa: RUF005, which TorchScript cannot read
    return cells.reshape(shape) * weights


def contrast(contributions: torch.Tensor) -> torch.Tensor:
    r"""Return the contribution to each class less the mean of those to the others, ``(B, K, *spatial)``.

    For two classes it is the contribution to the difference of the logits. With a single class there is nothing to
    compare with, and the contributions are returned as they are.

    Example:
        >>> contrast(torch.tensor([[3.0, 1.0]]))
        tensor([[ 2., -2.]])
    """
    num_classes = contributions.shape[1]
    if num_classes == 1:
        return contributions
    mean = contributions.mean(1, keepdim=True)
    return (contributions - mean) * (num_classes / (num_classes - 1))


def sum_levels(contributions: list[torch.Tensor]) -> torch.Tensor:
    """Sum the contributions of nested levels on the finest grid: a coarse cell's is divided among its block's cells.

    Args:
        contributions: of each level, finest first, each ``(B, K, *spatial)``.

    Returns:
        tensor of the finest shape; its sum over cells is the sum over all cells of all levels.

    Raises:
        ValueError: when the grids do not nest.

    Example:
        >>> fine, coarse = torch.zeros(1, 1, 2, 2), torch.tensor([[[[4.0]]]])
        >>> sum_levels([fine, coarse]).squeeze().tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    total = contributions[0]
    for coarse in contributions[1:]:
        factor = block_factor(list(total.shape[2:]), list(coarse.shape[2:]))
        cells = 1
        for f in factor:
            cells *= f
        total = total + broadcast_blocks(coarse, factor) / cells
    return total
