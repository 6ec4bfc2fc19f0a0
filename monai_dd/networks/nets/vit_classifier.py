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
"""A vision transformer with the output of the attention classifier: the rival whose attention comes for free."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from monai.networks.nets import ViT
from monai.utils import ensure_tuple_rep
from torch import nn

from monai_dd.networks.layers import spatial_log_softmax
from monai_dd.networks.nets.base import AttentionNetwork
from monai_dd.utils.checks import check_option
from monai_dd.utils.outputs import make_output
from monai_dd.utils.precision import to_single

__all__ = ["ViTClassifier"]


class ViTClassifier(AttentionNetwork):
    r"""Vision transformer (Dosovitskiy et al. 2021) whose class token's attention is reported, ViT-B/16 by default.

    MONAI's :class:`~monai.networks.nets.ViT` with a class token and biases of query, key and value; a linear layer on
    the normalized class token gives the logits, without the hyperbolic tangent of MONAI's own head.

    Built with ``return_attention=True`` the network returns the dictionary of
    :class:`~monai_dd.networks.nets.AttentionClassifier`. The potential is
    :math:`\phi_i = \log \frac{1}{H} \sum_h a_{h,i}`, where :math:`a_{h,i}` is the attention of the class token to patch
    :math:`i` in head :math:`h` of the last layer, and :math:`\tau = \mu = \mathrm{softmax}\,\phi` is the mean of the
    heads (Ron et al. 2022, Section 4), as shares of what the patches get: the token attends to itself, too. There is
    one map, on the grid of the patches, which stands under both ``fine`` and ``coarse``.

    Args:
        in_channels: channels of the image.
        img_size: spatial size of the image, multiples of ``patch_size``; the position embedding fits no other.
        num_classes: number of classes ``K``.
        patch_size: side of a patch, in pixels.
        hidden_size: length of a token, a multiple of ``num_heads``.
        mlp_dim: hidden units of the two linear layers after each attention.
        num_layers: transformer blocks, 2 or more.
        num_heads: attention heads ``H`` of each block.
        dropout_rate: dropout of tokens and attention.
        spatial_dims: 2 or 3.
        return_attention: return the dictionary; fixed at construction.

    Attributes:
        attend: empty, because no stage carries an attention unit.
        encoder: all but the head.

    Raises:
        ValueError: for sizes that do not divide or numbers out of range.

    Example:
        >>> network = ViTClassifier(1, 32, 2, hidden_size=24, mlp_dim=48, num_layers=2, num_heads=2)
        >>> network.with_attention()(torch.zeros(1, 1, 32, 32))["log_mu_fine"].shape
        torch.Size([1, 1, 2, 2])
    """

    def __init__(
        self,
        in_channels: int,
        img_size: Sequence[int] | int,
        num_classes: int,
        patch_size: Sequence[int] | int = 16,
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_layers: int = 12,
        num_heads: int = 12,
        dropout_rate: float = 0.0,
        spatial_dims: int = 2,
        return_attention: bool = False,
    ) -> None:
        super().__init__(num_classes, return_attention)
        dims = check_option("spatial_dims", spatial_dims, (2, 3))
        counts = {"in_channels": in_channels, "mlp_dim": mlp_dim, "num_heads": num_heads}
        for name, value, least in [*((n, v, 1) for n, v in counts.items()), ("num_layers", num_layers, 2)]:
            if value < least:
                raise ValueError(f"{name}: expected {least} or more, got {value}")
        if hidden_size < num_heads or hidden_size % num_heads:
            raise ValueError(f"hidden_size: expected a multiple of {num_heads} heads, got {hidden_size}")
        if not 0 <= dropout_rate < 1:
            raise ValueError(f"dropout_rate: expected 0 or more, below 1, got {dropout_rate}")
        self.adds_up = False
        self.img_size = _sizes("img_size", img_size, dims)
        patch = _sizes("patch_size", patch_size, dims)
        if any(p < 1 or s < p or s % p for s, p in zip(self.img_size, patch)):
            raise ValueError(f"img_size: expected multiples of the patch size {patch}, got {self.img_size}")
        self.grid = [s // p for s, p in zip(self.img_size, patch)]

        self.encoder = ViT(
            in_channels=in_channels,
            img_size=self.img_size,
            patch_size=patch,
            hidden_size=hidden_size,
            mlp_dim=mlp_dim,
            num_layers=num_layers,
            num_heads=num_heads,
            classification=True,
            dropout_rate=dropout_rate,
            spatial_dims=dims,
            qkv_bias=True,
        )
        # Without its head MONAI's ViT gives all tokens. The norm of a cross-attention that is not there would be
        # parameters without gradients, which distributed training refuses.
        del self.encoder.classification_head
        for block in self.encoder.blocks:
            block.norm_cross_attn = nn.Identity()
        self.head = nn.Linear(hidden_size, num_classes)

    def _class_potential(self, x: torch.Tensor) -> torch.Tensor:
        """Logarithm of the mean over heads of the class token's attention, ``(B, 1, *grid)``.

        Args:
            x: what the last layer gets, ``(B, 1 + N, C)``.
        """
        block = self.encoder.blocks[-1]
        attention = block.attn
        heads = attention.num_heads
        projected = attention.qkv(block.norm1(x)).unflatten(2, [3, heads, -1])
        projected = to_single(projected)
        query, key = projected[:, :1, 0], projected[:, :, 1]
        # neither product nor sum is done in half precision under autocast, as a matrix product would be
        scores = (query * key).sum(-1) * attention.scale
        log_mean = torch.log_softmax(scores, dim=1).logsumexp(dim=2) - math.log(heads)
        return log_mean[:, 1:].reshape([x.shape[0], 1] + self.grid)  # noqa: RUF005, which TorchScript cannot read

    def forward(self, x: torch.Tensor):
        """Return logits ``(B, K)``, or the dictionary of the class's description, for an image ``(B, C, *spatial)``.

        Raises:
            ValueError: for an image of another size than ``img_size``.
        """
        if list(x.shape[2:]) != self.img_size:
            raise ValueError(f"expected an image of {self.img_size}, got {list(x.shape[2:])}")
        tokens, states = self.encoder(x)
        logits = self.head(tokens[:, 0])
        if self.return_attention:
            phi = self._class_potential(states[-2])
            log_tau = spatial_log_softmax(phi)
            return make_output(logits, [phi], [log_tau], [log_tau])
        return logits


def _sizes(name: str, value: Sequence[int] | int, spatial_dims: int) -> list[int]:
    try:
        return [int(s) for s in ensure_tuple_rep(value, spatial_dims)]
    except ValueError:
        raise ValueError(f"{name}: expected one number or {spatial_dims}, got {value}") from None
