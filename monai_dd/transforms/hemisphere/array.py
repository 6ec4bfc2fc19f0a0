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
"""One hemisphere of a brain slice, cut so that it keeps its place and its map can be put back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.config.type_definitions import NdarrayOrTensor
from monai.data import MetaTensor, get_track_meta
from monai.transforms import InvertibleTransform
from monai.transforms.croppad.array import Crop
from monai.utils import TraceKeys, TransformBackends, convert_to_tensor

from monai_dd.transforms.hemisphere.functional import MODES, SIDES, hemisphere_windows
from monai_dd.utils.checks import check_option

__all__ = ["Hemisphere"]


class Hemisphere(InvertibleTransform):
    """Keep one hemisphere of a slice of the brain: everything outside its window of columns becomes 0.

    It keeps its place, and the slice its size and affine, so resizing, flips and overlays work as on the slice. With
    ``crop`` the window is all that is left, with an affine of its own: a network then has no pixels without brain to
    look at, and an image twice as high as wide has pixels that are about square. Sides
    are those of the picture: in a slice in radiological convention ``"image_left"`` is the patient's right.

    ``inverse`` keeps of any map of the slice's size what lies in the window: the maps of both hemispheres,
    each put back, add up to the map of the whole slice. It works on a ``MetaTensor`` that carries the cut among its
    applied operations, also by ``Invertd``, after the inverse of what followed. ``Invertd`` itself passes plain tensors
    by: make a map a ``MetaTensor`` first, say by ``EnsureTyped``.

    Args:
        mode: where to cut, ``"boundary"``, ``"midline"`` or ``"matched"``, see :py:func:`hemisphere_windows`.
        side: ``"image_left"`` or ``"image_right"``.
        threshold: fraction of the slice's maximum that foreground exceeds; the slice is cut before it is normalized.
        crop: leave out the columns outside the window; ``inverse`` puts them back as 0.

    Raises:
        ValueError: ``mode`` or ``side`` is unknown.

    Example:
        >>> cut = Hemisphere("midline", "image_right")
        >>> right = cut(torch.tensor([[[1.0, 4.0, 4.0, 1.0]]]))
        >>> right.tolist()
        [[[0.0, 0.0, 4.0, 1.0]]]
        >>> cut.inverse(MetaTensor(torch.full((1, 1, 4), 0.5)).copy_meta_from(right)).tolist()
        [[[0.0, 0.0, 0.5, 0.5]]]
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self, mode: str = "midline", side: str = "image_left", threshold: float = 0.0, crop: bool = False
    ) -> None:
        self.mode = check_option("mode", mode, MODES)
        self.side = check_option("side", side, SIDES)
        self.threshold = threshold
        self.cropper = Crop() if crop else None

    def window(
        self, img: NdarrayOrTensor, mask: NdarrayOrTensor | None = None, side: str | None = None
    ) -> tuple[int, int]:
        """Find the columns ``(start, stop)`` that are kept; arguments as in the call."""
        chosen = SIDES.index(self.side if side is None else check_option("side", side, SIDES))
        return hemisphere_windows(self.mode, img, mask, self.threshold)[chosen]

    def __call__(
        self,
        img: NdarrayOrTensor,
        mask: NdarrayOrTensor | None = None,
        side: str | None = None,
        window: Sequence[int] | None = None,
    ) -> torch.Tensor:
        """Cut one slice.

        Args:
            img: ``(C, H, W)``.
            mask: ``(1, H, W)`` or ``(H, W)``, tumor where positive; for the modes that cut at the tumor.
            side: in place of the side given at construction.
            window: columns ``(start, stop)`` to keep, in place of those that mode, mask and side give.

        Returns:
            slice ``(C, H, W)``, with ``crop`` ``(C, H, stop - start)``, a ``MetaTensor`` (a tensor when MONAI does not
            track metadata).

        Raises:
            ValueError: ``img`` is not ``(C, H, W)``, ``side`` is unknown, ``window`` is empty or reaches out of the
                slice, or :py:func:`hemisphere_windows` finds no window.
        """
        if len(img.shape) != 3:
            raise ValueError(f"img: expected the shape (C, H, W), got {tuple(img.shape)}")
        start, stop = self.window(img, mask, side) if window is None else (int(column) for column in window)
        img = convert_to_tensor(img, track_meta=get_track_meta())
        half = _keep(convert_to_tensor(img, track_meta=False), start, stop)
        if self.cropper is not None:
            return self.cropper(img, slices=(slice(None), slice(start, stop)))
        if not isinstance(img, MetaTensor):
            return half
        half = MetaTensor(half).copy_meta_from(img)
        return self.push_transform(half, orig_size=img.shape[1:], extra_info={"window": [start, stop]})

    def inverse(self, data: torch.Tensor) -> torch.Tensor:
        """Put a map ``(C2, H, W)`` back: at its place, 0 outside the window.

        Args:
            data: ``MetaTensor`` with this cut among its applied operations.

        Raises:
            ValueError: ``data`` does not have the size of the slice that was cut.
        """
        if self.cropper is not None:
            return self.cropper.inverse(data)
        transform = self.pop_transform(data)
        start, stop = transform[TraceKeys.EXTRA_INFO]["window"]
        size = tuple(int(n) for n in transform[TraceKeys.ORIG_SIZE])
        if tuple(data.shape[1:]) != size:
            raise ValueError(f"map: expected the size {size} of the slice that was cut, got {tuple(data.shape[1:])}")
        return MetaTensor(_keep(convert_to_tensor(data, track_meta=False), start, stop)).copy_meta_from(data)


def _keep(img: torch.Tensor, start: int, stop: int) -> torch.Tensor:
    """Copy with zeros outside the columns from ``start`` to ``stop``."""
    if not 0 <= start < stop <= img.shape[-1]:
        raise ValueError(f"window: expected 0 <= start < stop <= {img.shape[-1]} columns, got ({start}, {stop})")
    half = torch.zeros_like(img)
    half[..., start:stop] = img[..., start:stop]
    return half
