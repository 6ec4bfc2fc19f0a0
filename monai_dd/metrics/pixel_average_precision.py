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
"""How well the order of a map's values separates the pixels of a mask from the others."""

from __future__ import annotations

import torch

from monai_dd.metrics.utils.epoch import EpochMetric
from monai_dd.metrics.utils.maps import ENLARGE, order_mask
from monai_dd.utils.checks import check_option

__all__ = ["PixelAveragePrecisionMetric", "average_precision", "compute_pixel_average_precision"]


def compute_pixel_average_precision(
    relevance: torch.Tensor, mask: torch.Tensor, seed: int = 0, enlarge: str = "nearest"
) -> torch.Tensor:
    r"""Average precision of the pixels of a mask under the order of a map, for each sample (Ron et al. 2022, Table 2).

    :math:`\frac{1}{P} \sum_{k \,:\, y_k = 1} \frac{1}{k} \sum_{j \le k} y_j`, where :math:`y_k` is 1 when the pixel
    of the :math:`k`-th highest value is one of the :math:`P` inside: the precision at each pixel found, averaged.
    A constant map scores about the share of the mask, a perfect one 1. Only the order of the values counts.

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
        >>> compute_pixel_average_precision(relevance, torch.tensor([[[[1, 0], [1, 0]]]]))
        tensor([0.8333])
    """
    return average_precision(order_mask(relevance, mask, seed, enlarge))


def average_precision(hits: torch.Tensor) -> torch.Tensor:
    """Average precision of cells in the order of a map.

    Args:
        hits: ``(B, N)``, whether each cell is inside, the one with the highest value first.

    Returns:
        tensor of shape ``(B,)``; NaN where no cell is inside.
    """
    ranks = torch.arange(1, hits.shape[1] + 1, device=hits.device)
    precision = hits.cumsum(1, dtype=torch.int32) / ranks  # counted in whole numbers, exact for any size
    return (precision * hits).sum(1) / hits.sum(1)


class PixelAveragePrecisionMetric(EpochMetric):
    """Pixel mAP: mean of :func:`compute_pixel_average_precision` over the samples of an epoch that have a mask.

    Args:
        seed: of the order among equal values.
        enlarge: ``"nearest"`` neighbor, or ``"bilinear"``, which is trilinear in 3D.

    Attributes:
        better: direction in which the metric improves.

    Raises:
        ValueError: for another ``enlarge``.

    Example:
        >>> import torch
        >>> metric = PixelAveragePrecisionMetric()
        >>> _ = metric(torch.tensor([[[[4.0, 3.0], [2.0, 1.0]]]]), torch.tensor([[[[1, 1], [0, 0]]]]))
        >>> metric.aggregate()
        1.0
    """

    better = "higher"

    def __init__(self, seed: int = 0, enlarge: str = "nearest") -> None:
        super().__init__()
        self.seed = seed
        self.enlarge = check_option("enlarge", enlarge, ENLARGE)

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return compute_pixel_average_precision(y_pred, y, self.seed, self.enlarge)

    def aggregate(self) -> float:
        """Return the mean over samples with a mask; NaN when there is none."""
        return float(self.get_buffer().nanmean())
