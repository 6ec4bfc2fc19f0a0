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
"""Maximum intensity projection along parallel rays, and the way back into the volume."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

from monai_dd.transforms.pet.projection.geometry import ViewGeometry

__all__ = ["back_projection", "maximum_intensity_projection"]

# Samples held at once: 64 MiB in float32.
_SLAB_SAMPLES = 2**24


def maximum_intensity_projection(volume: torch.Tensor, geometry: ViewGeometry) -> tuple[torch.Tensor, torch.Tensor]:
    """Take the maximum along each ray, and remember the voxel that it came from.

    Views that follow the voxel grid only compare voxels. Turned views interpolate linearly between voxel centers in the
    plane across the row axis; there, the remembered voxel is the hottest of the up to four that were interpolated, and
    a ray that misses the volume shows the volume's minimum and remembers no voxel.
    Of equal maxima the first along the ray from the viewer counts. The volume is read in slabs of rows, so no second
    volume is ever held.

    Args:
        volume: ``(C, X, Y, Z)``.
        geometry: the view, from :py:func:`view_geometry`.

    Returns:
        the image ``(C, H, W)``, floating point (float32 for integer volumes), and the flat index into ``X * Y * Z`` of
        the voxel that each pixel came from, ``(C, H, W)`` int32, -1 where the ray misses the volume.

    Raises:
        ValueError: ``volume`` contains NaN.

    Example:
        >>> from monai_dd.transforms.pet.projection import view_geometry
        >>> volume = torch.zeros(1, 2, 3, 2)
        >>> volume[0, 1, 2, 0] = 7.0
        >>> image, voxel = maximum_intensity_projection(volume, view_geometry(np.eye(4), (2, 3, 2)))
        >>> image.tolist()  # the patient's right is on the left, the head on top
        [[[0.0, 0.0], [7.0, 0.0]]]
        >>> voxel[0, 1, 0].item(), int(np.ravel_multi_index((1, 2, 0), (2, 3, 2)))
        (10, 10)
    """
    channels = volume.shape[0]
    rows, width, ray_length = geometry.view_shape
    dtype = volume.dtype if volume.is_floating_point() else torch.float32
    image = torch.empty((channels, rows, width), dtype=dtype, device=volume.device)
    voxel = torch.empty((channels, rows, width), dtype=torch.int32, device=volume.device)

    strides = np.array([volume.shape[2] * volume.shape[3], volume.shape[3], 1])
    per_row, per_column, per_depth, offset = (int(v) for v in strides @ geometry.frame_to_voxel[:3])
    samples, missed = (None, None) if geometry.is_exact else _samples(geometry, volume.device)
    for start, slab in _slabs(volume, geometry, max(1, _SLAB_SAMPLES // (channels * width * ray_length))):
        stop = start + slab.shape[1]
        if samples is None:
            value, depth = slab.max(dim=-1)
            column = torch.arange(width, device=volume.device)
        else:
            value, column, depth = _interpolated_maximum(slab, samples)
        row = torch.arange(start, stop, device=volume.device)[:, None]
        image[:, start:stop] = value.to(dtype)
        voxel[:, start:stop] = (offset + per_row * row + per_column * column + per_depth * depth).to(torch.int32)
    if missed is not None and missed.any():
        image[:, :, missed] = volume.amin(dim=(1, 2, 3))[:, None, None].to(dtype)
        voxel[:, :, missed] = -1
    if torch.isnan(image).any():  # a NaN is the maximum of its ray
        raise ValueError("volume: expected numbers, got NaN voxels")
    return image, voxel


def back_projection(pixels: torch.Tensor, voxel: torch.Tensor, shape: tuple[int, int, int]) -> torch.Tensor:
    """Put the value of each pixel at the voxel that its maximum came from; zero elsewhere.

    Where several pixels share a voxel, as they may in turned views, it takes the largest of their values.

    Args:
        pixels: ``(C2, H, W)``.
        voxel: flat voxel index of each pixel, ``(C, H, W)``, -1 for none; ``C`` is 1 or ``C2``.
        shape: number of voxels ``(X, Y, Z)``.

    Returns:
        volume ``(C2, X, Y, Z)``.

    Raises:
        ValueError: the sizes of ``pixels`` and ``voxel`` do not match.

    Example:
        >>> voxel = torch.tensor([[[5, -1], [0, 0]]])  # no voxel for the second pixel, one for the last two
        >>> back_projection(torch.tensor([[[0.5, 0.9], [0.25, 0.75]]]), voxel, shape=(1, 2, 3)).tolist()
        [[[[0.75, 0.0, 0.0], [0.0, 0.0, 0.5]]]]
    """
    if pixels.ndim != 3 or pixels.shape[1:] != voxel.shape[1:] or voxel.shape[0] not in (1, pixels.shape[0]):
        raise ValueError(
            f"map: expected the shape (channels, {voxel.shape[1]}, {voxel.shape[2]}) of the projection"
            f"{'' if voxel.shape[0] == 1 else f' and its {voxel.shape[0]} channels'}, got {tuple(pixels.shape)}"
        )
    volume = pixels.new_zeros((pixels.shape[0], int(np.prod(shape))))
    index = voxel.to(device=pixels.device, dtype=torch.int64).expand(pixels.shape)
    for channel in range(pixels.shape[0]):
        hit = index[channel] >= 0
        volume[channel].scatter_reduce_(0, index[channel][hit], pixels[channel][hit], "amax", include_self=False)
    return volume.reshape(pixels.shape[0], *shape)


def _slabs(volume: torch.Tensor, geometry: ViewGeometry, size: int) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield the first row and the voxels ``(C, rows, columns, depth)`` of slabs of the frame, each a small copy."""
    axes = np.abs(geometry.frame_to_voxel[:3, :3]).argmax(axis=0)
    flips = [geometry.frame_to_voxel[axis, i] < 0 for i, axis in enumerate(axes)]
    view = volume.permute(0, *(int(axis) + 1 for axis in axes))
    rows = geometry.frame_shape[0]
    dims = [i + 1 for i, flip in enumerate(flips) if flip]
    for start in range(0, rows, size):
        stop = min(start + size, rows)
        yield start, (view[:, rows - stop : rows - start] if flips[0] else view[:, start:stop]).flip(dims)


