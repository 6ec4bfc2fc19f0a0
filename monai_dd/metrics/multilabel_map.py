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
"""Mean average precision of a classifier that gives an image any number of labels."""

from __future__ import annotations

import torch
from sklearn.metrics import average_precision_score

from monai_dd.metrics.epoch import EpochMetric
from monai_dd.metrics.multilabel import read_multilabel

__all__ = ["MultilabelMAPMetric", "compute_multilabel_map"]


def compute_multilabel_map(y_pred: torch.Tensor, y: torch.Tensor) -> float:
    """Average precision of each class over the images, then the mean over the classes (Everingham et al. 2010).

    Average precision is scikit-learn's, without interpolation. A class that no image has is left out.

    Args:
        y_pred: scores ``(B, K)``, higher for the label; logits or probabilities.
        y: zeros and ones ``(B, K)``.

    Returns:
        number between 0 and 1; not-a-number when no image has a label.

    Raises:
        ValueError: for other shapes or labels, or scores that are not-a-number.
    """
    scores, labels = read_multilabel(y_pred, y)
    present = labels.any(axis=0)
    if not present.any():
        return float("nan")
    return float(average_precision_score(labels[:, present], scores[:, present], average="macro"))


class MultilabelMAPMetric(EpochMetric):
    """Mean average precision over all samples of an epoch, see :func:`compute_multilabel_map`.

    Attributes:
        better: direction in which the metric improves.
    """

    better = "higher"

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        return y_pred, y

    def aggregate(self) -> float:
        """Return the mean average precision of everything seen since the last reset."""
        y_pred, y = self.get_buffer()
        return compute_multilabel_map(y_pred, y)
