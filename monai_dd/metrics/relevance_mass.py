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
"""Share of an explanation's mass that lies where it should."""

from __future__ import annotations

import torch

from monai_dd.metrics.utils.epoch import EpochMetric
from monai_dd.metrics.utils.maps import ENLARGE, pair_with_mask
from monai_dd.utils.checks import check_option

__all__ = ["RelevanceMassAccuracyMetric", "compute_relevance_mass_accuracy"]


def compute_relevance_mass_accuracy(
    relevance: torch.Tensor, mask: torch.Tensor, enlarge: str = "nearest"
) -> torch.Tensor:
    """Share of the positive relevance inside the mask, for each sample (Arras et al. 2022).

    Args:
        relevance: map ``(B, 1, *S)``, resized to the mask as ``enlarge`` says.
        mask: ``(B, 1, *M)``, positive inside.
        enlarge: ``"nearest"`` neighbor, or ``"bilinear"``, which is trilinear in 3D.

    Returns:
        tensor of shape ``(B,)``; NaN where the mask is empty or nothing is relevant.

    Raises:
        ValueError: for another ``enlarge``, when the batches or numbers of axes differ, or the relevance is not finite.

    Example:
        >>> import torch
        >>> relevance = torch.tensor([[[[4.0, 3.0], [2.0, 1.0]]]])
        >>> compute_relevance_mass_accuracy(relevance, torch.tensor([[[[1, 0], [0, 0]]]]))
        tensor([0.4000])
    """
    values, inside = pair_with_mask(relevance, mask, enlarge)
    mass = values.float().clamp(min=0)
    share = (mass * inside).sum(1) / mass.sum(1)
    return torch.where(inside.any(1), share, torch.nan)


class RelevanceMassAccuracyMetric(EpochMetric):
    """Mean of :func:`compute_relevance_mass_accuracy` over the samples of an epoch that have a mask.

    Args:
        enlarge: ``"nearest"`` neighbor, or ``"bilinear"``, which is trilinear in 3D.

    Attributes:
        better: direction in which the metric improves.

    Raises:
        ValueError: for another ``enlarge``.

    Example:
        >>> import torch
        >>> metric = RelevanceMassAccuracyMetric()
        >>> _ = metric(torch.tensor([[[[4.0, 3.0], [2.0, 1.0]]]]), torch.tensor([[[[0, 0], [1, 0]]]]))
        >>> round(metric.aggregate(), 4)
        0.2
    """

    better = "higher"

    def __init__(self, enlarge: str = "nearest") -> None:
        super().__init__()
        self.enlarge = check_option("enlarge", enlarge, ENLARGE)

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return compute_relevance_mass_accuracy(y_pred, y, self.enlarge)

    def aggregate(self) -> float:
        """Return the mean over samples with a mask; NaN when there is none."""
        return float(self.get_buffer().nanmean())
