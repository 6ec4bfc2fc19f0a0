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
"""Write a PET phantom as a DICOM series, one file per slice."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.uid import ExplicitVRLittleEndian

from monai_dd.data.phantoms.pet.phantom import FDG_HALF_LIFE, PETPhantom
from monai_dd.data.phantoms.pet.series_header import TIME_FORMAT, build_series_header, decimal_string, phantom_uid

__all__ = ["write_pet_series"]

_LARGEST = 32767  # of a signed 16-bit pixel


def write_pet_series(
    phantom: PETPhantom,
    folder: str | os.PathLike,
    patient_id: str,
    uid_seed: str | None = None,
    start: datetime = datetime(2020, 1, 1, 9, 0, 0),
    bed_length: float = 150.0,
    frame_duration: float = 120.0,
    **fields: object,
) -> list[Path]:
    """Write ``phantom`` as PET Image Storage in Bq/ml with a rescale slope of its own for every slice.

    Slices are numbered from head to foot and acquired from foot to head in bed positions of ``frame_duration``. All
    are decay-corrected to ``start`` (Decay Correction START). With l the decay constant and T the frame duration, an
    acquisition that begins d seconds after ``start`` has Frame Reference Time
    ``1000 (d + ln(l T / (1 - exp(-l T))) / l)`` ms, the moment at which its count rate has the mean value of the frame.

    Files appear together under ``folder`` or not at all.

    Args:
        phantom: what to write; slices keep their order, the first is instance 1.
        folder: new or empty folder.
        patient_id: Patient ID; the patient's name is ``PHANTOM^`` and the seed.
        uid_seed: text from which all unique identifiers are derived, for reproducible files; None makes new ones.
        start: start of the scan.
        bed_length: axial length of a bed position in mm.
        frame_duration: s.
        fields: further attributes of all instances by DICOM keyword, which replace the standard ones.

    Returns:
        Paths of the files, from head to foot.

    Raises:
        FileExistsError: when ``folder`` is not a folder or not empty.
        ValueError: when ``patient_id`` is empty, bed length or frame duration are not positive, or a keyword of
            ``fields`` is not one of the DICOM dictionary.

    Example:
        >>> import tempfile
        >>> from dataclasses import replace
        >>> from monai_dd.data.phantoms import create_pet_phantom
        >>> phantom = create_pet_phantom("mild", seed=1, voxel_size=20)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = write_pet_series(replace(phantom, suv=phantom.suv[..., 40:44]), f"{folder}/series", "P1")
        ...     header = dcmread(files[0])
        >>> len(files), header.PatientID, header.Units, header.DecayCorrection
        (4, 'P1', 'BQML', 'START')
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"folder: expected a new or empty folder, got {folder}, which exists")
    if not patient_id:
        raise ValueError("patient_id: expected text, got an empty string")
    if bed_length <= 0 or frame_duration <= 0:
        raise ValueError(f"bed_length and frame_duration: expected > 0, got {bed_length} mm and {frame_duration} s")
    header = build_series_header(phantom, patient_id, start, uid_seed, fields)
    dx, dy, dz = phantom.voxel_size
    count = phantom.suv.shape[2]
    header.Columns, header.Rows = phantom.suv.shape[:2]
    header.PixelSpacing = [decimal_string(dy), decimal_string(dx)]
    header.SliceThickness = decimal_string(dz)
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 1
    header.RescaleIntercept = "0"
    header.DoseCalibrationFactor = "1"
    header.ActualFrameDuration = round(frame_duration * 1000)
    header = _encode(header)

    part = folder.parent / f".{folder.name}.{os.getpid()}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    names = [f"IM{number:04d}.dcm" for number in range(1, count + 1)]
    try:
        for number, name in enumerate(names, start=1):
            bed = int((count - number) * dz // bed_length)
            _set_slice(header, phantom, number)
            header.SOPInstanceUID = phantom_uid(uid_seed, "instance", number)
            _set_times(header, start, bed, frame_duration)
            dcmwrite(part / name, _with_file_meta(header), enforce_file_format=True)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return [folder / name for name in names]


def _encode(header: Dataset) -> Dataset:
    """The same attributes as encoded bytes, which are written several times faster than values."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, header)
    return dcmread(BytesIO(buffer.getvalue()), force=True)


def _set_slice(header: Dataset, phantom: PETPhantom, number: int) -> None:
    """Pixels and place of slice ``number``, counted from 1 at the head."""
    activity = phantom.suv[:, :, number - 1].T.astype(np.float64) * phantom.bqml_per_suv
    largest = float(activity.max())
    header.RescaleSlope = decimal_string(largest / _LARGEST) if largest > 0 else "1"
    stored = np.minimum(np.rint(activity / float(header.RescaleSlope)), _LARGEST).astype("<i2")
    header.add_new("PixelData", "OW", stored.tobytes())
    x, y, z = (phantom.affine @ (0, 0, number - 1, 1))[:3] * (-1, -1, 1)
    header.ImagePositionPatient = [decimal_string(round(v, 6)) for v in (x, y, z)]
    header.SliceLocation = decimal_string(round(z, 6))
    header.InstanceNumber = header.ImageIndex = number


def _set_times(header: Dataset, start: datetime, bed: int, frame_duration: float) -> None:
    """Times of bed position ``bed``, which begins ``bed * frame_duration`` after ``start``."""
    delay = bed * frame_duration
    begin = start + timedelta(seconds=delay)
    decay = np.log(2) / FDG_HALF_LIFE
    mean = np.log(decay * frame_duration / -np.expm1(-decay * frame_duration)) / decay
    header.AcquisitionNumber = bed + 1
    header.AcquisitionDate, header.AcquisitionTime = begin.strftime("%Y%m%d"), begin.strftime(TIME_FORMAT)
    header.FrameReferenceTime = decimal_string(round(1000 * (delay + mean), 3))
    header.DecayFactor = decimal_string(np.exp(decay * (delay + mean)))


def _with_file_meta(dataset: Dataset) -> Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    return dataset
