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
"""The potential function of an attention gate."""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Conv
from torch import nn

from monai_dd.utils.precision import to_single

__all__ = ["PotentialGate", "box_smooth"]


def box_smooth(x: torch.Tensor, times: int) -> torch.Tensor:
    """Filter a map by a box of 3 cells along each axis, so many times, its edges repeated. Scriptable.

    Args:
        x: ``(B, C, *spatial)``, 2D or 3D.
        times: number of filters, 0 for none.

    Example:
        >>> box_smooth(torch.tensor([[[[0.0, 9.0, 0.0]]]]), 1).flatten().tolist()
        [3.0, 3.0, 3.0]
    """
    for _ in range(times):
        if x.dim() == 4:
            x = nn.functional.avg_pool2d(nn.functional.pad(x, (1,) * 4, mode="replicate"), 3, stride=1)
        else:
            x = nn.functional.avg_pool3d(nn.functional.pad(x, (1,) * 6, mode="replicate"), 3, stride=1)
    return x


class PotentialGate(nn.Module):
    r"""Score every cell: :math:`\phi = \langle u, \mathrm{relu}(U v / \|U v\|) \rangle` (Ron et al. 2022, Eq. 1).

    ``U`` and ``u`` are 1x1 convolutions with bias. The unit vectors keep :math:`|\phi| \le \|u\|`, which starts far
    below what concentrates a softmax over thousands of cells: ``init_scale`` multiplies the potential by a learned
    positive number that starts there. The gate sees more than one cell through its receptive field, so the peak of the
    potential may lie next to its cause: ``smoothing`` applies that many 3-wide box filters (edges repeated) to the
    potential, as part of the network, in training and after.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the features.
        embed_dim: channels of the embedding ``U v``; as many as the features by default.
        init_scale: start value of the learned scale of the potential, ``None`` for no scale (the paper).
        smoothing: number of box filters, 0 for none (the paper).

    Raises:
        ValueError: for sizes, scales or counts out of range.

    Example:
        >>> gate = PotentialGate(spatial_dims=2, in_channels=16)
        >>> gate(torch.randn(1, 16, 8, 8)).shape
        torch.Size([1, 1, 8, 8])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        embed_dim: int | None = None,
        init_scale: float | None = None,
        smoothing: int = 0,
    ) -> None:
        super().__init__()
        embed_dim = in_channels if embed_dim is None else embed_dim
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims: expected 2 or 3, got {spatial_dims}")
        if in_channels < 1 or embed_dim < 1:
            raise ValueError(f"in_channels, embed_dim: expected positive numbers, got {in_channels}, {embed_dim}")
        if init_scale is not None and init_scale <= 0:
            raise ValueError(f"init_scale: expected a positive number or None, got {init_scale}")
        if smoothing < 0:
            raise ValueError(f"smoothing: expected 0 or more box filters, got {smoothing}")
        self.smoothing = smoothing
        self.embed = Conv[Conv.CONV, spatial_dims](in_channels, embed_dim, kernel_size=1)
        # Eq. 1 has no bias: after another gate, where v is small, it would be all of U v at the start
        nn.init.zeros_(self.embed.bias)
        # holds u, which forward multiplies itself
        self.project = Conv[Conv.CONV, spatial_dims](embed_dim, 1, kernel_size=1, bias=False)
        self.bias = nn.Parameter(torch.zeros(1))
        self.log_scale = None if init_scale is None else nn.Parameter(torch.tensor(float(init_scale)).log())

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """Return the potential ``(B, 1, *spatial)`` of features ``(B, C, *spatial)``, float32 under autocast."""
        embedding = self.embed(v)
        embedding = to_single(embedding)
        # Divided after the sum, as the norm is one positive number for each cell: fewer passes over the embedding.
        # A product and a sum rather than the 1x1 convolution they equal: autocast would compute that in half precision.
        norm = torch.linalg.vector_norm(embedding, dim=1, keepdim=True).clamp_min(1e-12)
        phi = (torch.relu(embedding) * self.project.weight[0]).sum(dim=1, keepdim=True) / norm + self.bias
        log_scale = self.log_scale
        if log_scale is not None:
            phi = phi * log_scale.exp()
        return box_smooth(phi, self.smoothing)
