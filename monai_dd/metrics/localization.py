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
"""All metrics of a map against a mask at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monai_dd.metrics.pixel_average_precision import average_precision
from monai_dd.metrics.pointing_game import compute_pointing_game
from monai_dd.metrics.quantile_iou import top_iou
from monai_dd.metrics.relevance_mass import compute_relevance_mass_accuracy
from monai_dd.metrics.relevance_rank import rank_accuracy
from monai_dd.metrics.utils.maps import order_mask

__all__ = ["compute_localization"]


def compute_localization(
    relevance: torch.Tensor,
    mask: torch.Tensor,
    quantiles: Sequence[float] = (0.975, 0.95, 0.9),
    seed: int = 0,
    enlarge: str = "nearest",
) -> dict[str, torch.Tensor]:
    """Score maps against their masks with every metric there is; the cells are put in order once for all of them.

    Args:
        relevance: map ``(B, 1, *S)``, resized to the mask as ``enlarge`` says.
        mask: ``(B, 1, *M)``, positive inside.
        quantiles: see :func:`~monai_dd.metrics.compute_quantile_iou`.
        seed: of the order among equal values.
        enlarge: ``"nearest"`` neighbor, or ``"bilinear"``, which is trilinear in 3D.

    Returns:
        ``pixel_ap``, ``iou_<quantile>`` for each quantile, ``rank``, ``pointing`` and ``mass``: the values of
        :func:`~monai_dd.metrics.compute_pixel_average_precision`, :func:`~monai_dd.metrics.compute_quantile_iou`,
        :func:`~monai_dd.metrics.compute_relevance_rank_accuracy`, :func:`~monai_dd.metrics.compute_pointing_game` and
        :func:`~monai_dd.metrics.compute_relevance_mass_accuracy`, each ``(B,)``; NaN where the mask is empty.

    Raises:
        ValueError: for other quantiles or another ``enlarge``, when the batches or numbers of axes differ, or the
            relevance holds NaN.

    Example:
        >>> import torch
        >>> mask = torch.zeros(1, 1, 4, 4)
        >>> mask[..., :2, :2] = 1
        >>> scores = compute_localization(mask, mask, quantiles=(0.75,))
        >>> {name: value.item() for name, value in scores.items()}
        {'pixel_ap': 1.0, 'iou_0.75': 1.0, 'rank': 1.0, 'pointing': 1.0, 'mass': 1.0}
    """
    hits = order_mask(relevance, mask, seed, enlarge)
    overlaps = zip(quantiles, top_iou(hits, quantiles).unbind(1), strict=True)
    return {
        "pixel_ap": average_precision(hits),
        **{f"iou_{quantile:g}": value for quantile, value in overlaps},
        "rank": rank_accuracy(hits),
        "pointing": compute_pointing_game(relevance, mask, enlarge),
        "mass": compute_relevance_mass_accuracy(relevance, mask, enlarge),
    }
