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
"""Dictionary form of the reading of one axial slice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data.utils import AFFINE_TOL
from monai.transforms import MapTransform

from monai_dd.transforms.axial.array import LoadAxialSlice

__all__ = ["LoadAxialSliceD", "LoadAxialSliceDict", "LoadAxialSliced"]


class LoadAxialSliced(MapTransform):
    """Dictionary form of :py:class:`LoadAxialSlice`: the same slice of the files of every key, on one grid.

    Args:
        keys: keys of the files, one or several each, say of the modalities and of the mask.
        slice_key: key of the index of the slice.
        allow_missing_keys: do not raise when one of ``keys`` is missing.

    Example:
        >>> import tempfile, nibabel
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = f"{folder}/t1.nii"
        ...     nibabel.save(nibabel.Nifti1Image(np.arange(24.0).reshape(2, 3, 4), np.eye(4)), file)
        ...     LoadAxialSliced("image")({"image": [file, file], "slice": 3})["image"].shape
        torch.Size([2, 3, 2])
    """

    backend = LoadAxialSlice.backend

    def __init__(self, keys: KeysCollection, slice_key: str = "slice", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.slice_key = slice_key
        self.load = LoadAxialSlice()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Read the slice of every key in place of its files.

        Raises:
            KeyError: the item has no index.
            ValueError: the grids of the keys differ, or as :py:class:`LoadAxialSlice` raises.
        """
        d = dict(data)
        if self.slice_key not in d:
            raise KeyError(f"item: expected the index of the slice under {self.slice_key!r}, got none")
        first = None
        for key in self.key_iterator(d):
            d[key] = self.load(d[key], d[self.slice_key])
            first = key if first is None else first
            size, expected = tuple(d[key].shape[1:]), tuple(d[first].shape[1:])
            if size != expected:
                raise ValueError(f"{key}: expected the size {expected} of {first}, got {size}")
            if not np.allclose(d[key].affine, d[first].affine, rtol=0, atol=AFFINE_TOL):
                raise ValueError(f"{key}: expected the affine of {first}, got another one")
        return d


LoadAxialSliceD = LoadAxialSliceDict = LoadAxialSliced
