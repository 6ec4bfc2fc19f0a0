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
"""Whether the box around the selected patches is that of the object."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monai_dd.metrics.patch_selection import select_patches
from monai_dd.metrics.utils.epoch import EpochMetric
from monai_dd.metrics.utils.patch_grid import patch_boxes, patch_shares
from monai_dd.utils.checks import check_finite

__all__ = ["PatchLocalizationMetric", "compute_patch_box_iou", "mask_boxes", "selected_boxes"]


def mask_boxes(mask: torch.Tensor) -> torch.Tensor:
    """Smallest box around each mask.

    Args:
        mask: ``(B, 1, *S)`` with ``D`` axes, positive inside.

    Returns:
        whole numbers ``(B, 2 D)``: first pixels along each axis, then the ends (not included); zeros where the mask is
        empty.

    Example:
        >>> import torch
        >>> mask = torch.zeros(1, 1, 6, 6)
        >>> mask[..., 1:3, 2:5] = 1
        >>> mask_boxes(mask)
        tensor([[1, 2, 3, 5]])
    """
    inside = mask[:, 0].as_subclass(torch.Tensor) > 0
    axes = inside.dim() - 1
    firsts, ends = [], []
    for axis in range(1, axes + 1):
        others = [a for a in range(1, axes + 1) if a != axis]
        along = (inside.any(others) if others else inside).int()  # argmax gives the first of equal values
        found = along.amax(1)
        firsts.append(along.argmax(1) * found)
        ends.append((along.shape[1] - along.flip(1).argmax(1)) * found)
    return torch.stack([*firsts, *ends], dim=1)


def selected_boxes(
    weights: torch.Tensor,
    size: Sequence[int],
    kernel: Sequence[int] | int,
    stride: Sequence[int] | int,
    padding: Sequence[int] | int = 0,
    xi: float = 0.0,
) -> torch.Tensor:
    """Smallest box around the selected patches of each sample, cut at the edge of the image.

    Args:
        weights: of the patches ``(B, 1, *G)`` with ``D`` axes.
        size: of the image, ``D`` numbers.
        kernel: side of a patch, in pixels, see :func:`~monai_dd.metrics.patch_boxes`.
        stride: from one patch to the next, in pixels.
        padding: how far the first patch lies before the image, in pixels.
        xi: see :func:`~monai_dd.metrics.select_patches`.

    Returns:
        whole numbers ``(B, 2 D)`` as of :func:`mask_boxes`; zeros where no patch is selected.

    Example:
        >>> import torch
        >>> weights = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]])
        >>> selected_boxes(weights, size=(8, 8), kernel=4, stride=4)
        tensor([[0, 4, 4, 8]])
    """
    selected = select_patches(weights, xi).flatten(1)[..., None]
    low, high = patch_boxes(weights.shape[2:], kernel, stride, padding).to(weights.device).chunk(2, dim=1)
    edge = torch.tensor(list(size), device=weights.device)
    first = torch.where(selected, low, edge).amin(1).clamp(min=0)
    end = torch.where(selected, high, 0).amax(1).minimum(edge)
    return torch.cat([first, end], dim=1) * selected.any(1)


def compute_patch_box_iou(
    weights: torch.Tensor,
    mask: torch.Tensor,
    kernel: Sequence[int] | int,
    stride: Sequence[int] | int,
    padding: Sequence[int] | int = 0,
    xi: float = 0.0,
) -> torch.Tensor:
    """Intersection over union of the boxes around the selected patches and around the mask (Shi et al. 2021).

    Args:
        weights: of the patches ``(B, 1, *G)``.
        mask: ``(B, 1, *S)``, positive inside; boxes become one by :func:`~monai_dd.metrics.boxes_to_mask`.
        kernel: side of a patch, in pixels of the mask, see :func:`~monai_dd.metrics.patch_boxes`.
        stride: from one patch to the next, in pixels.
        padding: how far the first patch lies before the image, in pixels.
        xi: see :func:`~monai_dd.metrics.select_patches`.

    Returns:
        tensor of shape ``(B,)``; 0 where no patch is selected, NaN where the mask is empty.

    Raises:
        ValueError: for other shapes, weights that are not finite, or when such patches do not make the grid of the
            weights on an image of this size.

    Example:
        >>> import torch
        >>> weights, mask = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]]), torch.zeros(1, 1, 8, 8)
        >>> mask[..., :4, 6:] = 1
        >>> compute_patch_box_iou(weights, mask, kernel=4, stride=4)
        tensor([0.5000])
    """
    if weights.dim() != mask.dim() or weights.shape[:2] != mask.shape[:2]:
        raise ValueError(
            f"weights, mask: expected (B, 1, *G) and (B, 1, *S), got {tuple(weights.shape)} and {tuple(mask.shape)}"
        )
    check_finite("weights", weights)
    patch_shares(mask[:1], weights.shape[2:], kernel, stride, padding)  # refuses patches that do not fit
    found = selected_boxes(weights, mask.shape[2:], kernel, stride, padding, xi)
    true = mask_boxes(mask).to(found.device)
    axes = found.shape[1] // 2  # MONAI's box_iou takes no boxes of one axis, and all pairs of a batch
    low = torch.maximum(found[:, :axes], true[:, :axes])
    high = torch.minimum(found[:, axes:], true[:, axes:])
    both = (high - low).clamp(min=0).prod(1)
    areas = [(box[:, axes:] - box[:, :axes]).prod(1) for box in (found, true)]
    return torch.where(areas[1] > 0, both / (areas[0] + areas[1] - both), torch.nan)


class PatchLocalizationMetric(EpochMetric):
    """Localization AP: share of the images whose box is found, IoU above a threshold (Shi et al. 2021, Table IV).

    One box for each image, without a score: the share that is right is the paper's average precision. Images with an
    empty mask are left out.

    Args:
        kernel: see :func:`compute_patch_box_iou`, as are ``stride``, ``padding`` and ``xi``.
        stride: from one patch to the next, in pixels.
        padding: how far the first patch lies before the image, in pixels.
        xi: see :func:`~monai_dd.metrics.select_patches`.
        min_iou: what the intersection over union must exceed, from 0 to less than 1.

    Attributes:
        better: direction in which the metric improves.

    Raises:
        ValueError: for another ``min_iou``.

    Example:
        >>> import torch
        >>> weights, mask = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]]), torch.zeros(1, 1, 8, 8)
        >>> mask[..., :4, 5:] = 1
        >>> metric = PatchLocalizationMetric(kernel=4, stride=4)
        >>> _ = metric(weights, mask)
        >>> metric.aggregate()
        1.0
    """

    better = "higher"

    def __init__(
        self,
        kernel: Sequence[int] | int,
        stride: Sequence[int] | int,
        padding: Sequence[int] | int = 0,
        xi: float = 0.0,
        min_iou: float = 0.5,
    ) -> None:
        super().__init__()
        if not 0 <= min_iou < 1:
            raise ValueError(f"min_iou: expected a number from 0 to less than 1, got {min_iou}")
        self.min_iou = min_iou
        self.options = {"kernel": kernel, "stride": stride, "padding": padding, "xi": xi}

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return compute_patch_box_iou(y_pred, y, **self.options)

    def aggregate(self) -> float:
        """Return the share over the images with a mask; NaN when there is none."""
        iou = self.get_buffer()
        iou = iou[~iou.isnan()]
        return float((iou > self.min_iou).float().mean())
