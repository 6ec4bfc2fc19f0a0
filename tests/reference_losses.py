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
"""Slow, obvious re-implementations of the losses: numpy loops over samples, cells and classes in float64."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch

from tests import reference

__all__ = ["consistency", "cross_entropy", "divergence", "evidence", "evidence_loss"]


def divergence(log_fine: torch.Tensor, log_coarse: torch.Tensor, kind: str) -> np.ndarray:
    """Divergence of each sample between the marginalized fine map and the coarse map."""
    factor = [f // c for f, c in zip(log_fine.shape[2:], log_coarse.shape[2:], strict=True)]
    values = []
    for fine, coarse in zip(log_fine.detach().double(), log_coarse.detach().double(), strict=True):
        p = reference.marginalize(fine[None].exp(), factor)[0, 0].numpy()
        q = coarse[0].exp().numpy()
        middle = (p + q) / 2
        if kind == "kl_coarse_fine":
            value = reference.kl_divergence(q, p)
        elif kind == "kl_fine_coarse":
            value = reference.kl_divergence(p, q)
        elif kind == "js":
            value = (reference.kl_divergence(p, middle) + reference.kl_divergence(q, middle)) / 2
        elif kind == "squared":
            value = sum((a - b) ** 2 for a, b in zip(p.ravel(), q.ravel(), strict=True))
        else:  # the two divergences at the optimum of the program (Ron et al. 2022, Eq. 4)
            mu = reference.consistent_pair(fine[None], coarse[None])
            pairs = zip(mu, (fine[None], coarse[None]), strict=True)
            value = sum(reference.kl_divergence(m.numpy(), log_tau.exp().numpy()) for m, log_tau in pairs)
        values.append(value)
    return np.array(values)


def consistency(levels: list[torch.Tensor], kind: str) -> np.ndarray:
    """Sum of the divergences of neighboring levels, for each sample."""
    return sum(divergence(fine, coarse, kind) for fine, coarse in pairwise(levels))


def evidence(phi: torch.Tensor) -> np.ndarray:
    """Logarithm of the mean of ``exp(phi)`` over all cells, for each sample."""
    return np.array([math.log(sum(math.exp(c) for c in s.flatten().tolist()) / s.numel()) for s in phi.detach()])


def evidence_loss(potentials: list[torch.Tensor], target: list[int], normal_class: int) -> np.ndarray:
    """Binary cross-entropy of sigmoid(evidence) against "not normal", mean over levels, for each sample."""
    total = np.zeros(len(target))
    for phi in potentials:
        for sample, value in enumerate(evidence(phi)):
            probability = 1 / (1 + math.exp(-value))
            total[sample] -= math.log(probability if target[sample] != normal_class else 1 - probability)
    return total / len(potentials)


def cross_entropy(logits: torch.Tensor, target: list[int], weights: list[float], smoothing: float) -> np.ndarray:
    """``-sum_k w_k t_k log softmax_k`` of each sample, with ``t`` the target mixed with the uniform distribution."""
    values = []
    for row, label in zip(logits.detach().double().tolist(), target, strict=True):
        total = sum(math.exp(z) for z in row)
        value = 0.0
        for k, z in enumerate(row):
            t = (1 - smoothing) * (k == label) + smoothing / len(row)
            value -= weights[k] * t * math.log(math.exp(z) / total)
        values.append(value)
    return np.array(values)
