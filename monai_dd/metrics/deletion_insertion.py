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
"""How the probability of a class falls and rises as the most important pixels go and come."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers import GaussianFilter

from monai_dd.metrics.areas import check_fractions, check_logits, compute_area
from monai_dd.metrics.epoch import EpochMetric

__all__ = [
    "DeletionAUCMetric",
    "InsertionAUCMetric",
    "blur_image",
    "compute_deletion_auc",
    "compute_insertion_auc",
]


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
            the pixels are added to, such as :func:`blur_image`.
        fractions: of removed pixels, two or more increasing numbers from 0 to 1.
        class_idx: class of each sample ``(B,)``; when None the one predicted for the whole image.

    Returns:
        tensor of shape ``(B,)``, higher is better.

    Raises:
        ValueError: for other shapes, fractions or classes, or without class when the first fraction is not 0.
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


def blur_image(image: torch.Tensor, sigma: float = 5.0) -> torch.Tensor:
    """Smooth images by a Gaussian filter: something to add pixels to that has no edges of its own.

    Args:
        image: ``(B, C, *spatial)``, 2D or 3D; outside of it lie zeros.
        sigma: standard deviation in pixels.

    Returns:
        tensor of the image's shape.

    Raises:
        ValueError: for a filter that is not positive.
    """
    if not sigma > 0:
        raise ValueError(f"sigma: expected a positive number of pixels, got {sigma}")
    image = image.as_subclass(torch.Tensor)
    return GaussianFilter(image.dim() - 2, float(sigma)).to(image.device)(image)


class DeletionAUCMetric(EpochMetric):
    """Mean of :func:`compute_deletion_auc` over the samples of an epoch.

    Called with logits ``(B, F, K)`` and classes ``(B,)``, or with logits alone for the predicted classes.

    Args:
        fractions: of removed pixels, two or more increasing numbers from 0 to 1.

    Attributes:
        better: direction in which the metric improves.

    Raises:
        ValueError: for other fractions.
    """

    better = "lower"

    def __init__(self, fractions: Sequence[float]) -> None:
        super().__init__()
        self.fractions = check_fractions(fractions).tolist()

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:  # type: ignore[override]
        return compute_deletion_auc(y_pred, self.fractions, y)

    def aggregate(self) -> float:
        """Return the mean of everything seen since the last reset."""
        return float(self.get_buffer().mean())


class InsertionAUCMetric(DeletionAUCMetric):
    """Mean of :func:`compute_insertion_auc` over the samples of an epoch; called as :class:`DeletionAUCMetric` is."""

    better = "higher"

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:  # type: ignore[override]
        return compute_insertion_auc(y_pred, self.fractions, y)
