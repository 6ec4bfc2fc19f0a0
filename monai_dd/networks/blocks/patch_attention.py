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
"""Pooling of patches by equal weights, and by weights that layers of their own have learned."""

from __future__ import annotations

from typing import Tuple

import torch
from monai.networks.layers.factories import Conv
from torch import nn

from monai_dd.networks.layers import spatial_log_softmax
from monai_dd.utils.precision import to_single

__all__ = ["AttentionPooling", "MeanPooling", "weighted_sum"]


def weighted_sum(weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Sum over patches of values ``(B, K, *S)`` by weights ``(B, 1, *S)``: ``(B, K)``, in the weights' precision."""
    return (weights * values).flatten(2).sum(-1)


class MeanPooling(nn.Module):
    """Equal weights for all patches.

    All poolings are called with the features and the logits of the patches, and return their weights, which sum to one
    in each sample, and a potential, whose softmax is the weights before any threshold.

    Example:
        >>> weights, phi = MeanPooling()(torch.empty(0), torch.rand(1, 3, 2, 2))
        >>> weights.flatten().tolist()
        [0.25, 0.25, 0.25, 0.25]
    """

    def forward(self, features: torch.Tensor, patch_logits: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return weights and potential ``(B, 1, *S)`` of patches with logits ``(B, K, *S)``; features are not read."""
        phi = torch.zeros_like(patch_logits[:, :1])
        return spatial_log_softmax(phi).exp(), phi


class AttentionPooling(nn.Module):
    r"""Attention and gated attention over patches (Ilse et al. 2018, Eq. 8 and 9).

    :math:`\alpha = \mathrm{softmax}_m\, w^\top \tanh(V h_m)`, and with the gate
    :math:`w^\top (\tanh(V h_m) \odot \mathrm{sigm}(U h_m))`. ``V``, ``U`` and ``w`` are 1x1 convolutions with bias.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the features.
        embed_dim: rows of ``V`` and ``U``.
        gated: with the gate.

    Raises:
        ValueError: for sizes that are not positive.

    Example:
        >>> pooling = AttentionPooling(spatial_dims=2, in_channels=8, gated=True)
        >>> weights, phi = pooling(torch.rand(1, 8, 4, 4), torch.empty(0))
        >>> weights.shape, round(weights.sum().item(), 4)
        (torch.Size([1, 1, 4, 4]), 1.0)
    """

    def __init__(self, spatial_dims: int, in_channels: int, embed_dim: int = 128, gated: bool = False) -> None:
        super().__init__()
        if in_channels < 1 or embed_dim < 1:
            raise ValueError(f"in_channels, embed_dim: expected positive numbers, got {in_channels}, {embed_dim}")
        conv = Conv[Conv.CONV, spatial_dims]
        self.embed = conv(in_channels, embed_dim, kernel_size=1)
        self.gate = nn.Sequential(conv(in_channels, embed_dim, kernel_size=1), nn.Sigmoid()) if gated else None
        self.project = conv(embed_dim, 1, kernel_size=1)

    def forward(self, features: torch.Tensor, patch_logits: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return weights and potential ``(B, 1, *S)`` of patches with features ``(B, C, *S)``; logits are not read."""
        embedding = torch.tanh(self.embed(features))
        gate = self.gate
        if gate is not None:
            embedding = embedding * gate(features)
        phi = self.project(embedding)
        phi = to_single(phi)
        return spatial_log_softmax(phi).exp(), phi
