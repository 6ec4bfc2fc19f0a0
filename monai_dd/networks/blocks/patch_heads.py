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
"""From features to the logits of patches and of the image: with convolutions, capsules, or routed capsules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import List, Tuple

import torch
from monai.networks.layers.factories import Conv
from torch import nn

from monai_dd.networks.blocks.capsules import PatchCapsules, PrimaryCapsules
from monai_dd.networks.blocks.loss_attention import CapsuleLossAttention, log_weights
from monai_dd.networks.blocks.patch_attention import weighted_sum
from monai_dd.networks.blocks.patch_layers import PatchLayers
from monai_dd.networks.blocks.routing import RoutingCapsules, squash
from monai_dd.utils.precision import to_single

__all__ = ["CapsulePatchHead", "ConvolutionalPatchHead", "RoutingPatchHead"]


class ConvolutionalPatchHead(nn.Module):
    r"""Patches by convolutions, each classified by itself, :math:`z = \sum_m \alpha_m p_m` (Shi et al. 2021, Eq. 5d).

    Heads return the logits ``(B, K)``, and the weights ``(B, 1, *grid)``, logits ``(B, K, *grid)`` and potential
    ``(B, 1, *grid)`` of the patches.

    Args:
        layers: from features to patches.
        channels: channels of the patches.
        num_classes: number of classes ``K``.
        pooling: gives the weights, see :class:`~monai_dd.networks.blocks.MeanPooling`.
        spatial_dims: 2 or 3.

    Example:
        >>> from monai_dd.networks.blocks import LossAttention
        >>> head = ConvolutionalPatchHead(PatchLayers(2, 3, channels=8), 8, 2, LossAttention(), spatial_dims=2)
        >>> [tuple(part.shape) for part in head(torch.randn(2, 3, 32, 32))]
        [(2, 2), (2, 1, 6, 6), (2, 2, 6, 6), (2, 1, 6, 6)]
    """

    def __init__(
        self, layers: PatchLayers, channels: int, num_classes: int, pooling: nn.Module, spatial_dims: int
    ) -> None:
        super().__init__()
        self.layers = layers
        self.classifier = Conv[Conv.CONV, spatial_dims](channels, num_classes, kernel_size=1)
        self.pooling = pooling

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return what a head returns for features ``(B, C, *S)``."""
        features = self.layers(x)
        patch_logits = self.classifier(features)
        patch_logits = to_single(patch_logits)
        weights, phi = self.pooling(features, patch_logits)
        return weighted_sum(weights, patch_logits), weights, patch_logits, phi


class CapsulePatchHead(nn.Module):
    """Patches of capsules, each capsule classified by itself, weighted by Eq. 6 of Shi et al. (2021).

    Args:
        primary: first capsule layer.
        capsules: second capsule layer.
        num_classes: number of classes ``K``.
        xi: threshold, see :func:`~monai_dd.networks.blocks.capsule_loss_attention`.
        spatial_dims: 2 or 3.

    Example:
        >>> primary, capsules = PrimaryCapsules(2, 3, 4, 2), PatchCapsules(2, 4, 6, 3)
        >>> head = CapsulePatchHead(primary, capsules, num_classes=2, xi=0.1, spatial_dims=2)
        >>> [tuple(part.shape) for part in head(torch.randn(2, 3, 32, 32))]
        [(2, 2), (2, 1, 6, 6), (2, 2, 6, 6), (2, 1, 6, 6)]
    """

    def __init__(
        self, primary: PrimaryCapsules, capsules: PatchCapsules, num_classes: int, xi: float, spatial_dims: int
    ) -> None:
        super().__init__()
        self.primary = primary
        self.capsules = capsules
        self.classifier = Conv[Conv.CONV, spatial_dims](capsules.shape[1], num_classes, kernel_size=1)
        self.attention = CapsuleLossAttention(xi)

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return what a head returns for features ``(B, C, *S)``."""
        capsules = self.capsules(self.primary(x))
        capsule_logits = self.classifier(capsules.flatten(0, 1)).unflatten(0, capsules.shape[:2])
        capsule_logits = to_single(capsule_logits)
        weights, patch_logits, phi = self.attention(capsule_logits)
        return weighted_sum(weights, patch_logits), weights, patch_logits, phi


class RoutingPatchHead(nn.Module):
    r"""Primary capsules routed to class capsules (Sabour et al. 2017), read patch by patch.

    The length of a class capsule, :math:`\|v_k\| = \|s_k\|^2 / (1 + \|s_k\|^2)`, is the probability of its class; the
    logit is the log-odds of that, :math:`\log \|s_k\|^2` (at least -18.4, as 1e-8 is added before the logarithm), which
    serves softmax and sigmoid alike.

    Routing knows no weights of patches, and its decision is no weighted sum over them. What is reported is what patches
    send to the predicted class: the weight of a patch is the length of its capsules' votes times their couplings,
    :math:`\sum_{i \in m} c_{ik} \|\hat u_{k|i}\|`, as a share of all patches'. Its logits are those of the image were
    all ``M`` patches to send the same: the log-odds for :math:`M \sum_{i \in m} c_{ik} \hat u_{k|i}`.

    Args:
        primary: capsule layer.
        grid: patches along each axis; the matrices of the routing fit no other number.
        num_classes: number of classes ``K``.
        iterations: of the routing.

    Example:
        >>> head = RoutingPatchHead(PrimaryCapsules(2, 3, 4, 2, normalize=False), grid=[6, 6], num_classes=2)
        >>> [tuple(part.shape) for part in head(torch.randn(2, 3, 32, 32))]
        [(2, 2), (2, 1, 6, 6), (2, 2, 6, 6), (2, 1, 6, 6)]
    """

    def __init__(self, primary: PrimaryCapsules, grid: Sequence[int], num_classes: int, iterations: int = 3) -> None:
        super().__init__()
        self.primary = primary
        self.grid = list(grid)
        channels, dim = primary.shape
        self.routing = RoutingCapsules(channels * math.prod(grid), dim, num_classes, dim, iterations)

    def _logits(self, s: torch.Tensor) -> torch.Tensor:
        return (s.square().sum(-1) + 1e-8).log()

    def _patches(self, x: torch.Tensor) -> torch.Tensor:
        """Sum over the channels of capsules of ``(B, N, ...)``: ``(B, M, ...)``."""
        return x.unflatten(1, [self.primary.shape[0], -1]).sum(1)

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return what a head returns for features ``(B, C, *S)``.

        Raises:
            ValueError: for features of another size.
        """
        capsules = self.primary(x)
        if list(capsules.shape[3:]) != self.grid:
            raise ValueError(f"expected an image with {self.grid} patches, got {list(capsules.shape[3:])}")
        capsules = to_single(capsules)
        votes, s, coupling = self.routing(squash(capsules.flatten(3).transpose(2, 3).flatten(1, 2)))
        logits = self._logits(s)
        sent = self._patches(coupling.unsqueeze(-1) * votes)
        patch_logits = self._logits(sent * sent.shape[1]).transpose(1, 2)
        amounts = self._patches(coupling * torch.linalg.vector_norm(votes, dim=3))
        chosen = logits.argmax(1).reshape(-1, 1, 1).expand(-1, sent.shape[1], 1)
        phi = log_weights(amounts.gather(2, chosen).squeeze(2)).unsqueeze(1)
        shape: List[int] = self.grid
        weights = torch.softmax(phi, dim=2).unflatten(2, shape)
        return logits, weights, patch_logits.unflatten(2, shape), phi.unflatten(2, shape)
