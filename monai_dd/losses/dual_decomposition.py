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
"""The training objective of every variant of the dual decomposition paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from monai.utils import LossReduction
from torch.nn.functional import cross_entropy
from torch.nn.modules.loss import _Loss

from monai_dd.losses.consistency import ConsistencyLoss
from monai_dd.losses.evidence import EvidenceLoss
from monai_dd.losses.reduction import reduce_loss
from monai_dd.losses.targets import class_indices
from monai_dd.utils.outputs import read_logits
from monai_dd.utils.precision import to_single

__all__ = ["DualDecompositionLoss"]


class DualDecompositionLoss(_Loss):
    r"""Cross-entropy, plus ``alpha`` times the consistency loss, plus the evidence loss (Ron et al. 2022, Eq. 6).

    With ``alpha`` and ``evidence_weight`` zero it is the cross-entropy and takes plain logits too.

    Args:
        alpha: weight of :class:`ConsistencyLoss`; 10 in the paper.
        divergence: see :class:`ConsistencyLoss`; ``program`` is the one for the closed form.
        witness: see :class:`ConsistencyLoss`.
        evidence_weight: weight of :class:`EvidenceLoss`, which the paper does not have.
        normal_class: see :class:`EvidenceLoss`; ``None`` for images with any number of labels.
        class_weights: weight of each class in the cross-entropy.
        label_smoothing: of the cross-entropy.
        reduction: ``mean``, ``sum`` or ``none`` (one number for each sample). Class weights scale each sample's
            cross-entropy; ``mean`` divides by the number of samples.
        classification: loss of logits and target for each sample ``(B,)`` instead of the cross-entropy, such as a
            binary cross-entropy for several labels.

    Raises:
        ValueError: for negative weights, or options of the cross-entropy together with ``classification``.

    Example:
        >>> from monai_dd.utils.outputs import make_output
        >>> grids = [torch.full((1, 1, 4, 4), 1 / 16).log(), torch.tensor([[[[0.7, 0.1], [0.1, 0.1]]]]).log()]
        >>> output = make_output(torch.zeros(1, 2), grids, grids, grids)
        >>> DualDecompositionLoss(alpha=10.0)(output, torch.tensor([1]))
        tensor(5.1516)
    """

    def __init__(
        self,
        alpha: float = 10.0,
        divergence: str = "kl_coarse_fine",
        witness: bool = True,
        evidence_weight: float = 0.0,
        normal_class: int | None = 0,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        reduction: LossReduction | str = LossReduction.MEAN,
        classification: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        super().__init__(reduction=LossReduction(reduction).value)
        if alpha < 0 or evidence_weight < 0:
            raise ValueError(f"alpha, evidence_weight: expected 0 or more, got {alpha}, {evidence_weight}")
        if classification is not None and (class_weights is not None or label_smoothing > 0):
            raise ValueError("class_weights, label_smoothing: expected none with a classification loss of its own")
        self.alpha = alpha
        self.classification = classification
        self.evidence_weight = evidence_weight
        self.label_smoothing = label_smoothing
        self.consistency = ConsistencyLoss(divergence, witness, reduction="none")
        self.evidence = EvidenceLoss(normal_class, reduction="none")
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights)

    def forward(self, output: dict[str, torch.Tensor] | torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of a network's dictionary (or logits) and a target ``(B,)``, ``(B, 1)`` or one-hot.

        Raises:
            ValueError: when a weighted term needs maps that ``output`` does not hold, or for a target of another shape.
        """
        logits = to_single(read_logits(output))  # half where the network runs under autocast and the loss does not
        per_sample = self._classify(logits, target)
        if self.alpha > 0:
            per_sample = per_sample + self.alpha * self.consistency(output)
        if self.evidence_weight > 0:
            per_sample = per_sample + self.evidence_weight * self.evidence(output, target)
        return reduce_loss(per_sample, self.reduction)

    def _classify(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if self.classification is not None:
            per_sample = self.classification(logits, target)
            if per_sample.shape != logits.shape[:1]:
                got = tuple(per_sample.shape)
                raise ValueError(f"classification: expected a loss with reduction='none', shape (B,), got shape {got}")
            return per_sample
        weights = None if self.class_weights is None else self.class_weights.to(logits)
        return cross_entropy(
            logits,
            class_indices(target, logits.shape[1]),
            weight=weights,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
