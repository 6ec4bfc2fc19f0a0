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
"""The same place on both sides: what is masked out in one hemisphere is masked out in the other, too."""

from __future__ import annotations

import torch
from monai.config.type_definitions import NdarrayOrTensor
from monai.data import MetaTensor, get_track_meta
from monai.transforms import Transform
from monai.utils import TransformBackends, convert_to_tensor

__all__ = ["MirrorRegion"]


class MirrorRegion(Transform):
    """Unite a region with its mirror image at the vertical center line of the slice.

    Masking out the tumor alone would leave a smooth hole in one class only, which a classifier may find by itself.

    Example:
        >>> MirrorRegion()(torch.tensor([[[0, 5, 0, 0], [0, 0, 0, 1]]])).tolist()
        [[[0, 1, 1, 0], [1, 0, 0, 1]]]
    """

    backend = [TransformBackends.TORCH]

    def __call__(self, img: NdarrayOrTensor) -> torch.Tensor:
        """Mirror one region.

        Args:
            img: ``(1, H, W)``, positive inside.

        Returns:
            region ``(1, H, W)`` of the same type, 1 inside and 0 outside; a ``MetaTensor`` (a tensor when MONAI does
            not track metadata).

        Raises:
            ValueError: ``img`` is not ``(1, H, W)``.
        """
        img = convert_to_tensor(img, track_meta=get_track_meta())
        if img.ndim != 3 or img.shape[0] != 1:
            raise ValueError(f"region: expected the shape (1, H, W), got {tuple(img.shape)}")
        inside = convert_to_tensor(img, track_meta=False) > 0
        both = (inside | inside.flip(-1)).to(img.dtype)
        return MetaTensor(both).copy_meta_from(img) if isinstance(img, MetaTensor) else both