def _samples(geometry: ViewGeometry, device: torch.device) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """Frame coordinates of the samples: column, depth and whether inside, each ``(W, D)``; columns of missed rays."""
    _, columns, frame_depth = geometry.frame_shape
    _, width, ray_length = geometry.view_shape
    j = torch.arange(width, dtype=torch.float64, device=device)[:, None]
    k = torch.arange(ray_length, dtype=torch.float64, device=device)[None]
    column, depth = (
        (row[1] * j + row[2] * k + row[3]).round(decimals=6) for row in geometry.view_to_frame[1:3].tolist()
    )
    inside = (column >= -0.5) & (column <= columns - 0.5) & (depth >= -0.5) & (depth <= frame_depth - 0.5)
    # the outer half of a border voxel has that voxel's value
    return (column.clamp(0, columns - 1), depth.clamp(0, frame_depth - 1), inside), ~inside.any(dim=1)


def _interpolated_maximum(
    slab: torch.Tensor, samples: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Maximum over the samples of each ray through ``(C, h, columns, depth)``, and column and depth of its voxel."""
    slab = slab if slab.dtype == torch.float64 else slab.float()
    channels, height, columns, depth = slab.shape
    at_column, at_depth, inside = samples
    grid = torch.stack([(2 * at_depth + 1) / depth - 1, (2 * at_column + 1) / columns - 1], dim=-1).to(slab.dtype)
    flat = slab.reshape(1, channels * height, columns, depth)
    sampled = F.grid_sample(flat, grid[None], mode="bilinear", padding_mode="border", align_corners=False)
    value, k = sampled[0].masked_fill_(~inside, -torch.inf).max(dim=-1)  # (C h, W)

    j = torch.arange(inside.shape[0], device=slab.device)
    c, d = at_column[j, k], at_depth[j, k]
    corner_c = torch.stack([c.floor(), c.ceil(), c.floor(), c.ceil()]).long()
    corner_d = torch.stack([d.floor(), d.floor(), d.ceil(), d.ceil()]).long()
    row = torch.arange(channels * height, device=slab.device)[:, None]
    hottest = flat[0][row, corner_c, corner_d].argmax(dim=0, keepdim=True)
    shape = (channels, height, -1)
    return (
        value.reshape(shape),
        corner_c.gather(0, hottest)[0].reshape(shape),
        corner_d.gather(0, hottest)[0].reshape(shape),
    )
