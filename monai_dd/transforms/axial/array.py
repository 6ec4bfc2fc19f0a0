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
"""One axial slice of NIfTI files, read without their volumes."""

from __future__ import annotations

import operator
import re
import zlib
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from monai.data.utils import AFFINE_TOL
from monai.transforms import Transform
from monai.utils import MetaKeys, SpaceKeys, TransformBackends
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from nibabel.spatialimages import HeaderDataError

__all__ = ["LoadAxialSlice"]

# rows from anterior to posterior, columns from the patient's right to left
_RADIOLOGICAL = axcodes2ornt("PLS")
_VOLUME = re.compile(r"(.*?)(?:#(\w+))?", re.DOTALL)  # a path, and the volume after "#" at its end


class LoadAxialSlice(Transform):
    """Read one axial slice of one or several NIfTI files, in radiological convention.

    Rows run from anterior to posterior, columns from the patient's right to the left, however the file stores its
    axes: shown as it is, the slice looks as radiologists look at it. The axial axis is the array axis nearest to the
    patient's inferior-superior direction, and the slice is counted along it as the file stores it.

    Of an uncompressed file only the slice is read; a compressed one is unpacked up to the slice, never beyond, so what
    is damaged after the slice is not noticed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     volume = np.arange(24.0).reshape(2, 3, 4)  # to the patient's right, front and head
        ...     nib.save(nib.Nifti1Image(volume, np.eye(4)), f"{folder}/t1.nii")
        ...     LoadAxialSlice()(f"{folder}/t1.nii", index=3).tolist()
        [[[23.0, 11.0], [19.0, 7.0], [15.0, 3.0]]]
    """

    backend = [TransformBackends.NUMPY]

    def __call__(self, filenames: str | PathLike | Sequence[str | PathLike], index: int) -> MetaTensor:
        """Read the slice.

        Args:
            filenames: one or several files on the same grid, each ``(X, Y, Z)`` or ``(X, Y, Z, C)`` in any orientation;
                ``FILE#k`` is volume ``k`` of a 4D file.
            index: slice along the file's own axial axis, from 0.

        Returns:
            slice ``(C, H, W)`` in float32, channels in the order of the files, with the 4x4 affine that maps (row,
            column, 0) to patient coordinates (RAS) in mm, and ``meta["filename_or_obj"]``, the first file.

        Raises:
            FileNotFoundError: a file is absent.
            ValueError: no file is given, a file is not NIfTI or truncated, ``index`` is outside the volume, the slice
                contains NaN or infinite voxels, or the files' grids differ.
        """
        files = [filenames] if isinstance(filenames, (str, PathLike)) else list(filenames)
        if not files:
            raise ValueError("filenames: expected at least one file, got none")
        slices = [_read(file, operator.index(index)) for file in files]
        first_values, affine = slices[0]
        for file, (values, other) in zip(files, slices):
            name, first = Path(file).name, Path(files[0]).name
            if values.shape[1:] != first_values.shape[1:]:
                raise ValueError(f"{name}: expected the grid of {first}, got slices of another size")
            if not np.allclose(other, affine, rtol=0, atol=AFFINE_TOL):
                raise ValueError(f"{name}: expected the grid of {first}, got another affine")
        img = MetaTensor(
            torch.from_numpy(np.concatenate([values for values, _ in slices])),
            meta={MetaKeys.SPACE: SpaceKeys.RAS, "filename_or_obj": _VOLUME.fullmatch(str(files[0]))[1]},
        )
        img.affine = torch.from_numpy(affine)  # after the pixels: tells the tensor that it has two spatial dimensions
        return img


def _read(file: str | PathLike, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Slice ``(C, H, W)`` and its affine."""
    name, volume = _VOLUME.fullmatch(str(file)).groups()
    path = Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"{path.name}: expected a NIfTI file, got no file of this name")
    try:
        image = nib.load(path)
    except (ImageFileError, HeaderDataError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path.name}: expected a NIfTI file, got a file that cannot be opened as one") from error
    if not isinstance(image, nib.Nifti1Pair) or image.ndim not in (3, 4):
        raise ValueError(f"{path.name}: expected NIfTI (X, Y, Z) or (X, Y, Z, C), got {image.shape} of another kind")
    if not np.isfinite(image.affine).all() or np.linalg.det(image.affine) == 0:
        raise ValueError(f"{path.name}: expected an invertible affine, got one that is not")
    if volume and not (volume.isdigit() and image.ndim == 4 and int(volume) < image.shape[3]):
        raise ValueError(f"{path.name}: expected volume {volume} of a 4D file, got the shape {image.shape}")
    axial = io_orientation(image.affine)[:, 0].tolist().index(2)
    if not 0 <= index < image.shape[axial]:
        raise ValueError(f"{path.name}: expected a slice from 0 to {image.shape[axial] - 1}, got {index}")
    try:
        place = [slice(index, index + 1) if axis == axial else slice(None) for axis in range(3)]
        one = image.slicer[tuple([*place, int(volume)] if volume else place)]
        one = one.as_reoriented(ornt_transform(io_orientation(one.affine), _RADIOLOGICAL))
        values = np.asarray(one.dataobj, dtype=np.float32)[:, :, 0]
    except (EOFError, OSError, ValueError, zlib.error) as error:  # what gzip and nibabel raise on missing bytes
        raise ValueError(f"{path.name}: expected {image.shape} voxels, got a truncated or damaged file") from error
    if not np.isfinite(values).all():
        raise ValueError(f"{path.name}: expected numbers, got NaN or infinite voxels in slice {index}")
    return values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0), one.affine
