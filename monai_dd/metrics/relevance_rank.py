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
"""Share of a map's highest cells that lie where they should."""

from __future__ import annotations

import torch

from monai_dd.metrics.utils.maps import order_mask

__all__ = ["compute_relevance_rank_accuracy", "rank_accuracy"]


def compute_relevance_rank_accuracy(
    relevance: torch.Tensor, mask: torch.Tensor, seed: int = 0, enlarge: str = "nearest"
) -> torch.Tensor:
    """Share of the highest cells inside the mask, as many as the mask has, for each sample (Arras et al. 2022).

    Equal values are ordered at random. The result depends on the seed and the sample alone, not on the batch.

    Args:
        relevance: map ``(B, 1, *S)``, resized to the mask as ``enlarge`` says.
        mask: ``(B, 1, *M)``, positive inside.
        seed: of the order among equal values.
        enlarge: ``"nearest"`` neighbor, or ``"bilinear"``, which is trilinear in 3D.

    Returns:
        tensor of shape ``(B,)``; NaN where the mask is empty.

    Raises:
        ValueError: for another ``enlarge``, when the batches or numbers of axes differ, or the relevance is not finite.

    Example:
        >>> import torch
        >>> relevance = torch.tensor([[[[4.0, 3.0], [2.0, 1.0]]]])
        >>> compute_relevance_rank_accuracy(relevance, torch.tensor([[[[1, 0], [1, 0]]]]))
        tensor([0.5000])
    """
    return rank_accuracy(order_mask(relevance, mask, seed, enlarge))


def rank_accuracy(hits: torch.Tensor) -> torch.Tensor:
    """Share of hits among the first cells, as many as there are hits.

    Args:
        hits: ``(B, N)``, whether each cell is inside, the one with the highest value first.

    Returns:
        tensor of shape ``(B,)``; NaN where no cell is inside.
    """
    inside = hits.sum(1)
    first = torch.arange(hits.shape[1], device=hits.device) < inside[:, None]
    return (hits & first).sum(1) / inside
