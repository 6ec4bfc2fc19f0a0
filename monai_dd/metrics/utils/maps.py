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
"""What metrics of maps share: a map and a mask on one grid, and the order of the map's values."""

from __future__ import annotations

import torch

from monai_dd.metrics.utils.descending import argsort_descending
from monai_dd.utils.checks import check_finite, check_option

__all__ = ["ENLARGE", "check_maps", "list_cells", "order_mask", "pair_with_mask", "rank_cells"]

ENLARGE = ("nearest", "bilinear")  # how the cells of a map become pixels


def check_maps(relevance: torch.Tensor, mask: torch.Tensor) -> None:
    """Check that every map of a batch has its mask.

    Args:
        relevance: maps ``(B, 1, *S)``.
        mask: masks ``(B, 1, *M)``.

    Raises:
        ValueError: when the batches or numbers of axes differ, or the relevance is not finite.
    """
    fits = relevance.dim() == mask.dim() >= 3 and relevance.shape[:2] == mask.shape[:2] == (mask.shape[0], 1)
    if not fits:
        raise ValueError(f"relevance, mask: expected (B, 1, *S), got {tuple(relevance.shape)} and {tuple(mask.shape)}")
    check_finite("relevance", relevance)


def list_cells(relevance: torch.Tensor, size: torch.Size, enlarge: str = "nearest") -> torch.Tensor:
    """Bring maps to another grid and list their cells.

    Args:
        relevance: maps ``(B, 1, *S)`` of any type.
        size: the grid to bring them to, as many axes as ``S``.
        enlarge: ``"nearest"``: a pixel has the value of the cell that its middle lies in; ``"bilinear"``: linear
            between the middles of the cells along every axis, trilinear in 3D, and constant outside of them: PyTorch's
            ``interpolate`` with ``align_corners=False``, in float64, so that pixels that lie alike around a cell have
            equal values rather than an order by rounding.

    Returns:
        values ``(B, N)``, floating.

    Raises:
        ValueError: for another ``enlarge``.
    """
    check_option("enlarge", enlarge, ENLARGE)
    relevance = relevance.as_subclass(torch.Tensor)  # without MONAI's metadata
    if not relevance.is_floating_point():
        relevance = relevance.float()
    if relevance.shape[2:] != size:
        if enlarge == "nearest":
            relevance = torch.nn.functional.interpolate(relevance, size=size, mode="nearest-exact")
        else:
            mode = ("linear", "bilinear", "trilinear")[len(size) - 1]
            smooth = torch.nn.functional.interpolate(relevance.double(), size=size, mode=mode)
            relevance = smooth.to(relevance.dtype)
    return relevance.flatten(1)


def pair_with_mask(
    relevance: torch.Tensor, mask: torch.Tensor, enlarge: str = "nearest"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Bring maps to the grid of their masks and list the cells of both.

    Args:
        relevance: maps ``(B, 1, *S)`` of any type.
        mask: masks ``(B, 1, *M)`` of any type, positive inside; brought to the device of the maps.
        enlarge: see :func:`list_cells`.

    Returns:
        values ``(B, N)``, floating, and whether each of the ``N`` cells is inside ``(B, N)``, boolean.

    Raises:
        ValueError: see :func:`check_maps` and :func:`list_cells`.
    """
    check_maps(relevance, mask)
    mask = mask.as_subclass(torch.Tensor)
    return list_cells(relevance, mask.shape[2:], enlarge), (mask.to(relevance.device) > 0).flatten(1)


def rank_cells(values: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Order the cells of each map from the highest value to the lowest, equal values at random.

    A map of few distinct values would otherwise be scored by the place of its cells. The random order is drawn anew
    from the seed in each call, one for all maps and on the CPU: it depends on the number of cells alone, not on the
    batch, the position in it or the device.

    Args:
        values: ``(B, N)``, none of them NaN.
        seed: of the order among equal values.

    Returns:
        indices of the cells ``(B, N)``, the one with the highest value first.
    """
    shuffled = _shuffle(values, seed)
    return shuffled[argsort_descending(values.index_select(1, shuffled))]


def _shuffle(values: torch.Tensor, seed: int) -> torch.Tensor:
    return torch.randperm(values.shape[1], generator=torch.Generator().manual_seed(seed)).to(values.device)


def order_mask(relevance: torch.Tensor, mask: torch.Tensor, seed: int = 0, enlarge: str = "nearest") -> torch.Tensor:
    """Say of each cell whether it is inside, from the highest value of the map to the lowest.

    Args:
        relevance: maps ``(B, 1, *S)``, resized to the mask.
        mask: masks ``(B, 1, *M)``, positive inside.
        seed: of the order among equal values.
        enlarge: see :func:`list_cells`.

    Returns:
        tensor of shape ``(B, N)``, boolean.

    Raises:
        ValueError: see :func:`check_maps` and :func:`list_cells`.
    """
    values, inside = pair_with_mask(relevance, mask, enlarge)
    shuffled = _shuffle(values, seed).expand_as(values)
    return inside.gather(1, shuffled).gather(1, argsort_descending(values.gather(1, shuffled)))
