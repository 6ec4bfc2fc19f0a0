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
"""Whether the patches that a network selects are those in which the object lies."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monai_dd.metrics.utils.epoch import EpochMetric
from monai_dd.metrics.utils.patch_grid import patch_shares
from monai_dd.utils.checks import check_finite, check_option

__all__ = [
    "PatchSelectionMetric",
    "compute_patch_selection",
    "count_patches",
    "patches_of_label",
    "select_patches",
]

MEASURES = ("precision", "recall", "f_score")


def select_patches(weights: torch.Tensor, xi: float = 0.0) -> torch.Tensor:
    r"""Patches whose weight exceeds :math:`\xi / M` (Shi et al. 2021, Section V-D), boolean, of the same shape.

    Args:
        weights: ``(B, 1, *G)`` on a grid of ``M`` patches.
        xi: 0 for loss-based attention, which has weights of zero; 0.1 in the paper for other attention.

    Example:
        >>> import torch
        >>> select_patches(torch.tensor([[[0.0, 0.01, 0.99]]]), xi=0.1)
        tensor([[[False, False,  True]]])
    """
    return weights.as_subclass(torch.Tensor) > xi / weights[0, 0].numel()


def patches_of_label(patch_logits: torch.Tensor, target: torch.Tensor, multi_label: bool = False) -> torch.Tensor:
    """Whether the class of each patch is that of its image, ``(B, 1, *G)``.

    The paper's tables count only these among the selected: give the metrics the weights times this.

    Args:
        patch_logits: ``(B, K, *G)``; the largest is the class of a patch, with ``multi_label`` all that are positive.
        target: class of each image ``(B,)`` or ``(B, 1)``; with ``multi_label`` zeros and ones ``(B, K)``.
        multi_label: whether one class in common is enough.

    Raises:
        ValueError: for a target of another shape.

    Example:
        >>> import torch
        >>> patches_of_label(torch.tensor([[[2.0, -1.0], [0.0, 3.0]]]), target=torch.tensor([1]))
        tensor([[[False,  True]]])
    """
    batch, num_classes, *grid = patch_logits.shape
    expected = (batch, num_classes) if multi_label else (batch, 1)
    target = target.reshape(-1, 1) if target.dim() == 1 else target
    if target.shape != expected:
        raise ValueError(f"target: expected {expected}, got {tuple(target.shape)}")
    target = target.reshape(*expected, *[1] * len(grid)).to(patch_logits.device)
    if multi_label:
        return ((patch_logits > 0) & (target > 0)).any(1, keepdim=True)
    return patch_logits.argmax(1, keepdim=True) == target


def count_patches(
    weights: torch.Tensor,
    mask: torch.Tensor,
    kernel: Sequence[int] | int,
    stride: Sequence[int] | int,
    padding: Sequence[int] | int = 0,
    xi: float = 0.0,
) -> torch.Tensor:
    """Numbers of patches that are selected and inside, selected, and inside, for each sample.

    A patch is inside when more than half of it lies in the mask. Arguments are those of
    :func:`compute_patch_selection`.

    Returns:
        whole numbers ``(B, 3)``.

    Raises:
        ValueError: see there.

    Example:
        >>> import torch
        >>> weights, mask = torch.tensor([[[[0.5, 0.5], [0.0, 0.0]]]]), torch.zeros(1, 1, 8, 8)
        >>> mask[..., :, :4] = 1
        >>> count_patches(weights, mask, kernel=4, stride=4)
        tensor([[1, 2, 2]])
    """
    if weights.dim() != mask.dim() or weights.shape[:2] != mask.shape[:2]:
        raise ValueError(
            f"weights, mask: expected (B, 1, *G) and (B, 1, *S), got {tuple(weights.shape)} and {tuple(mask.shape)}"
        )
    check_finite("weights", weights)
    selected = select_patches(weights, xi).flatten(1)
    inside = (patch_shares(mask.to(weights.device), weights.shape[2:], kernel, stride, padding) > 0.5).flatten(1)
    return torch.stack([(selected & inside).sum(1), selected.sum(1), inside.sum(1)], dim=1)


def compute_patch_selection(
    weights: torch.Tensor,
    mask: torch.Tensor,
    kernel: Sequence[int] | int,
    stride: Sequence[int] | int,
    padding: Sequence[int] | int = 0,
    xi: float = 0.0,
) -> torch.Tensor:
    r"""Precision, recall and F-score of the selected patches, for each sample (Shi et al. 2021, Section V-D).

    Precision is the share of the selected patches that is inside, recall the share of those inside that is selected,
    the F-score their harmonic mean, :math:`2 n_{both} / (n_{selected} + n_{inside})`. Boxes become a mask by
    :func:`~monai_dd.metrics.boxes_to_mask`.

    Args:
        weights: of the patches ``(B, 1, *G)``.
        mask: ``(B, 1, *S)``, positive inside.
        kernel: side of a patch, in pixels of the mask, see :func:`~monai_dd.metrics.patch_boxes`.
        stride: from one patch to the next, in pixels.
        padding: how far the first patch lies before the image, in pixels.
        xi: see :func:`select_patches`.

    Returns:
        tensor of shape ``(B, 3)``; NaN where no patch is inside (there is none that could be found), and the
        precision also where no patch is selected.

    Raises:
        ValueError: for other shapes, weights that are not finite, or when such patches do not make the grid of the
            weights on an image of this size.

    Example:
        >>> import torch
        >>> weights, mask = torch.tensor([[[[0.5, 0.5], [0.0, 0.0]]]]), torch.zeros(1, 1, 8, 8)
        >>> mask[..., :4, :4] = 1
        >>> compute_patch_selection(weights, mask, kernel=4, stride=4)
        tensor([[0.5000, 1.0000, 0.6667]])
    """
    return _score(count_patches(weights, mask, kernel, stride, padding, xi))


def _score(counts: torch.Tensor) -> torch.Tensor:
    both, selected, inside = counts.unbind(-1)
    scores = torch.stack([both / selected, both / inside, 2 * both / (selected + inside)], dim=-1)
    return torch.where(inside[..., None] > 0, scores, torch.nan)


class PatchSelectionMetric(EpochMetric):
    """Precision, recall or F-score of the selected patches of an epoch, see :func:`compute_patch_selection`.

    Patches of all images count alike, as in the paper: the numbers are added up before they are divided. Images without
    a patch inside are left out.

    Args:
        kernel: see :func:`compute_patch_selection`, as are ``stride``, ``padding`` and ``xi``.
        stride: from one patch to the next, in pixels.
        padding: how far the first patch lies before the image, in pixels.
        xi: see :func:`select_patches`.
        measure: ``precision``, ``recall`` or ``f_score``.

    Attributes:
        better: direction in which the metric improves.

    Raises:
        ValueError: for an unknown measure.

    Example:
        >>> import torch
        >>> weights, mask = torch.tensor([[[[0.5, 0.5], [0.0, 0.0]]]]), torch.zeros(1, 1, 8, 8)
        >>> mask[..., :4, :4] = 1
        >>> metric = PatchSelectionMetric(kernel=4, stride=4, measure="precision")
        >>> _ = metric(weights, mask)
        >>> metric.aggregate()
        0.5
    """

    better = "higher"

    def __init__(
        self,
        kernel: Sequence[int] | int,
        stride: Sequence[int] | int,
        padding: Sequence[int] | int = 0,
        xi: float = 0.0,
        measure: str = "f_score",
    ) -> None:
        super().__init__()
        self.measure = check_option("measure", measure, MEASURES)
        self.options = {"kernel": kernel, "stride": stride, "padding": padding, "xi": xi}

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return count_patches(y_pred, y, **self.options)

    def aggregate(self) -> float:
        """Return the measure over all patches; NaN when there is none that could be found, or selected."""
        counts = self.get_buffer()
        return float(_score(counts[counts[:, 2] > 0].sum(0))[MEASURES.index(self.measure)])
