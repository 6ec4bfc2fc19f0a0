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
"""Whether two maps put the pixels in the same order."""

from __future__ import annotations

import torch

from monai_dd.metrics.utils.maps import list_cells
from monai_dd.utils.checks import check_finite

__all__ = ["compute_rank_correlation"]


def compute_rank_correlation(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Spearman rank correlation of two maps, for each sample.

    The correlation of the ranks of the values, where equal values share the mean of their ranks (Spearman 1904). Maps
    of a network before and after its weights are randomized should not agree (Adebayo et al. 2018).

    Args:
        first: map ``(B, 1, *S)``.
        second: map ``(B, 1, *T)``; both are brought to the larger size along each axis by nearest neighbor.

    Returns:
        tensor of shape ``(B,)``, from -1 to 1; NaN where a map is constant.

    Raises:
        ValueError: when the batches or numbers of axes differ, or a map is not finite.

    Example:
        >>> import torch
        >>> first = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
        >>> compute_rank_correlation(first, first**2), compute_rank_correlation(first, -first)
        (tensor([1.]), tensor([-1.]))
    """
    fits = first.dim() == second.dim() >= 3 and first.shape[:2] == second.shape[:2] == (len(first), 1)
    if not fits:
        raise ValueError(f"first, second: expected maps (B, 1, *S), got {tuple(first.shape)} and {tuple(second.shape)}")
    for name, x in (("first", first), ("second", second)):
        check_finite(name, x)
    size = torch.Size(max(sizes) for sizes in zip(first.shape[2:], second.shape[2:], strict=True))
    a, b = (_center_ranks(list_cells(x, size)) for x in (first, second.to(first.device)))
    return ((a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()).float()


def _center_ranks(values: torch.Tensor) -> torch.Tensor:
    """Ranks ``(B, N)`` less their mean, equal values at the mean of theirs: exact halves of whole numbers."""
    ordered = values.sort(dim=1).values
    below = torch.searchsorted(ordered, values.contiguous())
    not_above = torch.searchsorted(ordered, values.contiguous(), right=True)
    return (below + not_above - values.shape[1]).double() / 2
