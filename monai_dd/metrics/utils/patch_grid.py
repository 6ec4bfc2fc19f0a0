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
"""Where the patches of a grid lie in the image, and how much of each lies inside a mask."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.utils import ensure_tuple_rep
from torch.nn.functional import pad

__all__ = ["boxes_to_mask", "patch_boxes", "patch_shares"]


def patch_boxes(
    grid: Sequence[int], kernel: Sequence[int] | int, stride: Sequence[int] | int, padding: Sequence[int] | int = 0
) -> torch.Tensor:
    r"""Boxes of the patches of a grid, in pixels of the image.

    Along each axis patch :math:`g` reaches from :math:`s g - p` to, not including, :math:`s g - p + k`, for the kernel
    :math:`k`, stride :math:`s` and padding :math:`p`. A 9x9 layer of stride 4 on an encoder of stride 2 has patches of
    kernel 18 and stride 8.

    Args:
        grid: number of patches along each of the ``D`` axes.
        kernel: side of a patch, in pixels, one for all axes or one for each, as in what follows.
        stride: from one patch to the next.
        padding: how far the first patch lies before the image.

    Returns:
        whole numbers ``(M, 2 D)``: first pixels along each axis, then the ends (not included); the last axis of the
        grid changes fastest. Boxes are not cut at the edge of the image.

    Raises:
        ValueError: for a kernel or stride below 1.

    Example:
        >>> patch_boxes(grid=(1, 3), kernel=4, stride=2, padding=1)
        tensor([[-1, -1,  3,  3],
                [-1,  1,  3,  5],
                [-1,  3,  3,  7]])
    """
    starts, stops = zip(*_extents(grid, kernel, stride, padding), strict=True)
    corners = [torch.stack(torch.meshgrid(*ends, indexing="ij"), dim=-1).flatten(0, -2) for ends in (starts, stops)]
    return torch.cat(corners, dim=1)


def patch_shares(
    mask: torch.Tensor,
    grid: Sequence[int],
    kernel: Sequence[int] | int,
    stride: Sequence[int] | int,
    padding: Sequence[int] | int = 0,
) -> torch.Tensor:
    """Share of each patch that lies inside a mask, of what of the patch lies in the image.

    Args:
        mask: ``(B, 1, *S)``, positive inside.
        grid: number of patches along each axis of ``S``.
        kernel: see :func:`patch_boxes`, as are ``stride`` and ``padding``.
        stride: from one patch to the next.
        padding: how far the first patch lies before the image.

    Returns:
        tensor of shape ``(B, 1, *grid)``.

    Raises:
        ValueError: when such patches do not make that grid on an image of this size.

    Example:
        >>> import torch
        >>> mask = torch.zeros(1, 1, 4, 4)
        >>> mask[..., :1, :2] = 1
        >>> patch_shares(mask, grid=(2, 2), kernel=2, stride=2)
        tensor([[[[0.5000, 0.0000],
                  [0.0000, 0.0000]]]])
    """
    size = mask.shape[2:]
    if mask.dim() < 3 or mask.shape[1] != 1 or len(grid) != len(size):
        raise ValueError(f"mask: expected (B, 1, *S) with {len(grid)} axes, got {tuple(mask.shape)}")
    extents = _extents(grid, kernel, stride, padding)
    _check_cover(size, grid, extents, ensure_tuple_rep(padding, len(grid)), ensure_tuple_rep(stride, len(grid)))
    counts = (mask.as_subclass(torch.Tensor) > 0).int()
    visible = torch.ones((), dtype=torch.int32, device=counts.device)
    for axis, (start, stop) in enumerate(extents):
        low, high = (ends.clamp(0, size[axis]).to(counts.device) for ends in (start, stop))
        total = _cumulate(counts, axis + 2)
        counts = total.index_select(axis + 2, high) - total.index_select(axis + 2, low)
        visible = visible[..., None] * (high - low)
    return counts / visible


def boxes_to_mask(boxes: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Mask of the pixels in any of the boxes of an image.

    Args:
        boxes: ``(B, 2 D)``, or ``(B, N, 2 D)`` for several in an image: first pixels along each axis, then the ends
            (not included). An empty box, as of zeros, fills up a batch.
        size: of the image, ``D`` numbers.

    Returns:
        tensor of shape ``(B, 1, *size)``, boolean.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> import torch
        >>> boxes_to_mask(torch.tensor([[0, 1, 1, 3]]), size=(2, 3)).int()
        tensor([[[[0, 1, 1],
                  [0, 0, 0]]]], dtype=torch.int32)
    """
    axes = len(size)
    if boxes.dim() not in (2, 3) or boxes.shape[-1] != 2 * axes:
        raise ValueError(f"boxes: expected (B, {2 * axes}) or (B, N, {2 * axes}), got {tuple(boxes.shape)}")
    low, high = boxes.reshape(boxes.shape[0], -1, 2 * axes).split(axes, dim=-1)
    inside = torch.ones((), dtype=torch.bool, device=boxes.device)
    for axis, length in enumerate(size):
        at = torch.arange(length, device=boxes.device)
        along = (at >= low[..., axis, None]) & (at < high[..., axis, None])  # (B, N, length)
        inside = inside[..., None] & along.reshape(*along.shape[:2], *[1] * axis, length)
    return inside.any(1, keepdim=True)


def _extents(
    grid: Sequence[int], kernel: Sequence[int] | int, stride: Sequence[int] | int, padding: Sequence[int] | int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """First pixels and ends of the patches along each axis."""
    kernels, strides, paddings = (ensure_tuple_rep(value, len(grid)) for value in (kernel, stride, padding))
    if min(*kernels, *strides) < 1:
        raise ValueError(f"kernel, stride: expected 1 or more, got {kernel} and {stride}")
    starts = [torch.arange(g) * s - p for g, s, p in zip(grid, strides, paddings, strict=True)]
    return [(start, start + k) for start, k in zip(starts, kernels, strict=True)]


def _check_cover(
    size: Sequence[int],
    grid: Sequence[int],
    extents: list[tuple[torch.Tensor, torch.Tensor]],
    paddings: Sequence[int],
    strides: Sequence[int],
) -> None:
    """Every patch must meet the image, and one more must not fit."""
    for length, (start, stop), p, s in zip(size, extents, paddings, strides, strict=True):
        if stop[0] <= 0 or start[-1] >= length or stop[-1] + s <= length + p:
            first, last = f"{int(start[0])} to {int(stop[0])}", f"{int(start[-1])} to {int(stop[-1])}"
            raise ValueError(
                f"kernel, stride, padding: expected patches that cover an image of {tuple(size)} pixels with a grid of "
                f"{tuple(grid)}, got patches from {first} until {last} along an axis of {length}"
            )


def _cumulate(counts: torch.Tensor, axis: int) -> torch.Tensor:
    """Sums of all that lies before each place, one place longer than the axis."""
    before = [0, 0] * (counts.dim() - 1 - axis) + [1, 0]
    return pad(counts.cumsum(axis, dtype=torch.int32), before)
