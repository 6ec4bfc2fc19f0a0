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
"""MONAI image reader for a folder with one PET series."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import ImageReader
from monai.utils import ensure_tuple

from monai_dd.dicom.errors import NotAFolderError
from monai_dd.dicom.pet_series import read_pet_series

__all__ = ["PETSeriesReader"]


class PETSeriesReader(ImageReader):
    """
    Lets ``LoadImage`` and ``LoadImaged`` read PET series folders as ``load_pet_series`` does.

    ``LoadImage`` tries its other readers when ``read`` fails, and they would load a refused series without a word.
    Therefore ``read`` only takes note of the folder, and ``get_data`` reads it: errors reach the caller.

    Example:
        >>> import tempfile
        >>> from monai.transforms import LoadImage
        >>> from dataclasses import replace
        >>> from monai_dd.data.phantoms import create_pet_phantom, write_pet_series
        >>> phantom = create_pet_phantom("mild", seed=1, voxel_size=20)
        >>> load = LoadImage(reader="monai_dd.dicom.PETSeriesReader", ensure_channel_first=True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_pet_series(replace(phantom, suv=phantom.suv[..., 40:44]), f"{folder}/series", "P1")
        ...     load(f"{folder}/series").shape
        torch.Size([1, 35, 20, 4])
    """

    def verify_suffix(self, filename: Sequence[str | os.PathLike] | str | os.PathLike) -> bool:
        """Whether ``filename`` is one existing folder."""
        names = ensure_tuple(filename)
        return len(names) == 1 and Path(names[0]).is_dir()

    def read(self, data: Sequence[str | os.PathLike] | str | os.PathLike, **kwargs) -> tuple[str, ...]:
        """The paths as they came; nothing is read yet."""
        return tuple(os.fspath(name) for name in ensure_tuple(data))

    def get_data(self, img: Sequence[str]) -> tuple[np.ndarray, dict[str, Any]]:
        """
        Float32 volume ``(X, Y, Z)`` and meta data of the one folder in ``img``.

        Raises:
            PETSeriesError: a subclass for each reason, see ``monai_dd.dicom.errors``.
        """
        if len(img) != 1:
            raise NotAFolderError(f"filename: expected one series folder, got {len(img)} paths")
        return read_pet_series(img[0])
