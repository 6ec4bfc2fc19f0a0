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
"""Dictionary forms of the cut into hemispheres and of the mirrored region."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import InvertibleTransform, MapTransform

from monai_dd.transforms.hemisphere.array import Hemisphere
from monai_dd.transforms.hemisphere.mirror import MirrorRegion

__all__ = [
    "HemisphereD",
    "HemisphereDict",
    "HemisphereWindowD",
    "HemisphereWindowDict",
    "HemisphereWindowd",
    "Hemisphered",
    "MirrorRegionD",
    "MirrorRegionDict",
    "MirrorRegiond",
]


class HemisphereWindowd(MapTransform):
    """Find the window of :py:class:`Hemisphere` in a slice that is not normalized yet, and note it for ``Hemisphered``.

    Normalized intensities are negative in a part of the brain, and normalization of a hemisphere that is cut already
    would carry a bright tumor into the intensities of everything else: so the window comes first, then the
    normalization of the whole slice, then the cut. An item that has a window keeps it.

    Args:
        keys: keys of the slices ``(C, H, W)``; the first one that the item has is looked at.
        mode: ``"boundary"``, ``"midline"`` or ``"matched"``.
        side_key: key of the side, ``"image_left"`` or ``"image_right"``.
        mask_key: key of the mask ``(1, H, W)`` of the tumor.
        window_key: key of the columns ``(start, stop)`` to keep.
        threshold: fraction of the slice's maximum that foreground exceeds.
        allow_missing_keys: do not raise when one of ``keys`` is missing.

    Example:
        >>> import torch
        >>> item = {"image": torch.tensor([[[1.0, 4.0, 4.0, 1.0]]]), "side": "image_right"}
        >>> HemisphereWindowd("image")(item)["window"]
        [2, 4]
    """

    backend = Hemisphere.backend

    def __init__(
        self,
        keys: KeysCollection,
        mode: str = "midline",
        side_key: str = "side",
        mask_key: str = "mask",
        window_key: str = "window",
        threshold: float = 0.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.hemisphere = Hemisphere(mode, threshold=threshold)
        self.side_key = side_key
        self.mask_key = mask_key
        self.window_key = window_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the window.

        Raises:
            ValueError: the item has neither window nor side, or as :py:class:`Hemisphere` raises.
        """
        d = dict(data)
        if d.get(self.window_key) is None:
            if d.get(self.side_key) is None:
                raise ValueError(f"item: expected {self.window_key!r} or {self.side_key!r}, got neither")
            slice_ = d[self.first_key(d)]
            d[self.window_key] = list(self.hemisphere.window(slice_, d.get(self.mask_key), d[self.side_key]))
        return d


class Hemisphered(MapTransform, InvertibleTransform):
    """Dictionary form of :py:class:`Hemisphere`: one window per item, for all keys.

    The window is the item's own, if it has one; else it is found in the slice of the first key, as
    :py:class:`HemisphereWindowd` does. Nothing is added to the item.

    Args:
        keys: keys of the slices ``(C, H, W)`` to cut; the mask may be one of them.
        mode: ``"boundary"``, ``"midline"`` or ``"matched"``.
        side_key: key of the side, ``"image_left"`` or ``"image_right"``.
        mask_key: key of the mask ``(1, H, W)`` of the tumor.
        window_key: key of the columns ``(start, stop)`` to keep.
        threshold: fraction of the slice's maximum that foreground exceeds.
        crop: leave out the columns outside the window, see :py:class:`Hemisphere`.
        allow_missing_keys: do not raise when one of ``keys`` is missing.

    Example:
        >>> import torch
        >>> item = {"image": torch.tensor([[[1.0, 4.0, 4.0, 1.0]]]), "side": "image_right"}
        >>> Hemisphered("image")(item)["image"].tolist()
        [[[0.0, 0.0, 4.0, 1.0]]]
        >>> Hemisphered("image")(item | {"window": [0, 3]})["image"].tolist()
        [[[1.0, 4.0, 4.0, 0.0]]]
    """

    backend = Hemisphere.backend

    def __init__(
        self,
        keys: KeysCollection,
        mode: str = "midline",
        side_key: str = "side",
        mask_key: str = "mask",
        window_key: str = "window",
        threshold: float = 0.0,
        crop: bool = False,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.window = HemisphereWindowd(keys, mode, side_key, mask_key, window_key, threshold, allow_missing_keys)
        self.hemisphere = Hemisphere(mode, threshold=threshold, crop=crop)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Cut the slice of every key.

        Raises:
            ValueError: the item has neither window nor side, or as :py:class:`Hemisphere` raises.
        """
        d = dict(data)
        keys = list(self.key_iterator(d))
        window = self.window(d)[self.window.window_key] if keys else None
        for key in keys:
            d[key] = self.hemisphere(d[key], window=window)
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Put the map of every key back at its place."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.hemisphere.inverse(d[key])
        return d


class MirrorRegiond(MapTransform):
    """Dictionary form of :py:class:`MirrorRegion`.

    Args:
        keys: keys of the regions ``(1, H, W)``.
        allow_missing_keys: do not raise when one of ``keys`` is missing.

    Example:
        >>> import torch
        >>> MirrorRegiond("region")({"region": torch.tensor([[[0, 5, 0, 0]]])})["region"].tolist()
        [[[0, 1, 1, 0]]]
    """

    backend = MirrorRegion.backend

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.mirror = MirrorRegion()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add its mirror image to the region of every key."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.mirror(d[key])
        return d


HemisphereD = HemisphereDict = Hemisphered
HemisphereWindowD = HemisphereWindowDict = HemisphereWindowd
MirrorRegionD = MirrorRegionDict = MirrorRegiond
