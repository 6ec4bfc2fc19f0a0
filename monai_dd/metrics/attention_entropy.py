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
"""How concentrated an attention map is."""

from __future__ import annotations

import math

import torch

from monai_dd.metrics.utils.epoch import EpochMetric

__all__ = ["AttentionEntropyMetric", "compute_attention_entropy"]

_MOST_OFF = 0.05  # of the logarithm of a map's sum; that of probabilities handed over by mistake is log(2) or more


def compute_attention_entropy(log_mu: torch.Tensor) -> torch.Tensor:
    r"""Entropy of an attention map relative to that of the uniform one, for each sample.

    :math:`-\sum_i \mu_i \log \mu_i / \log n` with :math:`n` cells (Shannon 1948): 1 is uniform attention and
    0 attention to a single cell.

    Args:
        log_mu: log-probabilities ``(B, 1, *S)``.

    Returns:
        tensor of shape ``(B,)``, between 0 and 1.

    Raises:
        ValueError: for other shapes, a map of a single cell, or maps that are not log-probabilities.

    Example:
        >>> import torch
        >>> compute_attention_entropy(torch.full((1, 1, 4, 4), 1 / 16).log())
        tensor([1.])
    """
    if log_mu.dim() < 3 or log_mu.shape[1] != 1 or math.prod(log_mu.shape[2:]) < 2:
        raise ValueError(f"log_mu: expected (B, 1, *S) with two or more cells, got {tuple(log_mu.shape)}")
    cells = log_mu.as_subclass(torch.Tensor).flatten(1).float()
    off = cells.logsumexp(1).abs()
    if not bool((off <= _MOST_OFF).all()):
        raise ValueError("log_mu: expected log-probabilities, got a map whose probabilities do not sum to 1")
    return torch.special.entr(cells.exp()).sum(1) / math.log(cells.shape[1])


class AttentionEntropyMetric(EpochMetric):
    """Mean of :func:`compute_attention_entropy` over all samples of an epoch.

    It describes attention and does not rate it: a map can be concentrated on the wrong place.

    Attributes:
        better: direction in which attention restricts more.

    Example:
        >>> import torch
        >>> metric = AttentionEntropyMetric()
        >>> _ = metric(torch.full((2, 1, 4, 4), 1 / 16).log())
        >>> metric.aggregate()
        1.0
    """

    better = "lower"

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:  # type: ignore[override]
        return compute_attention_entropy(y_pred)

    def aggregate(self) -> float:
        """Return the mean of everything seen since the last reset."""
        return float(self.get_buffer().mean())
