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
"""The closest attention maps that agree with one another, in closed form."""

# No postponed annotations in this file: TorchScript reads the fields of a named tuple only when they are types.
import math
from typing import List, NamedTuple, Optional, Tuple

import torch

from monai_dd.networks.layers.marginalize import block_factor, from_blocks, to_blocks
from monai_dd.utils.precision import to_single

__all__ = ["ConsistentAttention", "consistent_attention", "program_value", "spatial_log_softmax"]


class ConsistentAttention(NamedTuple):
    """Result of :func:`consistent_attention`, finest level first.

    The fields are tuples; TorchScript, which has no tuples of variable length, gives lists.

    Attributes:
        log_mu: the consistent log-probabilities of every level, each ``(B, 1, *spatial)``.
        witness: the dual witness between each pair of consecutive levels, each on the coarser grid of the pair.
    """

    log_mu: List[torch.Tensor]
    witness: List[torch.Tensor]


def spatial_log_softmax(potential: torch.Tensor) -> torch.Tensor:
    """Log-probabilities over all cells of a map, per sample and channel: ``log tau`` (Ron et al. 2022, Eq. 2).

    Example:
        >>> spatial_log_softmax(torch.zeros(1, 1, 2, 2)).exp().squeeze().tolist()
        [[0.25, 0.25], [0.25, 0.25]]
    """
    potential = to_single(potential)
    return torch.log_softmax(potential.flatten(2), dim=-1).reshape(potential.shape)


def _check(potentials: List[torch.Tensor], weights: Optional[List[float]]) -> List[float]:
    if len(potentials) < 2:
        raise ValueError(f"potentials: expected two or more grids, finest first, got {len(potentials)}")
    for phi in potentials:
        if phi.dim() < 3 or phi.shape[:2] != potentials[0].shape[:2]:
            raise ValueError(
                "potentials: expected grids (B, C, *spatial) of one batch and channel size, "
                f"got {list(potentials[0].shape)} and {list(phi.shape)}"
            )
    if weights is None:
        return [1.0 for _ in potentials]
    valid = len(weights) == len(potentials)
    for w in weights:
        valid = valid and w > 0 and math.isfinite(w)
    if not valid:
        raise ValueError(f"weights: expected one positive number for each of {len(potentials)} levels, got {weights}")
    return [float(w) for w in weights]


def _merge_upward(
    potentials: List[torch.Tensor], weights: List[float]
) -> Tuple[torch.Tensor, List[torch.Tensor], List[torch.Tensor], List[float]]:
    """Collapse the nest to its coarsest grid; see :func:`consistent_attention` for the recursion."""
    merged = to_single(potentials[0])
    totals = [weights[0]]
    inside: List[torch.Tensor] = []
    masses: List[torch.Tensor] = []
    for level in range(1, len(potentials)):
        phi = potentials[level].to(merged.dtype)
        blocks = to_blocks(merged, block_factor(list(merged.shape[2:]), list(phi.shape[2:])))
        inside.append(torch.log_softmax(blocks, dim=2))
        masses.append(torch.logsumexp(blocks, dim=2))
        totals.append(totals[-1] + weights[level])
        share = totals[-2] / totals[-1]
        merged = share * masses[-1] + (1.0 - share) * phi
    return merged, inside, masses, totals


