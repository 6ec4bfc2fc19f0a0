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
"""How long a network stays right as an image loses its pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monai_dd.metrics.areas import check_fractions, check_logits, compute_area
from monai_dd.metrics.epoch import EpochMetric

__all__ = ["PerturbationAUCMetric", "average_over_classes", "compute_perturbation_curve"]


def compute_perturbation_curve(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Whether the network is right at each fraction of removed pixels, for each sample.

    Args:
        logits: ``(B, F, K)`` of :func:`~monai_dd.metrics.perturb_logits`; the largest is the prediction.
        label: classes ``(B,)`` or ``(B, 1)``.

    Returns:
        tensor of shape ``(B, F)``, 1 where the prediction is the label and 0 elsewhere.

    Raises:
        ValueError: for other shapes, or classes outside ``0 .. K - 1``.
    """
    label = check_logits(logits, label, "label")
    return (logits.argmax(2) == label[:, None]).float()


def average_over_classes(curve: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Balanced accuracy at each fraction: the mean over the classes present of the means over their samples.

    Args:
        curve: ``(B, F)`` of :func:`compute_perturbation_curve`.
        label: classes ``(B,)``.

    Returns:
        tensor of shape ``(F,)``.
    """
    return torch.stack([curve[label == k].mean(0) for k in label.unique()]).mean(0)


class PerturbationAUCMetric(EpochMetric):
    """Area under the curve of balanced accuracy over the fraction of removed pixels (Ron et al. 2022, Table 1).

    Called with the logits of :func:`~monai_dd.metrics.perturb_logits` ``(B, F, K)`` and the labels ``(B,)``. Pixels are
    removed in ascending importance there; a map that ranks what matters last keeps the network right for longer.

    Args:
        fractions: ``F`` increasing numbers from 0 to 1, those that the logits are of.

    Attributes:
        better: direction in which the metric improves.

    Raises:
        ValueError: for other fractions.
    """

    better = "higher"

    def __init__(self, fractions: Sequence[float]) -> None:
        super().__init__()
        self.fractions = check_fractions(fractions).tolist()

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        if y_pred.dim() == 3 and y_pred.shape[1] != len(self.fractions):
            raise ValueError(f"logits: expected {len(self.fractions)} fractions, got {tuple(y_pred.shape)}")
        return compute_perturbation_curve(y_pred, y), y.reshape(-1, 1)

    def aggregate_curve(self) -> torch.Tensor:
        """Return the balanced accuracy at each fraction ``(F,)`` over everything seen since the last reset."""
        curve, label = self.get_buffer()
        return average_over_classes(curve, label.reshape(-1))

    def aggregate(self) -> float:
        """Return the area under the curve of everything seen since the last reset."""
        return float(compute_area(self.aggregate_curve(), self.fractions))
