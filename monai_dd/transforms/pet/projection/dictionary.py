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
"""Dictionary form of the maximum intensity projection."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import InvertibleTransform, MapTransform

from monai_dd.transforms.pet.projection.array import MaximumIntensityProjection

__all__ = ["MaximumIntensityProjectionD", "MaximumIntensityProjectionDict", "MaximumIntensityProjectiond"]


class MaximumIntensityProjectiond(MapTransform, InvertibleTransform):
    """Dictionary form of :py:class:`MaximumIntensityProjection`.

    Args:
        keys: keys of the volumes ``(C, X, Y, Z)`` to project.
        axis: ``"coronal"``, ``"sagittal"`` or ``"axial"``.
        angle: degrees about the body (superior-inferior) axis.
        allow_missing_keys: do not raise when a key is missing.

    Example:
        >>> item = {"image": torch.zeros(1, 4, 3, 6)}
        >>> MaximumIntensityProjectiond("image", axis="sagittal")(item)["image"].shape
        torch.Size([1, 6, 3])
    """

    backend = MaximumIntensityProjection.backend

    def __init__(
        self, keys: KeysCollection, axis: str = "coronal", angle: float = 0.0, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.projection = MaximumIntensityProjection(axis, angle)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Project the volume of every key."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.projection(d[key])
        return d

    def inverse(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Carry the map of every key back into the grid of its volume."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.projection.inverse(d[key])
        return d


MaximumIntensityProjectionD = MaximumIntensityProjectionDict = MaximumIntensityProjectiond
