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
"""Probability of a class as the most important pixels are removed and added."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monai_dd.metrics.utils.areas import check_fractions, check_logits, compute_area

__all__ = ["compute_deletion_auc", "compute_insertion_auc"]


def compute_deletion_auc(
    logits: torch.Tensor, fractions: Sequence[float], class_idx: torch.Tensor | None = None
) -> torch.Tensor:
    """Area under the probability of a class as the most important pixels are removed (Petsiuk et al. 2018).

    Args:
        logits: ``(B, F, K)`` of :func:`~monai_dd.metrics.perturb_logits` in ``descending`` order.
        fractions: of removed pixels, two or more increasing numbers from 0 to 1.
        class_idx: class of each sample ``(B,)``; when None the one predicted for the whole image.

    Returns:
        tensor of shape ``(B,)``, lower is better.

    Raises:
        ValueError: for other shapes, fractions or classes, or without class when the first fraction is not 0.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[[9.0, 0.0], [0.0, 0.0], [0.0, 9.0]]])  # none, half, all removed
        >>> compute_deletion_auc(logits, fractions=[0, 0.5, 1]).round(decimals=2)
        tensor([0.5000])
    """
    return _probability_area(logits, fractions, class_idx)


def compute_insertion_auc(
    logits: torch.Tensor, fractions: Sequence[float], class_idx: torch.Tensor | None = None
) -> torch.Tensor:
    """Area under the probability of a class as the most important pixels are added (Petsiuk et al. 2018).

    To add the most important share ``1 - f`` of the pixels to what fills the image is to remove the least important
    share ``f``: the curve of insertion is the one of ``ascending`` removal seen from its end, and the area is the same.

    Args:
        logits: ``(B, F, K)`` of :func:`~monai_dd.metrics.perturb_logits` in ``ascending`` order, with the ``fill`` that
            the pixels are added to.
        fractions: of removed pixels, two or more increasing numbers from 0 to 1.
        class_idx: class of each sample ``(B,)``; when None the one predicted for the whole image.

    Returns:
        tensor of shape ``(B,)``, higher is better.

    Raises:
        ValueError: for other shapes, fractions or classes, or without class when the first fraction is not 0.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[[9.0, 0.0], [9.0, 0.0], [0.0, 9.0]]])  # none, half, all removed
        >>> compute_insertion_auc(logits, fractions=[0, 0.5, 1]).round(decimals=2)
        tensor([0.7500])
    """
    return _probability_area(logits, fractions, class_idx)


def _probability_area(logits: torch.Tensor, fractions: Sequence[float], class_idx: torch.Tensor | None) -> torch.Tensor:
    if class_idx is None:
        if check_fractions(fractions)[0] != 0:
            raise ValueError(f"fractions: expected 0 first where the predicted class counts, got {fractions[0]}")
        class_idx = logits[:, 0].argmax(-1)
    class_idx = check_logits(logits, class_idx, "class_idx")
    probability = logits.float().softmax(2)[torch.arange(len(logits), device=logits.device), :, class_idx]
    return compute_area(probability, fractions)
