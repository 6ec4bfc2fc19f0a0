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
"""Dictionary form of the histogram equalization."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from monai.config import KeysCollection
from monai.config.type_definitions import NdarrayOrTensor
from monai.transforms import MapTransform

from monai_dd.transforms.pet.equalization.array import HistogramEqualization

__all__ = ["HistogramEqualizationD", "HistogramEqualizationDict", "HistogramEqualizationd"]


class HistogramEqualizationd(MapTransform):
    """Dictionary form of :py:class:`HistogramEqualization`.

    Args:
        keys: keys of the images ``(C, *spatial)`` to equalize.
        num_bins: number of bins of the histogram, at least 2.
        allow_missing_keys: do not raise when a key is missing.

    Example:
        >>> import torch
        >>> HistogramEqualizationd("image")({"image": torch.tensor([[[0.0, 0.0], [1.0, 100.0]]])})["image"]
        metatensor([[[0.0000, 0.0000],
                 [0.5000, 1.0000]]])
    """

    backend = HistogramEqualization.backend

    def __init__(self, keys: KeysCollection, num_bins: int = 256, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.equalization = HistogramEqualization(num_bins)

    def __call__(self, data: Mapping[Hashable, NdarrayOrTensor]) -> dict[Hashable, NdarrayOrTensor]:
        """Equalize the image of every key."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.equalization(d[key])
        return d


HistogramEqualizationD = HistogramEqualizationDict = HistogramEqualizationd
