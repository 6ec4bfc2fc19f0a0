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
"""Whether a map finds the box of each class, at thresholds that are chosen on a part of the images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import interpolate

from monai_dd.metrics.utils.epoch import EpochMetric
from monai_dd.utils.checks import check_finite, check_option

__all__ = ["BoxLocalizationMetric", "compute_box_iou", "compute_box_localization"]

LEVELS = 256
SELECTIONS = ("accuracy", "mean_iou")
_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def compute_box_iou(relevance: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    r"""Intersection over union of boxes and a map above each of 256 thresholds (Khakzar et al. 2019, Section 3.3).

    The map is resized to the mask by (bi-, tri-)linear interpolation and scaled by its minimum and maximum to 0..255.
    No box is drawn around what is above the threshold :math:`t`, the pixels themselves are compared:
    :math:`|\{v > t\} \cap \mathrm{box}| / |\{v > t\} \cup \mathrm{box}|` for :math:`t = 0, \dots, 255`.
    Nothing is above 255, and nothing of a constant map, which is scaled to 0, is above any threshold: the value is 0.

    All thresholds cost one histogram: for whole :math:`t` a value is above it when :math:`\lceil v \rceil` is.

    Args:
        relevance: a map for each image and class ``(B, K, *S)``; negative values are values as any others.
        mask: what is in the boxes of the class ``(B, K, *M)``, positive inside.

    Returns:
        tensor of shape ``(B, K, 256)``, float32; NaN where an image has no box of a class. The maps of such
        pairs are not read.

    Raises:
        ValueError: for other shapes, or a map with a box that has not finite values.

    Example:
        >>> import torch
        >>> mask = torch.zeros(1, 1, 4, 4)
        >>> mask[..., :2, :2] = 1
        >>> compute_box_iou(mask, mask)[0, 0, [0, 254, 255]]  # above 0, 254 and 255
        tensor([1., 1., 0.])
    """
    axes = relevance.dim() - 2
    if axes not in _MODES or mask.dim() != axes + 2 or relevance.shape[:2] != mask.shape[:2]:
        raise ValueError(
            f"relevance, mask: expected (B, K, *S) and (B, K, *M), got {tuple(relevance.shape)} and {tuple(mask.shape)}"
        )
    relevance = relevance.as_subclass(torch.Tensor)
    inside = (mask.as_subclass(torch.Tensor) > 0).to(relevance.device)
    boxed = inside.flatten(2).any(2)
    result = torch.full((*boxed.shape, LEVELS), torch.nan, device=relevance.device)
    if boxed.any():
        result[boxed] = _sweep(relevance[boxed], inside[boxed])
    return result


def _sweep(relevance: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Intersections over union ``(N, 256)`` of maps ``(N, *S)`` and what is inside ``(N, *M)``, never empty."""
    check_finite("relevance", relevance)
    mode = _MODES[inside.dim() - 1]
    values = interpolate(relevance[:, None].double(), size=inside.shape[1:], mode=mode, align_corners=False).flatten(1)
    low, high = values.aminmax(dim=1, keepdim=True)
    span = high - low
    scaled = torch.where(span > 0, (values - low) / span * (LEVELS - 1), 0.0)
    cells = scaled.ceil().long() + LEVELS * torch.arange(len(scaled), device=scaled.device)[:, None]
    inside = inside.flatten(1)
    all_above, both = (
        torch.bincount(found, minlength=LEVELS * len(scaled)).reshape(-1, LEVELS).flip(1).cumsum(1).flip(1)
        for found in (cells.flatten(), cells[inside])
    )
    iou = both / (all_above + inside.sum(1, keepdim=True) - both)
    return torch.cat([iou[:, 1:], torch.zeros_like(iou[:, :1])], dim=1).float()  # above t is from t + 1 on


