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
"""How far the attention levels of a network are from agreeing."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from monai.utils import LossReduction
from torch.nn.modules.loss import _Loss

from monai_dd.losses.reduction import reduce_loss
from monai_dd.networks.layers import block_factor, log_marginalize, program_value
from monai_dd.utils.checks import check_option
from monai_dd.utils.outputs import read_levels

__all__ = ["ConsistencyLoss", "compute_divergence"]

DIVERGENCES = ("kl_coarse_fine", "kl_fine_coarse", "js", "squared", "program")


def _kl(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def compute_divergence(log_fine: torch.Tensor, log_coarse: torch.Tensor, divergence: str) -> torch.Tensor:
    r"""Divergence between a fine map, seen at the coarse resolution, and a coarse map, for each sample.

    With :math:`p = \mathrm{marginalize}(\mu_f)` and :math:`q = \mu_c`: ``kl_coarse_fine`` is
    :math:`\mathrm{KL}(q \| p)` (Ron et al. 2022, Eq. 6), ``kl_fine_coarse`` is :math:`\mathrm{KL}(p \| q)`, ``js`` the
    Jensen-Shannon divergence (Lin 1991), ``squared`` is :math:`\sum_i (p_i - q_i)^2`, and ``program`` the value of the
    consistency program (Eq. 4), see :func:`~monai_dd.networks.layers.program_value`.

    Args:
        log_fine: log-probabilities ``(B, 1, *fine)``.
        log_coarse: log-probabilities ``(B, 1, *coarse)``.
        divergence: one of the above.

    Returns:
        tensor of shape ``(B,)``.

    Raises:
        ValueError: for an unknown divergence, or grids that do not nest.

    Example:
        >>> fine, coarse = torch.full((1, 1, 4, 4), 1 / 16).log(), torch.tensor([[[[0.7, 0.1], [0.1, 0.1]]]]).log()
        >>> compute_divergence(fine, coarse, "kl_coarse_fine")
        tensor([0.4458])
    """
    kind = check_option("divergence", divergence, DIVERGENCES)
    if kind == "program":
        return program_value([log_fine, log_coarse])
    log_p = log_marginalize(log_fine, block_factor(list(log_fine.shape[2:]), list(log_coarse.shape[2:]))).flatten(1)
    log_q = log_coarse.flatten(1)
    if kind == "kl_coarse_fine":
        return _kl(log_q, log_p)
    if kind == "kl_fine_coarse":
        return _kl(log_p, log_q)
    if kind == "js":
        log_m = torch.logaddexp(log_p, log_q) - math.log(2.0)
        return (_kl(log_p, log_m) + _kl(log_q, log_m)) / 2
    return (log_p.exp() - log_q.exp()).square().sum(-1)


class ConsistencyLoss(_Loss):
    """Divergence between consecutive attention levels, summed over the pairs (Ron et al. 2022, Eq. 6).

    Args:
        divergence: see :func:`compute_divergence`; ``program`` takes all levels in one program.
        witness: compare the maps reparameterized by the witness (``log_mu``), or those of the gates (``log_tau``),
            which is the witness fixed at zero. ``program`` always measures the maps of the gates.
        reduction: ``mean``, ``sum`` or ``none`` (one number for each sample).

    Example:
        >>> from monai_dd.utils.outputs import make_output
        >>> grids = [torch.full((1, 1, 4, 4), 1 / 16).log(), torch.tensor([[[[0.7, 0.1], [0.1, 0.1]]]]).log()]
        >>> ConsistencyLoss()(make_output(torch.zeros(1, 2), grids, grids, grids))
        tensor(0.4458)
    """

    def __init__(
        self,
        divergence: str = "kl_coarse_fine",
        witness: bool = True,
        reduction: LossReduction | str = LossReduction.MEAN,
    ) -> None:
        super().__init__(reduction=LossReduction(reduction).value)
        self.divergence = check_option("divergence", divergence, DIVERGENCES)
        self.witness = witness

    def forward(self, output: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the loss of a network's dictionary.

        Raises:
            ValueError: when ``output`` holds no attention maps.
        """
        if self.divergence == "program":
            return reduce_loss(program_value(read_levels(output, "log_tau")), self.reduction)
        levels = read_levels(output, "log_mu" if self.witness else "log_tau")
        pairs = [compute_divergence(f, c, self.divergence) for f, c in pairwise(levels)]
        return reduce_loss(torch.stack(pairs).sum(0), self.reduction)
