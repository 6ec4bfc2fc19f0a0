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
"""One classifier for every pooling of the loss-based attention paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import List

import torch
from monai.networks.blocks import Convolution
from monai.utils import ensure_tuple_rep
from torch import nn

from monai_dd.networks.blocks import (
    AttentionPooling,
    CapsulePatchHead,
    ConvolutionalPatchHead,
    LossAttention,
    MeanPooling,
    PatchCapsules,
    PatchLayers,
    PrimaryCapsules,
    RoutingPatchHead,
    log_weights,
)
from monai_dd.networks.encoders import Encoder
from monai_dd.networks.layers import spatial_log_softmax
from monai_dd.networks.nets.base import AttentionNetwork
from monai_dd.utils.checks import check_option
from monai_dd.utils.enums import PatchPooling
from monai_dd.utils.outputs import add_patches, make_output

__all__ = ["PatchClassifier"]


class PatchClassifier(AttentionNetwork):
    r"""Classifier whose decision is a weighted sum over patches of the image (Shi et al. 2021).

    The encoder keeps the resolution, or much of it; one layer with a large kernel and a stride cuts its last features
    into patches; each patch has logits :math:`p_m`, and those of the image are :math:`z = \sum_m \alpha_m p_m`.
    ``pooling`` says where the weights come from: ``mean`` (equal), ``attention`` and ``gated_attention`` (layers of
    their own, Ilse et al. 2018), ``loss_attention`` (the patches' logits, Eq. 5), and with capsules instead of
    convolutions ``capsule_loss_attention`` (Eq. 6). ``capsule_dynamic_routing`` (Sabour et al. 2017) is the rival
    without such a sum, see :class:`~monai_dd.networks.blocks.RoutingPatchHead`.

    Built with ``return_attention=True`` the network returns a dictionary instead of the logits: ``logits`` ``(B, K)``,
    ``patch_weights`` ``(B, 1, *grid)``, ``patch_logits`` ``(B, K, *grid)``, and the keys of
    :class:`~monai_dd.networks.nets.AttentionClassifier`. The potential :math:`\phi` is the logarithm of what the
    weights are proportional to, :math:`\tau = \mathrm{softmax}\,\phi` are the weights before the threshold
    :math:`\xi`, and :math:`\mu` those after it. A weight of zero has :math:`\log\mu = \log 10^{-37} = -85.2`, which is
    finite, and is zero in ``patch_weights``. There is one map, which stands under both ``fine`` and ``coarse``.

    Features with more channels than the patches, such as those of a ResNet-50, first go through a 1x1 convolution that
    reduces them, with batch normalization and ReLU: the layer with the large kernel costs no more than the paper's.
    With the paper's kernel, stride and encoders the numbers of parameters are those of its Table II. The capsule
    networks lack the 0.27M of a convolution that the authors' code holds but never runs, 0.9 % of theirs.

    Args:
        encoder: its stages, see :mod:`monai_dd.networks.encoders`; the paper's has
            strides of one, or of two in one to three layers where the image is larger than 32x32.
        pooling: one of :class:`~monai_dd.utils.enums.PatchPooling`.
        num_classes: number of classes ``K``.
        xi: threshold of the two loss attentions, 0 to 1: patches with less than ``xi / M`` of the weight are removed.
        channels: channels of the patches, and the most channels that go into them.
        kernel_size: side of a patch in cells of the encoder's last stage.
        stride: distance of patches.
        padding: cells added on every side; a kernel of 8 with stride 4 and padding 2 tiles the image exactly.
        embed_dim: embedding of the two attentions.
        capsule_channels: channels of the two capsule layers; the first alone is routed.
        capsule_dims: length of their capsules; the class capsules of the routing are as long as the first.
        routing_iterations: of the dynamic routing.
        img_size: spatial size of the image, needed by ``capsule_dynamic_routing``, which fits no other.
        return_attention: return the dictionary; fixed at construction.
        return_contribution: with ``contribution_*``, :math:`\alpha_m p_m`, see :class:`AttentionNetwork`, of which
            the sum has the biases already. Dynamic routing has none.

    Attributes:
        attend: empty, because no stage carries an attention unit.
        patch_size: side of a patch along each axis, in pixels of the image; what the encoder sees beyond is left out.
        patch_stride: distance of patches along each axis, in pixels.
        patch_padding: pixels by which the first patch begins outside the image.

    Raises:
        ValueError: unknown options, numbers out of range, or a missing ``img_size``.

    Example:
        >>> from monai_dd.networks.encoders import VGGEncoder
        >>> encoder = VGGEncoder(spatial_dims=2, in_channels=1, features=4, strides=1)
        >>> network = PatchClassifier(encoder, "loss_attention", num_classes=2, channels=8)
        >>> network(torch.zeros(1, 1, 32, 32)).shape
        torch.Size([1, 2])
        >>> network.with_attention()(torch.zeros(1, 1, 32, 32))["patch_weights"].shape
        torch.Size([1, 1, 6, 6])
    """

    def __init__(
        self,
        encoder: Encoder,
        pooling: str,
        num_classes: int,
        xi: float = 0.1,
        channels: int = 512,
        kernel_size: Sequence[int] | int = 9,
        stride: Sequence[int] | int = 4,
        padding: Sequence[int] | int = 0,
        embed_dim: int = 128,
        capsule_channels: Sequence[int] = (32, 64),
        capsule_dims: Sequence[int] = (16, 128),
        routing_iterations: int = 3,
        img_size: Sequence[int] | int | None = None,
        return_attention: bool = False,
        return_contribution: bool = False,
    ) -> None:
        super().__init__(num_classes, return_attention, return_contribution)
        kind = check_option("pooling", pooling, PatchPooling)
        if len(capsule_channels) != 2 or len(capsule_dims) != 2:
            raise ValueError(f"capsule_channels, capsule_dims: expected two each, got {capsule_channels, capsule_dims}")
        dims = encoder.spatial_dims
        last = encoder.feature_info[-1]
        self.kernel = _sizes("kernel_size", kernel_size, dims, 1)
        steps = _sizes("stride", stride, dims, 1)
        self.padding = _sizes("padding", padding, dims, 0)
        self.patch_size = [k * last.stride for k in self.kernel]
        self.patch_stride = [s * last.stride for s in steps]
        self.patch_padding = [p * last.stride for p in self.padding]

        self.encoder = encoder
        width = min(last.channels, channels)
        self.reduce: nn.Module = nn.Identity()
        if width < last.channels:
            self.reduce = Convolution(
                dims, last.channels, width, kernel_size=1, adn_ordering="NA", act="RELU", norm="BATCH", bias=False
            )
        cut = {"kernel_size": self.kernel, "stride": steps, "padding": self.padding}
        if kind == PatchPooling.CAPSULE_DYNAMIC_ROUTING:
            features = [s // last.stride for s in _image("img_size", img_size, dims, last.stride)]
            grid = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip(features, self.kernel, steps, self.padding)]
            if min(grid) < 1:
                raise ValueError(f"img_size: expected at least a patch of {self.patch_size}, got {img_size}")
            primary = PrimaryCapsules(dims, width, capsule_channels[0], capsule_dims[0], **cut, normalize=False)
            self.head: nn.Module = RoutingPatchHead(primary, grid, num_classes, routing_iterations)
            self.adds_up = False
        elif kind == PatchPooling.CAPSULE_LOSS_ATTENTION:
            primary = PrimaryCapsules(dims, width, capsule_channels[0], capsule_dims[0], **cut)
            capsules = PatchCapsules(dims, capsule_channels[0], capsule_channels[1], capsule_dims[1])
            self.head = CapsulePatchHead(primary, capsules, num_classes, xi, dims)
        else:
            layers = PatchLayers(dims, width, channels, **cut)
            weigh: nn.Module = MeanPooling()
            if kind == PatchPooling.LOSS_ATTENTION:
                weigh = LossAttention(xi)
            elif kind != PatchPooling.MEAN:
                weigh = AttentionPooling(dims, channels, embed_dim, gated=kind == PatchPooling.GATED_ATTENTION)
            self.head = ConvolutionalPatchHead(layers, channels, num_classes, weigh, dims)
        if return_contribution and not self.adds_up:
            raise ValueError(
                f"return_contribution: expected a pooling whose logits are a sum over patches, got {kind!r}"
            )

    def forward(self, x: torch.Tensor):
        """Return logits ``(B, K)``, or the dictionary of the class's description, for an image ``(B, C, *spatial)``.

        Raises:
            ValueError: for an image smaller than a patch, or another than ``img_size`` where that is needed.
        """
        size = list(x.shape[2:])
        for stage in self.encoder.stages:
            x = stage(x)
        for n, k, p in zip(x.shape[2:], self.kernel, self.padding):
            if n + 2 * p < k:
                raise ValueError(f"expected an image of at least a patch of {self.patch_size} pixels, got {size}")
        logits, weights, patch_logits, phi = self.head(self.reduce(x))
        if self.return_attention:
            contributions: List[torch.Tensor] = []
            if self.return_contribution:
                contributions.append(weights * patch_logits)
            output = make_output(logits, [phi], [spatial_log_softmax(phi)], [log_weights(weights)], contributions)
            return add_patches(output, weights, patch_logits)
        return logits


def _sizes(name: str, value: Sequence[int] | int, spatial_dims: int, least: int) -> list[int]:
    try:
        sizes = [int(s) for s in ensure_tuple_rep(value, spatial_dims)]
    except ValueError:
        raise ValueError(f"{name}: expected one number or {spatial_dims}, got {value}") from None
    if min(sizes) < least:
        raise ValueError(f"{name}: expected {least} or more, got {value}")
    return sizes


def _image(name: str, value: Sequence[int] | int | None, spatial_dims: int, stride: int) -> list[int]:
    if value is None:
        raise ValueError(f"{name}: dynamic routing expected the spatial size of the image, got None")
    sizes = _sizes(name, value, spatial_dims, 1)
    if any(s % stride for s in sizes):
        raise ValueError(f"{name}: expected multiples of the encoder's stride {stride}, got {value}")
    return sizes
