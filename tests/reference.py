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
"""Slow, obvious re-implementations from the papers, with which every fast path is compared.

Loops over cells on float64; those in torch carry gradients, those in numpy iterate to a tolerance.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch

__all__ = [
    "attention",
    "bregman_solver",
    "cells_below",
    "consistent_pair",
    "dual_function",
    "kl_divergence",
    "marginalize",
    "objective",
]


def cells_below(cell: Sequence[int], factor: Sequence[int]) -> list[tuple[int, ...]]:
    """``N(i)``: the fine cells below the coarse cell ``i`` (Ron et al. 2022, Section 3.1)."""
    return list(itertools.product(*[range(i * f, i * f + f) for i, f in zip(cell, factor, strict=True)]))


def marginalize(p: torch.Tensor, factor: Sequence[int]) -> torch.Tensor:
    """Sum over ``N(i)``, cell by cell, of ``(B, C, *fine)``."""
    coarse = [size // f for size, f in zip(p.shape[2:], factor, strict=True)]
    cells = [sum(p[(slice(None), slice(None), *j)] for j in cells_below(i, factor)) for i in np.ndindex(*coarse)]
    return torch.stack(cells, dim=-1).reshape(*p.shape[:2], *coarse)


def attention(phi: torch.Tensor) -> torch.Tensor:
    """``tau_i = exp(phi_i) / sum_j exp(phi_j)`` per sample and channel (Ron et al. 2022, Eq. 2)."""
    tau = torch.empty_like(phi)
    for b, c in np.ndindex(*phi.shape[:2]):
        total = sum(phi[(b, c, *j)].exp() for j in np.ndindex(*phi.shape[2:]))
        tau[b, c] = phi[b, c].exp() / total
    return tau


def consistent_pair(
    phi_fine: torch.Tensor, phi_coarse: torch.Tensor, w_fine: float = 1.0, w_coarse: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Optimum of Eq. 4 of Ron et al. (2022) for two levels, in probabilities.

    The coarse map is the normalized geometric mean of the two; every block keeps the proportions of ``tau_fine``.
    """
    factor = [f // c for f, c in zip(phi_fine.shape[2:], phi_coarse.shape[2:], strict=True)]
    tau_fine, tau_coarse = attention(phi_fine), attention(phi_coarse)
    mass = marginalize(tau_fine, factor)
    total = w_fine + w_coarse
    mean = mass ** (w_fine / total) * tau_coarse ** (w_coarse / total)
    mu_coarse = mean / mean.flatten(2).sum(-1).reshape(*mean.shape[:2], *[1] * len(factor))
    mu_fine = torch.empty_like(tau_fine)
    for i in np.ndindex(*mu_coarse.shape[2:]):
        for j in cells_below(i, factor):
            at, below = (slice(None), slice(None), *i), (slice(None), slice(None), *j)
            mu_fine[below] = mu_coarse[at] * tau_fine[below] / mass[at]
    return mu_fine, mu_coarse


def kl_divergence(p: np.ndarray, q: np.ndarray) -> float:
    """``sum p log(p / q)`` over all cells, with ``0 log 0 = 0``."""
    return float(sum(a * np.log(a / b) for a, b in zip(p.ravel(), q.ravel(), strict=True) if a > 0))


def objective(mu: Sequence[np.ndarray], tau: Sequence[np.ndarray], weights: Sequence[float]) -> float:
    """The program's objective: the weighted sum of divergences."""
    return sum(w * kl_divergence(m, t) for w, m, t in zip(weights, mu, tau, strict=True))


def _blocks(grid: np.ndarray, fine: Sequence[int]) -> np.ndarray:
    """Every fine cell takes the value of its coarse cell."""
    return np.kron(grid, np.ones([f // c for f, c in zip(fine, grid.shape, strict=True)]))


def _sums(p: np.ndarray, coarse: Sequence[int]) -> np.ndarray:
    factor = [f // c for f, c in zip(p.shape, coarse, strict=True)]
    return marginalize(torch.from_numpy(p)[None, None], factor)[0, 0].numpy()


def dual_function(phi: Sequence[np.ndarray], lam: Sequence[np.ndarray], weights: Sequence[float]) -> float:
    """Lagrange dual of the program at the witness ``lam``: a lower bound of the objective of every consistent family.

    Minimizing the Lagrangian over each distribution on its own gives, for level ``k`` with
    ``s_k = lam_{k-1} - lam_k[block]``, ``-w_k log sum_i tau_k,i exp(s_k,i / w_k)``.
    """
    value = 0.0
    for k, (level, w) in enumerate(zip(phi, weights, strict=True)):
        shift = np.zeros(level.shape)
        if k > 0:
            shift = shift + lam[k - 1]
        if k < len(lam):
            shift = shift - _blocks(lam[k], level.shape)
        log_tau = level - np.logaddexp.reduce(level.ravel())
        value -= w * np.logaddexp.reduce((log_tau + shift / w).ravel())
    return float(value)


def bregman_solver(
    phi: Sequence[np.ndarray], weights: Sequence[float], tolerance: float = 1e-13, max_sweeps: int = 10_000
) -> list[np.ndarray]:
    """Solve the program for any nest by cyclic Bregman projections (Bregman 1967) onto one constraint after the other.

    A projection onto ``marginalize(mu_k) = mu_{k+1}`` multiplies the coarse cells by ``exp(l / w_{k+1})`` and their
    blocks by ``exp(-l / w_k)`` with the ``l`` that makes them meet; one onto the sum of a level rescales it.
    """
    mu = [np.exp(level - np.logaddexp.reduce(level.ravel())) for level in phi]
    for _ in range(max_sweeps):
        before = [m.copy() for m in mu]
        for k in range(len(mu) - 1):
            gap = np.log(_sums(mu[k], mu[k + 1].shape)) - np.log(mu[k + 1])
            step = gap / (1.0 / weights[k] + 1.0 / weights[k + 1])
            mu[k] = mu[k] * np.exp(-_blocks(step, mu[k].shape) / weights[k])
            mu[k + 1] = mu[k + 1] * np.exp(step / weights[k + 1])
        mu = [m / m.sum() for m in mu]
        if max(np.abs(m - b).max() for m, b in zip(mu, before, strict=True)) < tolerance:
            return mu
    raise RuntimeError(f"no convergence after {max_sweeps} sweeps")
