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
"""Balanced accuracy of a multi-class classifier."""

from __future__ import annotations

import torch
from sklearn.metrics import recall_score

from monai_dd.metrics.utils.epoch import EpochMetric

__all__ = ["BalancedAccuracyMetric", "compute_balanced_accuracy"]


def compute_balanced_accuracy(y_pred: torch.Tensor, y: torch.Tensor) -> float:
    """Mean recall over the classes present in ``y`` (Brodersen et al. 2010).

    Args:
        y_pred: scores ``(B, K)``; the largest is the prediction.
        y: classes ``(B,)`` or ``(B, 1)``.

    Returns:
        number between 0 and 1; NaN when there is no sample.

    Raises:
        ValueError: for other shapes, or classes outside ``0 .. K - 1``.

    Example:
        >>> import torch
        >>> compute_balanced_accuracy(torch.eye(2)[[0, 0, 0, 1]], torch.tensor([0, 0, 1, 1]))
        0.75
    """
    target = y.reshape(-1).cpu().long()
    if y_pred.dim() != 2 or target.shape[0] != y_pred.shape[0]:
        raise ValueError(f"y_pred, y: expected (B, K) and (B,), got {tuple(y_pred.shape)} and {tuple(y.shape)}")
    if target.numel() == 0:
        return float("nan")
    if int(target.min()) < 0 or int(target.max()) >= y_pred.shape[1]:
        raise ValueError(
            f"y: expected classes 0 to {y_pred.shape[1] - 1}, got {int(target.min())} to {int(target.max())}"
        )
    prediction = y_pred.argmax(dim=1).cpu()
    return float(recall_score(target, prediction, labels=target.unique(), average="macro", zero_division=0))


class BalancedAccuracyMetric(EpochMetric):
    """Balanced accuracy over all samples of an epoch, see :func:`compute_balanced_accuracy`.

    Attributes:
        better: direction in which the metric improves.

    Example:
        >>> import torch
        >>> metric = BalancedAccuracyMetric()
        >>> _ = metric(torch.eye(2)[[0, 0, 0, 1]], torch.tensor([0, 0, 1, 1]))
        >>> metric.aggregate()
        0.75
    """

    better = "higher"

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        return y_pred, y.reshape(-1, 1)

    def aggregate(self) -> float:
        """Return the balanced accuracy of everything seen since the last reset."""
        y_pred, y = self.get_buffer()
        return compute_balanced_accuracy(y_pred, y)