def consistent_attention(potentials: List[torch.Tensor], weights: Optional[List[float]] = None) -> ConsistentAttention:
    r"""Solve the consistency program over two or more nested grids, exactly.

    With :math:`\tau_k = \mathrm{softmax}(\phi_k)` over the cells of level :math:`k` (finest first) this returns

    .. math::
        \arg\min_{\mu_0, \dots, \mu_{n-1}} \sum_k w_k\, \mathrm{KL}(\mu_k \,\|\, \tau_k)
        \quad \text{s.t.}\quad \mathrm{marginalize}(\mu_k) = \mu_{k+1},

    which for two levels and unit weights is Eq. 4 of Ron et al. (2022). The chain rule of KL splits each fine
    divergence into a coarse part and a part inside the blocks that is zero at the optimum.
    So, with :math:`S_0 = \phi_0` and :math:`W_0 = w_0`, one pass upward

    .. math::
        M_k = \mathrm{logsumexp}_{\mathrm{block}}(S_k), \quad W_{k+1} = W_k + w_{k+1}, \quad
        S_{k+1} = (W_k M_k + w_{k+1} \phi_{k+1}) / W_{k+1}

    and one pass downward

    .. math::
        \log\mu_{n-1} = \mathrm{log\,softmax}(S_{n-1}), \qquad
        \log\mu_k = (S_k - M_k)[\mathrm{block}] + \log\mu_{k+1}[\mathrm{block}]

    give the optimum. The dual witness :math:`\lambda_k = W_k (M_k - \tilde\mu_{k+1})`, where :math:`\tilde\mu` is
    :math:`\log\mu` before normalization, certifies it:
    :math:`\mu_k = \mathrm{softmax}(\phi_k + (\lambda_{k-1} - \lambda_k[\mathrm{block}]) / w_k)` (Theorem 3.1).
    The cost is linear in the number of cells, nothing is learned, samples do not interact.

    Args:
        potentials: finite potentials of each level, finest first, each ``(B, 1, *spatial)``; every spatial size is a
            multiple of the next level's. Half precision is computed in float32.
        weights: positive weight of each divergence; one each by default.

    Returns:
        the named tuple ``(log_mu, witness)``: tuples (lists under TorchScript) of the log-probabilities of every level
        and of the witness between consecutive levels, finest first.

    Raises:
        ValueError: fewer than two grids, grids that do not nest, differing batches, or weights that are not positive.

    Example:
        >>> from monai_dd.networks.layers import marginalize
        >>> fine, coarse = torch.randn(1, 1, 8, 8), torch.randn(1, 1, 4, 4)
        >>> log_mu = consistent_attention([fine, coarse]).log_mu
        >>> bool(torch.allclose(marginalize(log_mu[0].exp(), 2), log_mu[1].exp(), atol=1e-6))
        True
    """
    merged, inside, masses, totals = _merge_upward(potentials, _check(potentials, weights))
    raw, log_mu = merged, spatial_log_softmax(merged)
    levels = [log_mu]
    witness: List[torch.Tensor] = []
    for step in range(len(inside)):
        level = len(inside) - 1 - step
        factor = block_factor(list(potentials[level].shape[2:]), list(potentials[level + 1].shape[2:]))
        witness.append(totals[level] * (masses[level] - raw))
        if level > 0:
            raw = from_blocks(inside[level] + raw.unsqueeze(2), factor)
        log_mu = from_blocks(inside[level] + log_mu.unsqueeze(2), factor)
        levels.append(log_mu)
    levels.reverse()
    witness.reverse()
    if torch.jit.is_scripting():
        return ConsistentAttention(levels, witness)
    return ConsistentAttention(tuple(levels), tuple(witness))  # type: ignore[arg-type]


def program_value(potentials: List[torch.Tensor], weights: Optional[List[float]] = None) -> torch.Tensor:
    r"""Optimal value of the program of :func:`consistent_attention`, one number for each sample.

    It is :math:`-W_{n-1}\,\mathrm{logsumexp}(S_{n-1})` with the potentials normalized first; for two levels of unit
    weight that is :math:`-2\log\sum_i \sqrt{\mathrm{marginalize}(\tau_f)_i\, \tau_{c,i}}`, twice the Bhattacharyya
    distance between the two maps on the coarse grid. Zero exactly when the levels agree.

    Args:
        potentials: as for :func:`consistent_attention`; log-probabilities serve as well.
        weights: as for :func:`consistent_attention`.

    Returns:
        tensor of shape ``(B,)``, the mean over channels where there are several.

    Example:
        >>> program_value([torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)]).abs().tolist()
        [0.0]
        >>> program_value([torch.zeros(1, 1, 4, 4), torch.tensor([[[[5.0, 0.0], [0.0, 0.0]]]])])
        tensor([0.9660])
    """
    checked = _check(potentials, weights)
    merged, _, _, totals = _merge_upward([spatial_log_softmax(phi) for phi in potentials], checked)
    return -totals[-1] * torch.logsumexp(merged.flatten(2), dim=-1).mean(dim=1)
