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
"""The objective of loss-based attention: the image shall be right, and so shall every patch that decides it."""

from __future__ import annotations

import torch
from monai.utils import LossReduction
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, log_softmax, logsigmoid, one_hot
from torch.nn.modules.loss import _Loss

from monai_dd.losses.reduction import reduce_loss
from monai_dd.losses.targets import check_labels, class_indices
from monai_dd.utils.outputs import read_logits, read_patches
from monai_dd.utils.precision import to_single

__all__ = ["LossAttentionLoss", "compute_patch_loss"]


def compute_patch_loss(
    patch_logits: torch.Tensor, patch_weights: torch.Tensor, labels: torch.Tensor, multi_label: bool = False
) -> torch.Tensor:
    r"""Loss of the patches by their weights, for each sample (Shi et al. 2021, second terms of Eq. 9 and 10).

    :math:`-\sum_m \alpha_m \max_{k : y_k = 1} \log p_{mk}`, where :math:`p_m` is the softmax of the logits of patch
    :math:`m`, or their sigmoid where an image may have several labels: of those one is enough for a patch. An image
    without any label says nothing about its patches; there the term is 0.

    The weights are part of the objective, so that its gradient lowers those of patches of other classes.

    Args:
        patch_logits: ``(B, K, *S)``.
        patch_weights: ``(B, 1, *S)``.
        labels: ``(B, K)``, positive for the labels of the image.
        multi_label: sigmoid instead of softmax.

    Returns:
        tensor of shape ``(B,)``.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> logits, weights = torch.zeros(1, 2, 4), torch.full((1, 1, 4), 0.25)
        >>> compute_patch_loss(logits, weights, torch.tensor([[0, 1]]))
        tensor([0.6931])
    """
    batch, num_classes, *grid = patch_logits.shape
    if patch_weights.shape != (batch, 1, *grid) or labels.shape != (batch, num_classes):
        raise ValueError(
            "expected patch_logits (B, K, *S), patch_weights (B, 1, *S) and labels (B, K), got "
            f"{tuple(patch_logits.shape)}, {tuple(patch_weights.shape)} and {tuple(labels.shape)}"
        )
    logits = patch_logits.flatten(2)
    log_p = logsigmoid(logits) if multi_label else log_softmax(logits, dim=1)
    positive = labels[:, :, None] > 0
    best = log_p.masked_fill(~positive, -torch.inf).amax(1)
    best = best.masked_fill(~positive.any(1), 0.0)  # no label, no term
    return -(patch_weights.flatten(1) * best).sum(1)


class LossAttentionLoss(_Loss):
    r"""Loss of the image plus ``gamma`` times :func:`compute_patch_loss` (Shi et al. 2021, Eq. 9 and 10).

    The loss of the image is the cross-entropy (Eq. 9), or with ``multi_label`` the binary cross-entropy summed over the
    classes (Eq. 10). With ``gamma`` zero it takes plain logits too, and is what mean pooling and dynamic routing train
    with.

    Args:
        gamma: weight of the patches, 0.1 in the paper; :func:`~monai_dd.handlers.gaussian_ramp_up` raises it epoch by
            epoch.
        multi_label: whether an image has any number of labels.
        label_smoothing: of the cross-entropy of the image; the paper has none.
        reduction: ``mean``, ``sum`` or ``none`` (one number for each sample).

    Attributes:
        gamma: as given; may be changed at any time.

    Raises:
        ValueError: for a negative ``gamma``, or label smoothing together with ``multi_label``.

    Example:
        >>> from monai_dd.utils.outputs import add_patches
        >>> output = add_patches({"logits": torch.zeros(1, 2)}, torch.full((1, 1, 4), 0.25), torch.zeros(1, 2, 4))
        >>> LossAttentionLoss(gamma=0.1)(output, torch.tensor([1]))
        tensor(0.7625)
    """

    def __init__(
        self,
        gamma: float = 0.1,
        multi_label: bool = False,
        label_smoothing: float = 0.0,
        reduction: LossReduction | str = LossReduction.MEAN,
    ) -> None:
        super().__init__(reduction=LossReduction(reduction).value)
        if gamma < 0:
            raise ValueError(f"gamma: expected 0 or more, got {gamma}")
        if multi_label and label_smoothing > 0:
            raise ValueError(f"label_smoothing: expected 0 with multi_label, got {label_smoothing}")
        self.gamma = gamma
        self.multi_label = multi_label
        self.label_smoothing = label_smoothing

    def forward(self, output: dict[str, torch.Tensor] | torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of a network's dictionary (or logits) and a target.

        Args:
            output: dictionary with ``logits`` ``(B, K)``, ``patch_logits`` ``(B, K, *S)`` and ``patch_weights``
                ``(B, 1, *S)``.
            target: ``(B,)``, ``(B, 1)`` or one-hot ``(B, K)``; with ``multi_label`` zeros and ones ``(B, K)``.

        Raises:
            ValueError: when ``output`` does not hold the patches, or for a target of another shape or other values.
        """
        logits = to_single(read_logits(output))
        num_classes = logits.shape[1]
        if self.multi_label:
            labels = check_labels(target, num_classes).to(logits)
            per_sample = binary_cross_entropy_with_logits(logits, labels, reduction="none").sum(1)
        else:
            classes = class_indices(target, num_classes)
            per_sample = cross_entropy(logits, classes, label_smoothing=self.label_smoothing, reduction="none")
            labels = one_hot(classes, num_classes)
        if self.gamma > 0:
            weights, patch_logits = (to_single(patches) for patches in read_patches(output))
            per_sample = per_sample + self.gamma * compute_patch_loss(patch_logits, weights, labels, self.multi_label)
        return reduce_loss(per_sample, self.reduction)
