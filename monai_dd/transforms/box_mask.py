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
"""Masks of annotated boxes, one channel for each class: boxes of any number become a tensor of one size."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, ensure_tuple_rep
from torch import Tensor

__all__ = ["BoxMask", "BoxMaskD", "BoxMaskDict", "BoxMaskd"]


class BoxMask(Transform):
    """Draw boxes into a mask: 1 in the cells whose center lies in a box of the class, 0 elsewhere.

    Row ``i`` of ``H`` has its center at ``(i + 0.5) / H`` and is in a box when ``top <= (i + 0.5) / H < bottom``;
    columns likewise. A box that is too thin to hold the center of a row (column) gets the one row (column) that holds
    the center of the box, so no annotation is lost at low resolution. Boxes of one class unite.

    Args:
        num_classes: number of channels K.
        spatial_size: height and width ``(H, W)`` of the mask, or one number for both.

    Raises:
        ValueError: for a number of classes or a size below 1.

    Example:
        >>> BoxMask(num_classes=2, spatial_size=(2, 4))([[1, 0.0, 0.25, 0.5, 0.75]]).tolist()
        [[[0, 0, 0, 0], [0, 0, 0, 0]], [[0, 1, 1, 0], [0, 0, 0, 0]]]
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, num_classes: int, spatial_size: Sequence[int] | int) -> None:
        if num_classes < 1:
            raise ValueError(f"num_classes: expected 1 or more, got {num_classes}")
        self.num_classes = num_classes
        self.spatial_size = ensure_tuple_rep(spatial_size, 2)
        if min(self.spatial_size) < 1:
            raise ValueError(f"spatial_size: expected a height and width of 1 or more, got {self.spatial_size}")

    def __call__(self, boxes: Sequence[Sequence[float]]) -> Tensor:
        """Mask of an image's boxes.

        Args:
            boxes: ``[class, top, left, bottom, right]`` each, the sides as fractions (0..1) of height and width; an
                empty list gives a mask of zeros.

        Returns:
            the mask ``(K, H, W)``, uint8.

        Raises:
            ValueError: for a box that is not five numbers, of no class, or whose sides are not ``0 <= top < bottom <=
                1`` and ``0 <= left < right <= 1``.
        """
        mask = torch.zeros(self.num_classes, *self.spatial_size, dtype=torch.uint8)
        for box in boxes:
            if len(box) != 5:
                raise ValueError(f"boxes: expected class, top, left, bottom and right of each, got {list(box)}")
            index, top, left, bottom, right = box
            if int(index) != index or not 0 <= index < self.num_classes:
                raise ValueError(f"boxes: expected a class from 0 to {self.num_classes - 1}, got {index}")
            if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
                raise ValueError(
                    "boxes: expected fractions 0 <= top < bottom <= 1 and 0 <= left < right <= 1, got "
                    f"top {top}, left {left}, bottom {bottom}, right {right}"
                )
            rows, columns = self.spatial_size
            mask[int(index), _cells(top, bottom, rows), _cells(left, right, columns)] = 1
        return mask


class BoxMaskd(MapTransform):
    """Dictionary form of :py:class:`BoxMask`: the mask takes the place of the boxes, so that items can be batched.

    The boxes are those of the whole image: use it before the image is cropped or deformed, and give its key to the
    transforms that do so, with nearest-neighbor interpolation.

    Args:
        keys: keys of the boxes.
        num_classes: number of channels K.
        spatial_size: height and width ``(H, W)`` of the mask, or one number for both.
        allow_missing_keys: do not raise when a key is missing.

    Example:
        >>> item = {"boxes": [[1, 0.0, 0.25, 0.5, 0.75]]}
        >>> BoxMaskd("boxes", num_classes=2, spatial_size=(2, 4))(item)["boxes"][1].tolist()
        [[0, 1, 1, 0], [0, 0, 0, 0]]
    """

    backend = BoxMask.backend

    def __init__(
        self,
        keys: KeysCollection,
        num_classes: int,
        spatial_size: Sequence[int] | int,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.box_mask = BoxMask(num_classes, spatial_size)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace the boxes of every key by their mask."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.box_mask(d[key])
        return d


def _cells(start: float, stop: float, size: int) -> slice:
    """Cells of an axis whose centers lie in ``[start, stop)``, or the one at the middle of it."""
    first, end = math.ceil(start * size - 0.5), math.ceil(stop * size - 0.5)
    if end <= first:
        first = min(int((start + stop) / 2 * size), size - 1)
        end = first + 1
    return slice(first, end)


BoxMaskD = BoxMaskDict = BoxMaskd
