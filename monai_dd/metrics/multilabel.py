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
"""What metrics of several labels take."""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["read_multilabel"]


def read_multilabel(y_pred: torch.Tensor, y: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels ``(B, K)`` for scikit-learn, in float64 and as whole numbers.

    Raises:
        ValueError: for other shapes or labels, or scores that are not-a-number.
    """
    if y_pred.dim() != 2 or y.shape != y_pred.shape:
        raise ValueError(f"expected y_pred (B, K) and y (B, K), got {tuple(y_pred.shape)} and {tuple(y.shape)}")
    scores, labels = y_pred.detach().cpu().double().numpy(), y.detach().cpu().numpy()
    if np.isnan(scores).any():
        raise ValueError(f"y_pred: expected numbers, got {int(np.isnan(scores).sum())} not-a-number")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("y: expected zeros and ones, got other values")
    return scores, labels.astype(int)
