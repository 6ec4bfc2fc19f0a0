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
"""A classification loss that keeps the maps of class evidence sparse and small."""

from __future__ import annotations

from collections.abc import Callable

import torch
from monai.utils import LossReduction
from torch.nn.modules.loss import _Loss

from monai_dd.losses.dual_decomposition import DualDecompositionLoss
from monai_dd.losses.reduction import reduce_loss
from monai_dd.utils.outputs import read_levels

__all__ = ["ElasticNetLoss"]


class ElasticNetLoss(_Loss):
    r"""Cross-entropy plus an elastic net on the evidence of every cell: SoftCAM (Djoumessi and Berens 2025).

    :math:`\mathrm{CE} + \lambda_1 \overline{|e|} + \lambda_2 \overline{e^2}`, means over the cells and classes of the
    evidence :math:`e_{ki} = \langle w_k, v_i \rangle`, so that the weights do not depend on the size of a map. The
    evidence is read from the contributions of a network that pools by the mean: the network must give them.

    Args:
        l1: weight of the mean absolute value.
        l2: weight of the mean square.
        label_smoothing: of the cross-entropy.
        reduction: ``mean``, ``sum`` or ``none`` (one number for each sample).
        classification: loss of logits and target for each sample ``(B,)`` instead of the cross-entropy, such as a
            binary cross-entropy for several labels.

    Raises:
        ValueError: for negative weights.

    Example:
        >>> from monai_dd.utils.outputs import make_output
        >>> grids = [torch.zeros(1, 1, 2, 2)]
        >>> output = make_output(torch.zeros(1, 2), grids, grids, grids, [torch.full((1, 2, 2, 2), 0.5)])
        >>> ElasticNetLoss(l1=0.1, l2=0.01)(output, torch.tensor([1]))
        tensor(0.9331)
    """

    def __init__(
        self,
        l1: float = 0.01,
        l2: float = 0.01,
        label_smoothing: float = 0.0,
        reduction: LossReduction | str = LossReduction.MEAN,
        classification: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        super().__init__(reduction=LossReduction(reduction).value)
        if l1 < 0 or l2 < 0:
            raise ValueError(f"l1, l2: expected 0 or more, got {l1}, {l2}")
        self.l1, self.l2 = l1, l2
        self.classification = DualDecompositionLoss(
            alpha=0.0, label_smoothing=label_smoothing, classification=classification, reduction="none"
        )

    def forward(self, output: dict[str, torch.Tensor], target: torch.Tensor) -> torch.Tensor:
        """Return the loss of a network's dictionary and a target ``(B,)``, ``(B, 1)`` or one-hot.

        Raises:
            ValueError: when the dictionary has no contributions, or for a target of another shape.
        """
        levels = read_levels(output, "contribution")
        per_sample = self.classification(output, target)
        for level in levels[:1] if levels[0] is levels[-1] else levels:  # a single level has two names
            evidence = level.flatten(1) * level[0, 0].numel()
            per_sample = per_sample + self.l1 * evidence.abs().mean(1) + self.l2 * evidence.square().mean(1)
        return reduce_loss(per_sample, self.reduction)
