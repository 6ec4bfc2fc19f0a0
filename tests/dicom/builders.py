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
"""A small, valid synthetic PET series, and ways to break one thing in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage, generate_uid

__all__ = ["HALF_LIFE", "build_pet_series", "save_series", "write_pet_folder"]

HALF_LIFE = 6000.0
"""Half-life in s of the synthetic radionuclide: one half-life is 1 h 40 min."""


def _radiopharmaceutical() -> Dataset:
    item = Dataset()
    item.Radiopharmaceutical = "FDG"
    item.RadiopharmaceuticalStartTime = "100000.00"
    item.RadiopharmaceuticalStartDateTime = "20250101100000.00"
    item.RadionuclideTotalDose = "400000000"
    item.RadionuclideHalfLife = str(HALF_LIFE)
    return item


def _pet_slice(index: int, series_uid: str, frame_uid: str, shape: tuple[int, int]) -> Dataset:
    """Slice number ``index``: 4 x 3 mm pixels, 5 mm apart, slope ``0.5 + index / 4``, scan 100 min after injection."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = PositronEmissionTomographyImageStorage
    ds.SOPClassUID = PositronEmissionTomographyImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = generate_uid(), series_uid, frame_uid
    ds.Modality, ds.ImageType, ds.SeriesType = "PT", ["ORIGINAL", "PRIMARY"], ["WHOLE BODY", "IMAGE"]
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = "20250101"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = "114000.00"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Phantom^Secret", "ID-SECRET", "19700101"
    ds.PatientSex, ds.PatientSize, ds.PatientWeight = "F", "1.60", "80"
    ds.Units, ds.DecayCorrection, ds.CountsSource = "BQML", "START", "EMISSION"
    ds.CorrectedImage = ["DECY", "ATTN", "SCAT"]
    ds.FrameReferenceTime, ds.ActualFrameDuration = "0", "120000"
    ds.RadiopharmaceuticalInformationSequence = DicomSequence([_radiopharmaceutical()])
    ds.InstanceNumber = index + 1
    ds.ImagePositionPatient = [-10.0, -20.0, 30.0 + 5.0 * index]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness = [3.0, 4.0], "5"
    ds.Rows, ds.Columns = shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleIntercept, ds.RescaleSlope = "0", str(0.5 + index / 4)
    rows, columns = shape
    pixels = 1000 * index + 10 * np.arange(rows)[:, None] + np.arange(columns)[None, :] + 1
    ds.PixelData = pixels.astype("<i2").tobytes()
    return ds


def build_pet_series(
    count: int = 4, shape: tuple[int, int] = (6, 5), change: Callable[[Dataset, int], None] | None = None
) -> list[Dataset]:
    """
    A valid static PET series in memory.

    Args:
        count: number of slices.
        shape: rows and columns.
        change: called with each data set and its index to alter it.
    """
    series_uid, frame_uid = generate_uid(), generate_uid()
    datasets = [_pet_slice(index, series_uid, frame_uid, shape) for index in range(count)]
    for index, ds in enumerate(datasets):
        if change is not None:
            change(ds, index)
    return datasets


def save_series(folder: str | Path, datasets: Sequence[Dataset], names: Sequence[str] | None = None) -> Path:
    """Write data sets to a folder, by default as ``slice_000.dcm`` and so on."""
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    for index, ds in enumerate(datasets):
        ds.save_as(root / (names[index] if names else f"slice_{index:03d}.dcm"), enforce_file_format=True)
    return root


def write_pet_folder(folder: str | Path, count: int = 4, change: Callable[[Dataset, int], None] | None = None) -> Path:
    """Build a series and write it."""
    return save_series(folder, build_pet_series(count, change=change))
