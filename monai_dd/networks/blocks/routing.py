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
"""Dynamic routing between capsules."""

from __future__ import annotations

from typing import Tuple

import torch
from torch import nn

from monai_dd.utils.precision import to_single

__all__ = ["RoutingCapsules", "dynamic_routing", "squash"]


def squash(s: torch.Tensor) -> torch.Tensor:
    r"""Shrink vectors, along the last axis, to a length below one (Sabour et al. 2017, Eq. 1).

    :math:`v = \frac{\|s\|^2}{1 + \|s\|^2} \frac{s}{\|s\|}`, without the division by a length that may be zero.

    Example:
        >>> squash(torch.tensor([3.0, 4.0]))
        tensor([0.5769, 0.7692])
    """
    length = torch.linalg.vector_norm(s, dim=-1, keepdim=True)
    return s * length / (1.0 + length.square())


def dynamic_routing(votes: torch.Tensor, iterations: int = 3) -> Tuple[torch.Tensor, torch.Tensor]:
    r"""Route capsules by agreement (Sabour et al. 2017, Procedure 1).

    From :math:`b_{ik} = 0`, repeat :math:`c_i = \mathrm{softmax}_k\, b_i`, :math:`s_k = \sum_i c_{ik} \hat u_{k|i}`,
    :math:`v_k = \mathrm{squash}(s_k)`, :math:`b_{ik} \leftarrow b_{ik} + \langle \hat u_{k|i}, v_k \rangle`. The
    gradient goes through all iterations.

    Args:
        votes: :math:`\hat u_{k|i}`, ``(B, N, K, D)`` for ``N`` capsules below and ``K`` above; half precision is
            computed in float32.
        iterations: 1 or more.

    Returns:
        :math:`s` before the last squash, ``(B, K, D)``, and the couplings :math:`c` it came from, ``(B, N, K)``.

    Raises:
        ValueError: for a number of iterations that is not positive.

    Example:
        >>> s, coupling = dynamic_routing(torch.rand(1, 5, 3, 2))
        >>> s.shape, coupling.sum(2).allclose(torch.ones(1, 5))
        (torch.Size([1, 3, 2]), True)
    """
    if iterations < 1:
        raise ValueError(f"iterations: expected 1 or more, got {iterations}")
    votes = to_single(votes)
    # products and sums, as autocast would do a matrix product in half precision
    coupling = torch.full_like(votes[..., 0], 1.0 / votes.shape[2])
    b = torch.zeros_like(coupling)
    s = (coupling.unsqueeze(-1) * votes).sum(1)
    for _ in range(iterations - 1):
        b = b + (votes * squash(s).unsqueeze(1)).sum(-1)
        coupling = torch.softmax(b, dim=2)
        s = (coupling.unsqueeze(-1) * votes).sum(1)
    return s, coupling


class RoutingCapsules(nn.Module):
    r"""Class capsules fed by dynamic routing (Sabour et al. 2017, Section 4).

    Every capsule below has a matrix :math:`W_{ik}` of its own for every class, :math:`\hat u_{k|i} = W_{ik} u_i`. They
    are drawn from a normal distribution of standard deviation 0.1.

    Args:
        num_capsules: capsules below, ``N``.
        in_dim: their length.
        num_classes: capsules above, ``K``.
        out_dim: their length ``D``.
        iterations: of the routing.

    Raises:
        ValueError: for sizes that are not positive.

    Example:
        >>> votes, s, coupling = RoutingCapsules(5, in_dim=4, num_classes=3, out_dim=2)(torch.rand(1, 5, 4))
        >>> votes.shape, s.shape, coupling.shape
        (torch.Size([1, 5, 3, 2]), torch.Size([1, 3, 2]), torch.Size([1, 5, 3]))
    """

    def __init__(
        self, num_capsules: int, in_dim: int, num_classes: int, out_dim: int = 16, iterations: int = 3
    ) -> None:
        super().__init__()
        sizes = [num_capsules, in_dim, num_classes, out_dim, iterations]
        if min(sizes) < 1:
            raise ValueError(
                f"num_capsules, in_dim, num_classes, out_dim, iterations: expected positive numbers, got {sizes}"
            )
        self.iterations = iterations
        self.shape = [num_classes, out_dim]
        # three axes, not four or five, which a change of the network's memory format would take for a convolution's
        self.weight = nn.Parameter(torch.empty(num_capsules, num_classes * out_dim, in_dim))
        nn.init.normal_(self.weight, std=0.1)

    def forward(self, capsules: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return votes ``(B, N, K, D)``, :math:`s` ``(B, K, D)`` and couplings ``(B, N, K)``.

        Args:
            capsules: squashed capsules ``(B, N, in_dim)``.
        """
        votes = torch.einsum("bni,nji->bnj", capsules.to(self.weight.dtype), self.weight).unflatten(2, self.shape)
        votes = to_single(votes)
        s, coupling = dynamic_routing(votes, self.iterations)
        return votes, s, coupling
