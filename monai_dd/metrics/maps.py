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

__all__ = ["check_maps", "pair_with_mask", "rank_cells"]


def check_maps(relevance: torch.Tensor, mask: torch.Tensor) -> None:
    """Check that every map of a batch has its mask.

    Args:
        relevance: maps ``(B, 1, *S)``.
        mask: masks ``(B, 1, *M)``.

    Raises:
        ValueError: when the batches or numbers of axes differ, or the relevance holds not-a-number.
    """
    fits = relevance.dim() == mask.dim() >= 3 and relevance.shape[:2] == mask.shape[:2] == (mask.shape[0], 1)
    if not fits:
        raise ValueError(
            f"expected relevance and mask (B, 1, *S), got {tuple(relevance.shape)} and {tuple(mask.shape)}"
        )
    if bool(relevance.isnan().any()):
        raise ValueError(f"relevance: expected numbers, got {int(relevance.isnan().sum())} not-a-number")


def pair_with_mask(relevance: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Bring maps to the grid of their masks by nearest neighbor and list the cells of both.

    Args:
        relevance: maps ``(B, 1, *S)`` of any type.
        mask: masks ``(B, 1, *M)`` of any type, positive inside; brought to the device of the maps.

    Returns:
        values ``(B, N)``, floating, and whether each of the ``N`` cells is inside ``(B, N)``, boolean.

    Raises:
        ValueError: see :func:`check_maps`.
    """
    relevance, mask = relevance.as_subclass(torch.Tensor), mask.as_subclass(torch.Tensor)  # without MONAI's metadata
    check_maps(relevance, mask)
    if not relevance.is_floating_point():
        relevance = relevance.float()
    if relevance.shape[2:] != mask.shape[2:]:
        relevance = torch.nn.functional.interpolate(relevance, size=mask.shape[2:], mode="nearest-exact")
    return relevance.flatten(1), (mask.to(relevance.device) > 0).flatten(1)


def rank_cells(values: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Order the cells of each map from the highest value to the lowest, equal values at random.

    A map of few distinct values would otherwise be scored by the place of its cells. The random order is drawn anew
    from the seed in each call, one for all maps and on the CPU: it depends on the number of cells alone, not on the
    batch, the position in it or the device.

    Args:
        values: ``(B, N)``.
        seed: of the order among equal values.

    Returns:
        indices of the cells ``(B, N)``, the one with the highest value first.
    """
    shuffled = torch.randperm(values.shape[1], generator=torch.Generator().manual_seed(seed)).to(values.device)
    return shuffled[values[:, shuffled].sort(dim=1, descending=True, stable=True).indices]
