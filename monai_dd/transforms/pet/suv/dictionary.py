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
"""PET volumes in SUV, dictionary version."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from monai_dd.transforms.pet.suv.array import ConvertToSUV

__all__ = ["ConvertToSUVD", "ConvertToSUVDict", "ConvertToSUVd"]


class ConvertToSUVd(MapTransform):
    """
    Dictionary version of :py:class:`ConvertToSUV`.

    Args:
        keys: keys of PET volumes with ``meta["pet_header"]``.
        decay_correction: see :py:class:`ConvertToSUV`.
        allow_missing_keys: do not raise if a key is missing.

    Example:
        >>> from monai.data import MetaTensor
        >>> from monai_dd.dicom import build_pet_header
        >>> one_slice = {"Units": "BQML", "PatientWeight": 70, "RadionuclideTotalDose": 350e6}
        >>> one_slice |= {"DecayCorrection": "ADMIN", "CorrectedImage": ["ATTN"]}
        >>> item = {"image": MetaTensor([[[[10000.0]]]], meta={"pet_header": build_pet_header([one_slice])})}
        >>> ConvertToSUVd("image")(item)["image"].meta["units"]
        'SUVbw'
    """

    backend = ConvertToSUV.backend

    def __init__(
        self, keys: KeysCollection, decay_correction: str = "header", allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.converter = ConvertToSUV(decay_correction)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """The dictionary with the volumes of ``keys`` in SUVbw."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.converter(d[key])
        return d


ConvertToSUVD = ConvertToSUVDict = ConvertToSUVd
