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
"""Binary cross-entropy in which positive and negative labels weigh the same."""

from __future__ import annotations

import torch
from monai.utils import LossReduction
from torch.nn.functional import logsigmoid
from torch.nn.modules.loss import _Loss

from monai_dd.losses.reduction import reduce_loss
from monai_dd.utils.checks import check_option
from monai_dd.utils.outputs import read_logits
from monai_dd.utils.precision import to_single

__all__ = ["BalancedBCELoss", "compute_balance"]


def compute_balance(target: torch.Tensor, per_class: bool = False) -> torch.Tensor:
    r"""Negative labels for each positive one, :math:`\beta` of Khakzar et al. 2019, Eq. 1.

    Where there are no positive labels, :math:`\beta` weighs nothing and is 1. Where there are no negative ones it is 0
    as the ratio says: the positive labels together always weigh as much as the negative ones together.

    Args:
        target: zeros and ones ``(B, K)``.
        per_class: one ratio for each class instead of one for all labels.

    Returns:
        tensor of shape ``(K,)`` or ``()``, in at least single precision.

    Example:
        >>> compute_balance(torch.tensor([[1, 0], [0, 0]]))
        tensor(3.)
    """
    labels = target.to(torch.promote_types(target.dtype, torch.float32))
    labels = labels if per_class else labels.flatten()
    positive = labels.sum(0)
    negative = len(labels) - positive
    return torch.where(positive > 0, negative / positive.clamp(min=1), torch.ones_like(positive))


class BalancedBCELoss(_Loss):
    r"""Binary cross-entropy of several labels, balanced in each batch (Khakzar et al. 2019, Eq. 1).

    .. math:: -\sum_j \beta\, y_j \log \hat y_j + (1 - y_j) \log(1 - \hat y_j)

    for each sample, with :math:`\hat y` the sigmoid of the logits and :math:`\beta` from :func:`compute_balance`.
    In Eq. 1 :math:`\beta` stands in the sum over the classes :math:`j` without that index, and the text calls it "the
    ratio of the number of negative labels to the number of positive labels in a batch": one number for all labels of
    the batch, which is the default. It lifts all classes alike; ``class`` balances each class by itself, with weights
    up to ``B - 1``, which vary much from batch to batch where a finding is rare; ``none`` is the plain cross-entropy.

    The batch is what the loss is given: of distributed training each process its own part, of an attack on half of the
    images that half.

    Args:
        balance: ``batch`` for one ratio, ``class`` for one of each class, ``none`` for 1.
        reduction: ``mean`` or ``sum`` over the samples, or ``none`` (one number for each sample).

    Raises:
        ValueError: for another ``balance``.

    Example:
        >>> logits, target = torch.zeros(2, 2), torch.tensor([[1, 0], [0, 0]])
        >>> BalancedBCELoss()(logits, target)
        tensor(2.0794)
    """

    def __init__(self, balance: str = "batch", reduction: LossReduction | str = LossReduction.MEAN) -> None:
        super().__init__(reduction=LossReduction(reduction).value)
        self.balance = check_option("balance", balance, ("batch", "class", "none"))

    def forward(self, output: dict[str, torch.Tensor] | torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of logits ``(B, K)``, alone or as ``logits`` in a network's dictionary.

        Half precision is computed in single.

        Args:
            output: logits, or the dictionary.
            target: zeros and ones ``(B, K)``.

        Raises:
            ValueError: for a target of another shape or other values.
        """
        logits = to_single(read_logits(output))
        if target.shape != logits.shape or target.dim() != 2:
            raise ValueError(f"target: expected (B, K) as the logits {tuple(logits.shape)}, got {tuple(target.shape)}")
        if not bool(((target == 0) | (target == 1)).all()):
            raise ValueError("target: expected zeros and ones, got other values")
        labels = target.to(logits)
        weights = torch.ones_like(labels)
        if self.balance != "none":
            weights = torch.where(labels > 0, compute_balance(labels, self.balance == "class"), weights)
        per_label = -weights * logsigmoid((2 * labels - 1) * logits)  # 1 - sigmoid(z) = sigmoid(-z)
        return reduce_loss(per_label.sum(1), self.reduction)
