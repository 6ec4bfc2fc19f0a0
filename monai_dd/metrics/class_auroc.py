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
"""Area under the ROC curve of each class of a classifier that gives an image any number of labels."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from monai_dd.metrics.utils.epoch import EpochMetric

__all__ = ["ClassAUROCMetric", "compute_class_auroc"]


def compute_class_auroc(y_pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Area under the ROC curve of each class over the images, scikit-learn's.

    MONAI's ``compute_roc_auc`` gives the same numbers, image by image in Python, and its mean over the classes is
    NaN as soon as one class lacks positive images; its handler reports the first class alone.

    Args:
        y_pred: scores ``(B, K)``, higher for the label; logits or probabilities.
        y: zeros and ones ``(B, K)``.

    Returns:
        tensor of shape ``(K,)``, float64 on the CPU; NaN for classes that all images have, or none.

    Raises:
        ValueError: for other shapes or labels, or scores that are NaN.

    Example:
        >>> import torch
        >>> scores = torch.tensor([[0.9, 0.1], [0.2, 0.3], [0.6, 0.2]])
        >>> compute_class_auroc(scores, torch.tensor([[1, 0], [0, 0], [1, 0]]))  # no image has the second label
        tensor([1., nan], dtype=torch.float64)
    """
    scores, labels = _read(y_pred, y)
    areas = np.full(labels.shape[1], np.nan)
    both = (labels == 0).any(axis=0) & (labels == 1).any(axis=0)
    if both.any():
        areas[both] = roc_auc_score(labels[:, both], scores[:, both], average=None)
    return torch.from_numpy(areas)


def _read(y_pred: torch.Tensor, y: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels ``(B, K)`` for scikit-learn, in float64 and as whole numbers.

    Raises:
        ValueError: for other shapes or labels, or scores that are NaN.
    """
    if y_pred.dim() != 2 or y.shape != y_pred.shape:
        raise ValueError(f"y_pred, y: expected (B, K), got {tuple(y_pred.shape)} and {tuple(y.shape)}")
    scores, labels = y_pred.detach().cpu().double().numpy(), y.detach().cpu().numpy()
    if np.isnan(scores).any():
        raise ValueError(f"y_pred: expected numbers, got {int(np.isnan(scores).sum())} NaN")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("y: expected zeros and ones, got other values")
    return scores, labels.astype(int)


class ClassAUROCMetric(EpochMetric):
    """Area under the ROC curve of each class over all samples of an epoch, see :func:`compute_class_auroc`.

    Attributes:
        better: direction in which the metric improves.

    Example:
        >>> import torch
        >>> metric = ClassAUROCMetric()
        >>> _ = metric(torch.tensor([[0.9, 0.1], [0.2, 0.3]]), torch.eye(2))
        >>> metric.aggregate()
        tensor([1., 1.], dtype=torch.float64)
    """

    better = "higher"

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        return y_pred, y

    def aggregate(self) -> torch.Tensor:
        """Return the areas ``(K,)`` of everything seen since the last reset."""
        y_pred, y = self.get_buffer()
        return compute_class_auroc(y_pred, y)
