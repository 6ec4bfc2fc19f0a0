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
"""Maximum pooling by DeepLIFT's Rescale rule, complete for windows that overlap."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["RescaledMaxPool", "rescale_pooling"]

_POOLS = {nn.MaxPool2d: nn.functional.max_pool2d, nn.MaxPool3d: nn.functional.max_pool3d}


class _Rescale(torch.autograd.Function):
    """Maximum pooling whose backward pass hands on multipliers instead of gradients."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, module: nn.Module) -> torch.Tensor:
        size, stride, padding, dilation = module.kernel_size, module.stride, module.padding, module.dilation
        pool = _POOLS[type(module)]
        out, places = pool(x, size, stride, padding, dilation, module.ceil_mode, return_indices=True)
        ctx.save_for_backward(x, out, places)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        x, out, places = ctx.saved_tensors
        (x_in, x_ref), (out_in, out_ref) = x.chunk(2), out.chunk(2)
        (at_in, at_ref), (grad_in, grad_ref) = places.flatten(2).chunk(2), grads[0].chunk(2)
        top = torch.maximum(out_in, out_ref)
        share = torch.zeros_like(x_in).flatten(2)
        share.scatter_add_(2, at_in, (grad_in * (top - out_ref)).flatten(2))
        share.scatter_add_(2, at_ref, (grad_ref * (out_in - top)).flatten(2))
        gradient = torch.zeros_like(share).scatter_add_(2, at_in, grad_in.flatten(2))
        change = (x_in - x_ref).flatten(2)
        multiplier = torch.where(change == 0, gradient, share / change).reshape(x_in.shape)
        return torch.cat([multiplier, multiplier]), None


class RescaledMaxPool(nn.Module):
    r"""Maximum pooling for DeepLIFT: a batch of images followed by their baselines.

    The change of a maximum, :math:`\Delta = \max_i x_i - \max_i x^0_i`, is the change of the pixel that is the maximum
    of the image where :math:`\Delta > 0`, of the one that is the maximum of the baseline otherwise: either changes by
    :math:`\Delta` or more, in the same direction. So a pixel's multiplier is the sum of
    what windows ascribe to it by its own change, between 0 and 1 for each; where it does not change, the gradient.

    Args:
        pool: the pooling to replace.
    """

    def __init__(self, pool: nn.MaxPool2d | nn.MaxPool3d) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the pooled batch."""
        return _Rescale.apply(x, self.pool)


def rescale_pooling(network: nn.Module) -> nn.Module:
    """Replace every maximum pooling of a network, and return it."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) in _POOLS:
                setattr(module, name, RescaledMaxPool(child))
    return network
