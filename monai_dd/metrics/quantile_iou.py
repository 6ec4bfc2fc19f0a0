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
"""How well the highest values of a map cover a mask, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from monai_dd.metrics.utils.maps import order_mask

__all__ = ["compute_quantile_iou", "top_iou"]


def compute_quantile_iou(
    relevance: torch.Tensor,
    mask: torch.Tensor,
    quantiles: Sequence[float] = (0.975, 0.95, 0.9),
    seed: int = 0,
    enlarge: str = "nearest",
) -> torch.Tensor:
    r"""Intersection over union of a mask and the pixels above a quantile of the map (Ron et al. 2022, Table 2).

    The quantile :math:`q` of a map's own values decides how many of its :math:`N` pixels are selected, namely the
    highest :math:`N - 1 - \lfloor q (N - 1) \rfloor`. Where no two values are equal these are the pixels above
    ``numpy.quantile(map, q)``. Where values are equal, as below each cell of a coarse map, that comparison selects too
    few, or none of a constant map; here the number stays the same and chance decides among the pixels that share the
    lowest value selected. The result depends on the seed and the sample alone, not on the batch.

    Args:
        relevance: map ``(B, 1, *S)``, resized to the mask as ``enlarge`` says.
        mask: ``(B, 1, *M)``, positive inside.
        quantiles: ``Q`` numbers, each from 0 to less than 1.
        seed: of the order among equal values.
        enlarge: ``"nearest"`` neighbor, or ``"bilinear"``, which is trilinear in 3D.

    Returns:
        tensor of shape ``(B, Q)``; NaN where the mask is empty.

    Raises:
        ValueError: for other quantiles or another ``enlarge``, when the batches or numbers of axes differ, or the
            relevance holds NaN.

    Example:
        >>> import torch
        >>> relevance = torch.arange(10.0).reshape(1, 1, 2, 5)
        >>> mask = torch.isin(relevance, torch.tensor([0.0, 8.0, 9.0]))  # the map's highest three are 7, 8 and 9
        >>> compute_quantile_iou(relevance, mask, quantiles=(0.7,))
        tensor([[0.5000]])
    """
    return top_iou(order_mask(relevance, mask, seed, enlarge), quantiles)


def top_iou(hits: torch.Tensor, quantiles: Sequence[float]) -> torch.Tensor:
    """Intersection over union for cells in the order of a map.

    Args:
        hits: ``(B, N)``, whether each cell is inside, the one with the highest value first.
        quantiles: ``Q`` numbers, see :func:`compute_quantile_iou`.

    Returns:
        tensor of shape ``(B, Q)``; NaN where no cell is inside.

    Raises:
        ValueError: for other quantiles.
    """
    _check_quantiles(quantiles)
    last = hits.shape[1] - 1
    counts = [last - math.floor(q * last + 1e-9) for q in quantiles]  # a product just below a whole number is that
    inside = hits.sum(1, keepdim=True)
    found = torch.stack([hits[:, :count].sum(1) for count in counts], dim=1)
    share = found / (torch.tensor(counts, device=hits.device) + inside - found)
    return torch.where(inside > 0, share, torch.nan)


def _check_quantiles(quantiles: Sequence[float]) -> None:
    if not all(0 <= q < 1 for q in quantiles):
        raise ValueError(f"quantiles: expected numbers from 0 to less than 1, got {list(quantiles)}")