def compute_box_localization(
    iou: torch.Tensor,
    iou_thresholds: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
    folds: int = 5,
    select: str = "accuracy",
    seed: int = 0,
) -> torch.Tensor:
    r"""Localization accuracy of each class, cross-validated over its threshold (Khakzar et al. 2019, Section 3.3).

    An image is right at :math:`T` when its intersection over union is greater than :math:`T`. The images that have a
    box of a class are divided at random into ``folds`` parts of equal size, up to one image. Each part in turn chooses
    the class's threshold of the map, the other parts, four fifths of the images, are evaluated with it, and the mean of
    the turns is the accuracy. Classes are divided by themselves, so that every part has images of each.

    The paper chooses by "localization performance". ``accuracy`` takes this as the accuracy at each :math:`T`: a
    threshold for each class and :math:`T`, where equal ones are told apart by the mean intersection over union, then
    by the lower threshold. ``mean_iou`` takes one threshold for each class, the best by that mean: every :math:`T` is
    measured with the same pixels, and where images are few, chance decides less.

    The order of the images does not matter: they are sorted by their values before the seed divides them.

    Args:
        iou: ``(N, K, 256)`` of :func:`compute_box_iou`, NaN for images without a box of the class.
        iou_thresholds: values of :math:`T`, each from 0 to less than 1.
        folds: parts, 2 or more.
        select: ``accuracy`` or ``mean_iou``.
        seed: of the division.

    Returns:
        tensor of shape ``(K, len(iou_thresholds))``, float64 on the CPU; NaN for classes with fewer images
        than folds.

    Raises:
        ValueError: for other shapes or options.

    Example:
        >>> import torch
        >>> iou = torch.full((10, 1, 256), 0.55)  # ten images with a box of the one class
        >>> compute_box_localization(iou, iou_thresholds=(0.5, 0.6))
        tensor([[1., 0.]], dtype=torch.float64)
    """
    _check_options(iou_thresholds, folds, select)
    if iou.dim() != 3:
        raise ValueError(f"iou: expected (N, K, thresholds), got {tuple(iou.shape)}")
    curves = iou.detach().cpu().double().numpy()
    rows = [_cross_validate(curves[:, k], iou_thresholds, folds, select, seed) for k in range(curves.shape[1])]
    return torch.from_numpy(np.array(rows).reshape(-1, len(iou_thresholds)))


def _cross_validate(
    curves: np.ndarray, iou_thresholds: Sequence[float], folds: int, select: str, seed: int
) -> np.ndarray:
    """Accuracies of one class from curves ``(N, thresholds)``."""
    curves = curves[~np.isnan(curves[:, 0])]
    if len(curves) < folds:
        return np.full(len(iou_thresholds), np.nan)
    curves = curves[np.lexsort(curves.T)]
    parts = np.array_split(np.random.default_rng(seed).permutation(len(curves)), folds)
    # T is rounded as the curves are: 0.7 of float32 is not above 0.7
    right = curves[:, :, None] > np.asarray(iou_thresholds, dtype=np.float32)
    turns = []
    for part in parts:
        quality = curves[part].mean(0)[:, None] * np.ones(len(iou_thresholds))
        if select == "accuracy":
            quality = right[part].sum(0) + quality / 2  # a mean of 0 to 1 tells equal counts apart, no others
        chosen = quality.argmax(0)
        rest = np.delete(right, part, axis=0)
        turns.append(rest[:, chosen, np.arange(len(iou_thresholds))].mean(0))
    return np.mean(turns, axis=0)


def _check_options(iou_thresholds: Sequence[float], folds: int, select: str) -> None:
    if not len(iou_thresholds) or not all(0 <= t < 1 for t in iou_thresholds):
        raise ValueError(f"iou_thresholds: expected numbers from 0 to less than 1, got {list(iou_thresholds)}")
    if folds < 2:
        raise ValueError(f"folds: expected 2 or more, got {folds}")
    check_option("select", select, SELECTIONS)


class BoxLocalizationMetric(EpochMetric):
    """Localization accuracy over the images of an epoch that have boxes, see :func:`compute_box_localization`.

    It keeps 1 kB for each image and class; images without boxes are better left out of the data.

    Args:
        iou_thresholds: see :func:`compute_box_localization`, as are the others.
        folds: parts of the images.
        select: ``accuracy`` or ``mean_iou``.
        seed: of the division.

    Attributes:
        better: direction in which the metric improves.

    Raises:
        ValueError: for other options.

    Example:
        >>> import torch
        >>> mask = torch.zeros(5, 1, 8, 8)
        >>> mask[..., :4, :4] = 1
        >>> metric = BoxLocalizationMetric(iou_thresholds=(0.5,))
        >>> _ = metric(mask, mask)
        >>> metric.aggregate(), metric.count_images()
        (tensor([[1.]], dtype=torch.float64), tensor([5]))
    """

    better = "higher"

    def __init__(
        self,
        iou_thresholds: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
        folds: int = 5,
        select: str = "accuracy",
        seed: int = 0,
    ) -> None:
        super().__init__()
        _check_options(iou_thresholds, folds, select)
        self.iou_thresholds = tuple(iou_thresholds)
        self.options = {"folds": folds, "select": select, "seed": seed}

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return compute_box_iou(y_pred, y)

    def aggregate(self) -> torch.Tensor:
        """Return the accuracies ``(K, len(iou_thresholds))``; NaN for classes with fewer images than folds."""
        return compute_box_localization(self.get_buffer(), self.iou_thresholds, **self.options)

    def count_images(self) -> torch.Tensor:
        """Return the number of images with a box of each class, ``(K,)``."""
        return (~self.get_buffer()[..., 0].isnan()).sum(0).cpu()
