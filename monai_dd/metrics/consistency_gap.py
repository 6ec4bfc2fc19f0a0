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
"""How far two attention maps are from agreeing."""

from __future__ import annotations

import torch

from monai_dd.metrics.utils.epoch import EpochMetric
from monai_dd.networks.layers import block_factor, marginalize

__all__ = ["ConsistencyGapMetric", "compute_consistency_gap"]


def compute_consistency_gap(log_fine: torch.Tensor, log_coarse: torch.Tensor) -> torch.Tensor:
    r"""Total variation between the fine map seen at the coarse resolution and the coarse map, for each sample.

    :math:`\tfrac12 \sum_i |\mathrm{marginalize}(\mu_f)_i - \mu_{c,i}|`: the violation of the constraint of Eq. 4 of
    Ron et al. (2022), between 0 (the maps agree) and 1.

    Args:
        log_fine: log-probabilities ``(B, 1, *fine)``.
        log_coarse: log-probabilities ``(B, 1, *coarse)``.

    Returns:
        tensor of shape ``(B,)``.

    Raises:
        ValueError: when the grids do not nest.

    Example:
        >>> import torch
        >>> fine, coarse = torch.full((1, 1, 4, 4), 1 / 16), torch.tensor([[[[0.5, 0.25], [0.25, 0.0]]]])
        >>> compute_consistency_gap(fine.log(), coarse.log())
        tensor([0.2500])
    """
    factor = block_factor(list(log_fine.shape[2:]), list(log_coarse.shape[2:]))
    return (marginalize(log_fine.exp(), factor) - log_coarse.exp()).abs().flatten(1).sum(1) / 2


class ConsistencyGapMetric(EpochMetric):
    """Mean consistency gap over all samples of an epoch, see :func:`compute_consistency_gap`.

    Attributes:
        better: direction in which the metric improves.

    Example:
        >>> import torch
        >>> metric = ConsistencyGapMetric()
        >>> _ = metric(torch.full((1, 1, 4, 4), 1 / 16).log(), torch.full((1, 1, 2, 2), 1 / 4).log())
        >>> metric.aggregate()
        0.0
    """

    better = "lower"

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return compute_consistency_gap(y_pred, y)

    def aggregate(self) -> float:
        """Return the mean of everything seen since the last reset."""
        return float(self.get_buffer().mean())
