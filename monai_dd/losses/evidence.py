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
"""High potential shall mean evidence of a finding."""

from __future__ import annotations

import math

import torch
from monai.utils import LossReduction
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.modules.loss import _Loss

from monai_dd.losses.reduction import reduce_loss
from monai_dd.losses.targets import check_labels, class_indices
from monai_dd.utils.outputs import read_levels, read_logits

__all__ = ["EvidenceLoss", "compute_evidence"]


def compute_evidence(phi: torch.Tensor) -> torch.Tensor:
    r"""Evidence of a level: :math:`\mathrm{logsumexp}(\phi) - \log n` over its ``n`` cells, shape ``(B,)``.

    The soft maximum of the potential: at least its mean, at most its maximum.

    Example:
        >>> compute_evidence(torch.tensor([[[[0.0, 0.0], [0.0, 4.0]]]]))
        tensor([2.6672])
    """
    cells = phi.flatten(1)
    return torch.logsumexp(cells, dim=1) - math.log(cells.shape[1])


class EvidenceLoss(_Loss):
    """Binary cross-entropy of each level's evidence against the label "any finding", mean over levels.

    Softmax does not see the sign of what it weighs: attention may collect evidence for "normal" and classify well.
    This loss makes high potential mean a finding. Classes other than ``normal_class`` are findings; where an image may
    have several labels, every label is one.

    Args:
        normal_class: index of the class without a finding; ``None`` for images with any number of labels.
        reduction: ``mean``, ``sum`` or ``none`` (one number for each sample).

    Raises:
        ValueError: for a negative ``normal_class``.

    Example:
        >>> from monai_dd.utils.outputs import make_output
        >>> grids = [torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)]
        >>> EvidenceLoss()(make_output(torch.zeros(1, 2), grids, grids, grids), torch.tensor([1]))
        tensor(0.6931)
    """

    def __init__(self, normal_class: int | None = 0, reduction: LossReduction | str = LossReduction.MEAN) -> None:
        super().__init__(reduction=LossReduction(reduction).value)
        if normal_class is not None and normal_class < 0:
            raise ValueError(f"normal_class: expected a class index, got {normal_class}")
        self.normal_class = normal_class

    def forward(self, output: dict[str, torch.Tensor], target: torch.Tensor) -> torch.Tensor:
        """Return the loss of a network's dictionary and a target.

        Args:
            output: dictionary of :class:`~monai_dd.networks.nets.AttentionClassifier`.
            target: ``(B,)``, ``(B, 1)`` or one-hot ``(B, K)``; zeros and ones ``(B, K)`` for any number of labels.

        Raises:
            ValueError: when ``output`` holds no potentials or too few classes, or for a target of another shape.
        """
        potentials = read_levels(output, "phi")
        finding = self._finding(target, read_logits(output).shape[1])
        evidence = torch.stack([compute_evidence(phi) for phi in potentials])
        per_level = binary_cross_entropy_with_logits(
            evidence, finding.to(evidence).expand_as(evidence), reduction="none"
        )
        return reduce_loss(per_level.mean(0), self.reduction)

    def _finding(self, target: torch.Tensor, num_classes: int) -> torch.Tensor:
        if self.normal_class is None:
            return (check_labels(target, num_classes) > 0).any(1)
        if self.normal_class >= num_classes:
            raise ValueError(f"normal_class: expected one of {num_classes} classes, got {self.normal_class}")
        return class_indices(target, num_classes) != self.normal_class
