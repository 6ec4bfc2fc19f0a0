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
"""Sums over blocks of cells: a fine map seen at a coarse resolution, and its adjoint."""

from __future__ import annotations

from typing import List, Union

import torch

__all__ = ["block_factor", "broadcast_blocks", "from_blocks", "log_marginalize", "marginalize", "to_blocks"]


def block_factor(fine: List[int], coarse: List[int]) -> List[int]:
    """Cells per block along each axis, for two spatial shapes of which the coarse divides the fine.

    Raises:
        ValueError: when the shapes have different lengths or one does not divide the other.

    Example:
        >>> block_factor([8, 8], [4, 2])
        [2, 4]
    """
    factor: List[int] = []
    nested = len(fine) == len(coarse)
    for axis in range(min(len(fine), len(coarse))):
        size = max(coarse[axis], 1)
        nested = nested and coarse[axis] > 0 and fine[axis] % size == 0 and fine[axis] > 0
        factor.append(fine[axis] // size)
    if not nested:
        raise ValueError(
            f"expected nested grids (every fine size a multiple of the coarse one), got {fine} and {coarse}"
        )
    return factor


def _spread(factor: Union[int, List[int]], spatial_dims: int) -> List[int]:
    if isinstance(factor, int):
        factors = [factor for _ in range(spatial_dims)]
    else:
        factors = [int(f) for f in factor]
    valid = len(factors) == spatial_dims
    for f in factors:
        valid = valid and f > 0
    if not valid:
        raise ValueError(f"factor: expected a positive int or {spatial_dims} of them, got {factors}")
    return factors


def to_blocks(x: torch.Tensor, factor: Union[int, List[int]]) -> torch.Tensor:
    """Gather the cells of each block in axis 2: ``(B, C, *fine)`` to ``(B, C, prod(factor), *coarse)``.

    Reductions over a short axis are many times faster there than over the last axis.

    Example:
        >>> to_blocks(torch.arange(4.0).reshape(1, 1, 2, 2), 2).flatten().tolist()
        [0.0, 1.0, 2.0, 3.0]
    """
    dims = x.dim() - 2
    factors = _spread(factor, dims)
    shape = [x.shape[0], x.shape[1]]
    order = [0, 1]
    for axis in range(dims):
        size, f = x.shape[axis + 2], factors[axis]
        if size % f != 0:
            raise ValueError(f"factor: expected a divisor of the spatial size {list(x.shape[2:])}, got {factors}")
        shape += [size // f, f]
        order.append(3 + 2 * axis)
    for axis in range(dims):
        order.append(2 + 2 * axis)
    return x.reshape(shape).permute(order).flatten(2, 1 + dims)


def from_blocks(blocks: torch.Tensor, factor: Union[int, List[int]]) -> torch.Tensor:
    """Inverse of :func:`to_blocks`: ``(B, C, prod(factor), *coarse)`` to ``(B, C, *fine)``.

    Example:
        >>> x = torch.rand(1, 1, 4, 4)
        >>> torch.equal(from_blocks(to_blocks(x, 2), 2), x)
        True
    """
    dims = blocks.dim() - 3
    factors = _spread(factor, dims)
    coarse = list(blocks.shape[3:])
    order = [0, 1]
    split, fine = [blocks.shape[0], blocks.shape[1]], [blocks.shape[0], blocks.shape[1]]
    split += factors
    split += coarse
    for axis in range(dims):
        order += [2 + dims + axis, 2 + axis]
        fine.append(coarse[axis] * factors[axis])
    return blocks.reshape(split).permute(order).reshape(fine)


def marginalize(p: torch.Tensor, factor: Union[int, List[int]]) -> torch.Tensor:
    """Sum of ``p`` over each block: ``marginalize(p)_i = sum over j in N(i) of p_j`` (Ron et al. 2022, Eq. 4).

    Args:
        p: map of shape ``(B, C, *fine)``, two or three spatial axes.
        factor: cells per block along every axis, or one number per axis.

    Returns:
        map of shape ``(B, C, *coarse)`` with ``coarse = fine / factor``.

    Raises:
        ValueError: when the factor is not positive or does not divide the spatial size.

    Example:
        >>> marginalize(torch.full((1, 1, 4, 4), 1 / 16), 2).squeeze().tolist()
        [[0.25, 0.25], [0.25, 0.25]]
    """
    return to_blocks(p, factor).sum(2)


def log_marginalize(log_p: torch.Tensor, factor: Union[int, List[int]]) -> torch.Tensor:
    """Logarithm of :func:`marginalize` of ``exp(log_p)``, without leaving log space.

    Example:
        >>> log_p = torch.full((1, 1, 4, 4), 1 / 16).log()
        >>> log_marginalize(log_p, 2).exp().squeeze().tolist()
        [[0.25, 0.25], [0.25, 0.25]]
    """
    return torch.logsumexp(to_blocks(log_p, factor), dim=2)


def broadcast_blocks(x: torch.Tensor, factor: Union[int, List[int]]) -> torch.Tensor:
    """Give every fine cell the value of its coarse cell; the adjoint of :func:`marginalize`.

    ``<marginalize(p), x> = <p, broadcast_blocks(x)>`` for all ``p`` and ``x``.

    Args:
        x: map of shape ``(B, C, *coarse)``.
        factor: cells per block along every axis, or one number per axis.

    Returns:
        map of shape ``(B, C, *fine)`` with ``fine = coarse * factor``.

    Example:
        >>> broadcast_blocks(torch.tensor([[[[1.0, 2.0]]]]), 2).squeeze().tolist()
        [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    """
    dims = x.dim() - 2
    factors = _spread(factor, dims)
    split, spread, fine = [x.shape[0], x.shape[1]], [x.shape[0], x.shape[1]], [x.shape[0], x.shape[1]]
    for axis in range(dims):
        size, f = x.shape[axis + 2], factors[axis]
        split += [size, 1]
        spread += [size, f]
        fine.append(size * f)
    return x.reshape(split).expand(spread).reshape(fine)
