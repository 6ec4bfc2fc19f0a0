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
"""A classifier of patches that know nothing of one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import List

import torch
from monai.utils import ensure_tuple_rep
from torch import nn

from monai_dd.networks.encoders import Encoder
from monai_dd.networks.layers.marginalize import to_blocks
from monai_dd.networks.nets.base import AttentionNetwork
from monai_dd.utils.outputs import make_output
from monai_dd.utils.precision import to_single

__all__ = ["IndependentPatchClassifier"]


class IndependentPatchClassifier(AttentionNetwork):
    r"""Cut the image into patches, classify each by itself, average the logits: MedicalPatchNet (Wienholt et al. 2025).

    Patches tile the image and go through the encoder one by one, so nothing outside a patch can have a part in its
    logits :math:`p_m`, and :math:`z = \sum_m p_m / M` says what each adds. What lies across the border of two patches
    is seen in parts.

    The dictionary has the keys of :class:`~monai_dd.networks.nets.AttentionClassifier` with a uniform map, and, asked
    for, contributions :math:`p_m / M`, of which the sum has the bias already; one cell for each patch.

    Args:
        encoder: its stages, see :mod:`monai_dd.networks.encoders`; the last stage is pooled over the patch.
        num_classes: number of classes ``K``.
        patch_size: side of a patch in pixels, one number or one for each axis; a divisor of the image's.
        dropout: dropout of the pooled features of a patch.
        return_attention: return the dictionary; fixed at construction.
        return_contribution: with ``contribution_*``.

    Raises:
        ValueError: for a patch smaller than the stride of the encoder or no multiple of it.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> network = IndependentPatchClassifier(UNetEncoder(2, 1, features=2), num_classes=2, patch_size=16)
        >>> network(torch.zeros(1, 1, 64, 32)).shape
        torch.Size([1, 2])
        >>> network.with_attention(contribution=True)(torch.zeros(1, 1, 64, 32))["contribution_fine"].shape
        torch.Size([1, 2, 4, 2])
    """

    def __init__(
        self,
        encoder: Encoder,
        num_classes: int,
        patch_size: Sequence[int] | int = 32,
        dropout: float = 0.0,
        return_attention: bool = False,
        return_contribution: bool = False,
    ) -> None:
        super().__init__(num_classes, return_attention, return_contribution)
        last = encoder.feature_info[-1]
        self.patch_size = list(ensure_tuple_rep(patch_size, encoder.spatial_dims))
        if any(size < last.stride or size % last.stride for size in self.patch_size):
            raise ValueError(f"patch_size: expected multiples of the stride {last.stride}, got {self.patch_size}")
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(last.channels, num_classes)

    def forward(self, x: torch.Tensor):
        """Return logits ``(B, K)``, or the dictionary of the class's description, for an image ``(B, C, *spatial)``.

        Raises:
            ValueError: when the patches do not tile the image.
        """
        grid: List[int] = []
        for axis, patch in enumerate(self.patch_size):
            if x.shape[axis + 2] % patch != 0:
                raise ValueError(f"patch_size: expected a divisor of the image size {list(x.shape[2:])}, got {patch}")
            grid.append(x.shape[axis + 2] // patch)
        pixels = to_blocks(x, self.patch_size).flatten(3).permute(0, 3, 1, 2)  # (B, M, C, pixels of a patch)
        tiles = pixels.reshape([x.shape[0] * pixels.shape[1], x.shape[1]] + self.patch_size)  # noqa: RUF005
        pooled = self.encoder(tiles)[-1].flatten(2).mean(-1)
        of_patches = to_single(self.head(self.dropout(pooled)))
        maps = of_patches.reshape(x.shape[0], -1, of_patches.shape[1]).transpose(1, 2)
        logits = maps.mean(2)
        if not self.return_attention:
            return logits
        maps = maps.reshape([maps.shape[0], maps.shape[1]] + grid) / maps.shape[2]  # noqa: RUF005
        phi = torch.zeros_like(maps[:, :1])
        uniform = phi - torch.log(torch.full_like(phi, float(phi[0, 0].numel())))
        return make_output(logits, [phi], [uniform], [uniform], [maps] if self.return_contribution else [])
