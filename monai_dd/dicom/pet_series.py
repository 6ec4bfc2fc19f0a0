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
"""A PET series as one float32 volume: slope by slice, sorted by position, with the header facts SUV needs."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.data.utils import affine_to_spacing
from monai.utils import ImageMetaKey, MetaKeys, SpaceKeys

from monai_dd.dicom.errors import (
    AlreadySUVError,
    CorruptFileError,
    EmptyPixelDataError,
    MissingHeaderError,
    PixelDecodingError,
    RescaleInterceptError,
    RescaleSlopeError,
    SliceOrderError,
)
from monai_dd.dicom.pet_header import build_pet_header, instance_facts
from monai_dd.dicom.quiet import no_value_warnings
from monai_dd.dicom.series_files import SliceHeader, check_one_pet_series, read_dicom, read_slice_headers
from monai_dd.dicom.slice_stack import stack_slices
from monai_dd.dicom.suv import suv_factors

__all__ = [
    "PET_HEADER_KEY",
    "SUV_UNITS",
    "UNITS_KEY",
    "convert_to_suv",
    "load_pet_series",
    "load_pet_suv",
    "read_pet_series",
]

PET_HEADER_KEY = "pet_header"
"""Key of ``meta`` with the header facts of ``build_pet_header``; gone once the volume is in SUV."""
UNITS_KEY = "units"
"""Key of ``meta`` with the units of the voxels: those of the header (e.g. ``"BQML"``), or ``"SUVbw"``."""
SUV_UNITS = "SUVbw"
REFERENCE_KEY = "suv_reference_time"
"""Key of ``meta`` with the branch that gave the reference time of the SUV, see ``ReferenceTime``."""

_PIXEL_TAGS = [
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"),
    *("PhotometricInterpretation", "NumberOfFrames", "PlanarConfiguration", "PixelData"),
]


def _rescale_slope(header: SliceHeader) -> float:
    """RescaleSlope of a slice, refusing an unusable one and a RescaleIntercept that is not 0."""
    values: dict[str, float | None] = {}
    for keyword in ("RescaleSlope", "RescaleIntercept"):
        try:
            value = header.dataset.get(keyword)
            values[keyword] = None if value is None else float(value)
        except (TypeError, ValueError):
            values[keyword] = math.nan
    slope, intercept = values["RescaleSlope"], values["RescaleIntercept"]
    if slope is None or not math.isfinite(slope) or slope <= 0:
        raise RescaleSlopeError.of_tag("RescaleSlope", file=header.file, expected="a number above 0", got=slope)
    if intercept not in (None, 0.0):
        raise RescaleInterceptError.of_tag("RescaleIntercept", file=header.file, expected="0", got=intercept)
    return slope


def _decode_slice(header: SliceHeader, rows: int, columns: int) -> np.ndarray:
    """Stored values ``(rows, columns)`` of a slice."""
    dataset = read_dicom(header.path, specific_tags=_PIXEL_TAGS)
    if "PixelData" not in dataset:
        raise CorruptFileError.of_tag("PixelData", file=header.file, expected="pixel data", got=None)
    try:
        pixels = dataset.pixel_array
    except (RuntimeError, NotImplementedError, AttributeError, ValueError, EOFError, OSError) as error:
        syntax = dataset.file_meta.get("TransferSyntaxUID")
        if isinstance(error, (RuntimeError, NotImplementedError)) and syntax is not None and syntax.is_compressed:
            raise PixelDecodingError.of_tag(
                "TransferSyntaxUID", file=header.file, expected="one an installed decoder reads", got=syntax.name
            ) from None
        expected = f"{rows} x {columns} values"
        raise CorruptFileError.of_tag(
            "PixelData", file=header.file, expected=expected, got="too few or broken data"
        ) from None
    if pixels.shape != (rows, columns):
        raise CorruptFileError.of_tag(
            "PixelData", file=header.file, expected=f"shape {(rows, columns)}", got=f"shape {pixels.shape}"
        )
    return pixels


def read_pet_series(folder: str | os.PathLike) -> tuple[np.ndarray, dict[str, Any]]:
    """
    The volume and meta data of ``load_pet_series`` as a float32 array ``(X, Y, Z)`` and a dict, for image readers.

    Args:
        folder: folder with the DICOM files of one static PET series.
    """
    with no_value_warnings():
        headers = read_slice_headers(folder)
        check_one_pet_series(headers)
        stack = stack_slices(headers)
        pet_header = build_pet_header(
            [instance_facts(each.dataset, each.file) for each in stack.slices], [each.file for each in stack.slices]
        )
        slopes = [_rescale_slope(each) for each in stack.slices]
        volume = np.empty((stack.columns, stack.rows, len(stack.slices)), dtype=np.float32)
        for index, (header, slope) in enumerate(zip(stack.slices, slopes)):
            volume[:, :, index] = np.multiply(
                _decode_slice(header, stack.rows, stack.columns).T, slope, dtype=np.float64
            )
    if not volume.any():
        got = f"0 everywhere in {len(slopes)} slices (some decoders return 0 for compressed data)"
        raise EmptyPixelDataError.of_tag("PixelData", file="all files", expected="values other than 0", got=got)
    meta = {
        MetaKeys.ORIGINAL_AFFINE: stack.affine,
        MetaKeys.AFFINE: stack.affine.copy(),
        MetaKeys.SPATIAL_SHAPE: volume.shape,
        MetaKeys.SPACE: SpaceKeys.RAS,
        MetaKeys.ORIGINAL_CHANNEL_DIM: math.nan,
        "spacing": affine_to_spacing(stack.affine),
        ImageMetaKey.FILENAME_OR_OBJ: os.fspath(folder),
        UNITS_KEY: pet_header["units"] or "none",
        PET_HEADER_KEY: pet_header,
    }
    return volume, meta


def load_pet_series(folder: str | os.PathLike) -> MetaTensor:
    """
    Read one static PET series: stored values times the RescaleSlope of each slice.

    Voxel order and affine are those of MONAI's ``LoadImage`` (PydicomReader, RAS) for the same folder. Files that are
    not DICOM are passed over. Whether SUV can be computed is not decided here.

    Args:
        folder: folder with the DICOM files of one series, two slices or more, in any order and with any names.

    Returns:
        float32 MetaTensor ``(X, Y, Z)`` in the units of the header, Bq/ml for BQML. ``meta["pet_header"]`` holds the
        header facts of ``build_pet_header``, ``meta["units"]`` the Units (0054,1001).

    Raises:
        PETSeriesError: a subclass for each reason, see ``monai_dd.dicom.errors``.

    Example:
        >>> import tempfile
        >>> from dataclasses import replace
        >>> from monai_dd.data.phantoms import create_pet_phantom, write_pet_series
        >>> phantom = create_pet_phantom("mild", seed=1, voxel_size=20)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_pet_series(replace(phantom, suv=phantom.suv[..., 40:44]), f"{folder}/series", "P1")
        ...     volume = load_pet_series(f"{folder}/series")
        >>> volume.shape, volume.meta["units"], volume.affine.diagonal().tolist()
        (torch.Size([35, 20, 4]), 'BQML', [-20.0, -20.0, -20.0, 1.0])
    """
    volume, meta = read_pet_series(folder)
    return MetaTensor.ensure_torch_and_prune_meta(volume, meta)


def convert_to_suv(image: MetaTensor, decay_correction: str = "header") -> MetaTensor:
    """
    A volume of ``load_pet_series`` in SUVbw (g/ml).

    The header facts are replaced by ``meta["units"] = "SUVbw"`` and ``meta["suv_reference_time"]``, so that volumes of
    different length collate.

    Args:
        image: MetaTensor ``(..., X, Y, Z)`` with ``meta["pet_header"]``, usually ``(X, Y, Z)`` or ``(1, X, Y, Z)``. It
            may have been cropped, turned or resampled before only if all slices share one factor.
        decay_correction: ``"header"`` or ``"none"``, see ``suv_factors``.

    Raises:
        AlreadySUVError: the image is in SUV.
        MissingHeaderError: the image has no ``meta["pet_header"]``.
        SliceOrderError: the factor differs between slices, and the image is not in the order of the series any more.
        PETSeriesError: other subclasses, from ``suv_factors``.

    Example:
        >>> one_slice = {"Units": "BQML", "PatientWeight": 70, "RadionuclideTotalDose": 350e6}
        >>> one_slice |= {"DecayCorrection": "ADMIN", "CorrectedImage": ["ATTN"]}
        >>> volume = convert_to_suv(MetaTensor([[[10000.0]]], meta={"pet_header": build_pet_header([one_slice])}))
        >>> volume.item(), volume.meta["units"], volume.meta["suv_reference_time"]
        (2.0, 'SUVbw', 'administration')
    """
    meta = getattr(image, "meta", {})
    if meta.get(UNITS_KEY) == SUV_UNITS:
        raise AlreadySUVError(f"image: expected activity or stored units, got {SUV_UNITS}")
    if not isinstance(meta.get(PET_HEADER_KEY), dict):
        raise MissingHeaderError(
            f"image: expected meta['{PET_HEADER_KEY}'] as load_pet_series and PETSeriesReader set it, got none"
        )
    factors, reference = suv_factors(meta[PET_HEADER_KEY], decay_correction)
    image = image if image.is_floating_point() else image.float()
    if np.all(factors == factors[0]):
        scale = torch.as_tensor(factors[0], dtype=image.dtype, device=image.device)
    else:
        moved = not np.allclose(np.asarray(image.affine.cpu()), np.asarray(meta[MetaKeys.ORIGINAL_AFFINE]))
        if moved or image.shape[-1] != len(factors):
            raise SliceOrderError(
                f"image: expected the {len(factors)} slices in the order of the series, as each has its own factor, "
                f"got a volume of {image.shape[-1]} slices {'that was moved' if moved else 'in its last dimension'}"
            )
        scale = torch.as_tensor(factors, dtype=image.dtype, device=image.device)
    converted = image * scale
    converted.meta = {key: value for key, value in converted.meta.items() if key != PET_HEADER_KEY}
    converted.meta[UNITS_KEY] = SUV_UNITS
    converted.meta[REFERENCE_KEY] = str(reference)
    return converted


def load_pet_suv(folder: str | os.PathLike, decay_correction: str = "header") -> MetaTensor:
    """
    Read one static PET series in SUVbw.

    Args:
        folder: folder with the DICOM files of one series.
        decay_correction: ``"header"`` or ``"none"``, see ``suv_factors``.

    Returns:
        float32 MetaTensor ``(X, Y, Z)`` in g/ml; ``meta["suv_reference_time"]`` names the reference time used.

    Raises:
        PETSeriesError: a subclass for each reason, see ``monai_dd.dicom.errors``.

    Example:
        >>> import tempfile
        >>> from dataclasses import replace
        >>> from monai_dd.data.phantoms import create_pet_phantom, write_pet_series
        >>> phantom = create_pet_phantom("mild", seed=1, voxel_size=20)
        >>> phantom = replace(phantom, suv=phantom.suv[..., 40:44])  # four slices
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_pet_series(phantom, f"{folder}/series", "P1")
        ...     volume = load_pet_suv(f"{folder}/series")
        >>> volume.meta["units"], abs(float(volume.max()) - float(phantom.suv.max())) < 0.01
        ('SUVbw', True)
    """
    return convert_to_suv(load_pet_series(folder), decay_correction)
