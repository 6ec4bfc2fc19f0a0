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
"""A region masked out: what is left of an image when its tumor cannot be seen."""

from __future__ import annotations

import torch
from monai.utils import convert_to_tensor

from monai_dd.utils.checks import check_option

__all__ = ["FILLS", "blank_region"]

FILLS = ("mean", "zero")


def blank_region(image: torch.Tensor, region: torch.Tensor, fill: str = "mean", threshold: float = 0.0) -> torch.Tensor:
    """Replace the pixels of a region; the image itself is left alone.

    Args:
        image: ``(C, H, W)`` or ``(B, C, H, W)``.
        region: ``(1, H, W)`` or ``(B, 1, H, W)``, positive inside.
        fill: ``"mean"``: in each channel of each image the mean of the foreground outside the region, 0 if there is
            none; ``"zero"``: 0.
        threshold: foreground is what is not zero; above 0, what exceeds this fraction of the channel's maximum, for
            images whose background is not quite zero.

    Returns:
        tensor of the shape and type of ``image``.

    Raises:
        ValueError: ``fill`` is unknown or ``region`` does not fit ``image``.

    Example:
        >>> image, region = torch.tensor([[[0.0, 2.0, 9.0, 4.0]]]), torch.tensor([[[0, 0, 1, 0]]])
        >>> blank_region(image, region).tolist()  # the mean of 2 and 4, without the background
        [[[0.0, 2.0, 3.0, 4.0]]]
        >>> blank_region(image, region, fill="zero").tolist()
        [[[0.0, 2.0, 0.0, 4.0]]]
    """
    check_option("fill", fill, FILLS)
    image = convert_to_tensor(image, track_meta=False)
    region = convert_to_tensor(region, track_meta=False, device=image.device)
    expected = (*image.shape[:-3], 1, *image.shape[-2:])
    if image.ndim not in (3, 4) or tuple(region.shape) != expected:
        shapes = f"image {tuple(image.shape)} and region {tuple(region.shape)}"
        raise ValueError(f"region: expected (1, H, W) for (C, H, W) or (B, 1, H, W) for (B, C, H, W), got {shapes}")
    inside = region > 0
    if fill == "zero":
        return image.masked_fill(inside, 0)
    peak = image.amax(dim=(-2, -1), keepdim=True)
    counted = ~inside & (image > threshold * peak if threshold > 0 else image != 0)
    values = image if image.is_floating_point() else image.float()
    count = counted.sum(dim=(-2, -1), keepdim=True).clamp(min=1)
    mean = values.masked_fill(~counted, 0).sum(dim=(-2, -1), keepdim=True) / count
    return torch.where(inside, mean.to(image.dtype), image)
