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
"""Which files of a folder are DICOM, and whether together they are one static PET series."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pydicom
from pydicom.dataset import FileDataset
from pydicom.uid import (
    UID,
    EnhancedPETImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    LegacyConvertedEnhancedPETImageStorage,
    MediaStorageDirectoryStorage,
    PositronEmissionTomographyImageStorage,
)

from monai_dd.dicom.errors import (
    CorruptFileError,
    DuplicateInstanceError,
    EmptyFolderError,
    EnhancedPETError,
    MixedSeriesError,
    NoDICOMFileError,
    NotAFolderError,
    NotPETError,
    PathMissingError,
)

__all__ = ["SliceHeader", "check_one_pet_series", "is_dicom_file", "read_dicom", "read_slice_headers"]

_DEFER = 1024
"""Values longer than this many bytes, so pixel data, are noted but not read."""


class SliceHeader(NamedTuple):
    """One DICOM file of the folder and its header, with pixel data left on disk."""

    path: Path
    dataset: FileDataset

    @property
    def file(self) -> str:
        """Base name of the file, for messages."""
        return self.path.name


def is_dicom_file(path: Path) -> bool:
    """Whether a file starts as DICOM: the 128-byte preamble and DICM, or an old file that starts with group 2 or 8.

    Its name does not matter, other than that a DICOMDIR, the index of a disk, is none.
    """
    if path.name.upper() == "DICOMDIR":
        return False
    with open(path, "rb") as stream:
        start = stream.read(132)
    return start[128:] == b"DICM" or (len(start) >= 8 and start[:4] in (b"\x08\x00\x05\x00", b"\x08\x00\x08\x00"))


def read_dicom(path: Path, **kwargs) -> FileDataset:
    """``pydicom.dcmread``, with any failure to parse as CorruptFileError that names the file only."""
    try:
        dataset = pydicom.dcmread(path, force=True, **kwargs)
        if "TransferSyntaxUID" not in dataset.file_meta:  # files from before the DICOM file format
            implicit = dataset.original_encoding[0]
            dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    except Exception as error:  # pydicom raises many kinds on broken files, whose texts may show header values
        raise CorruptFileError(f"{path.name}: expected a readable DICOM file, got {type(error).__name__}") from None
    return dataset


def read_slice_headers(folder: str | os.PathLike) -> list[SliceHeader]:
    """
    The headers of all DICOM files directly inside a folder, by file name.

    Other files (text, JSON, a DICOMDIR) and sub-folders are passed over. A file that is called ``.dcm`` but does not
    start as DICOM is refused where it lies next to DICOM files, as a slice would be missing silently.

    Raises:
        PathMissingError, NotAFolderError, EmptyFolderError, NoDICOMFileError, CorruptFileError.
    """
    root = Path(folder)
    if not root.exists():
        raise PathMissingError(f"folder: expected a folder of a DICOM PET series, got a missing path {root.name!r}")
    if not root.is_dir():
        raise NotAFolderError(f"folder: expected a folder of a DICOM PET series, got the file {root.name!r}")
    entries = sorted(root.iterdir())
    paths = [path for path in entries if path.is_file()]
    if not paths:
        got = f"{len(entries)} sub-folders and no file" if entries else "an empty folder"
        raise EmptyFolderError(f"folder: expected the files of a DICOM PET series, got {got}")
    dicom = [path for path in paths if is_dicom_file(path)]
    if not dicom:
        raise NoDICOMFileError(f"folder: expected the files of a DICOM PET series, got {len(paths)} files of no DICOM")
    for path in sorted(set(paths) - set(dicom)):
        if path.suffix.lower() == ".dcm" and not path.name.startswith("."):
            raise CorruptFileError(f"{path.name}: expected a DICOM file, got {path.stat().st_size} bytes of no DICOM")
    headers = [SliceHeader(path, read_dicom(path, defer_size=_DEFER)) for path in dicom]
    images = [each for each in headers if _sop_class(each) != MediaStorageDirectoryStorage]
    if not images:
        raise NoDICOMFileError("folder: expected the files of a DICOM PET series, got a DICOMDIR only")
    return images


def _sop_class(header: SliceHeader) -> UID:
    stated = header.dataset.get("SOPClassUID") or header.dataset.file_meta.get("MediaStorageSOPClassUID")
    return UID(str(stated or ""))


def _check_pet_image(header: SliceHeader) -> None:
    dataset, file = header.dataset, header.file
    announced = dataset.file_meta.get("MediaStorageSOPClassUID")
    if announced == PositronEmissionTomographyImageStorage and "PixelData" not in dataset:
        raise CorruptFileError.of_tag("PixelData", file=file, expected="pixel data (is the file cut?)", got=None)
    modality, sop_class = dataset.get("Modality"), _sop_class(header)
    if modality != "PT":
        raise NotPETError.of_tag("Modality", file=file, expected="PT", got=modality)
    if sop_class in (EnhancedPETImageStorage, LegacyConvertedEnhancedPETImageStorage):
        expected = "PET Image Storage, one file per slice"
        raise EnhancedPETError.of_tag("SOPClassUID", file=file, expected=expected, got=sop_class.name)
    if sop_class != PositronEmissionTomographyImageStorage:
        got = sop_class.name if sop_class.is_valid and sop_class.name != sop_class else "another class"
        raise NotPETError.of_tag("SOPClassUID", file=file, expected="PET Image Storage", got=got)
    frames = dataset.get_item("NumberOfFrames")
    if frames is not None and str(dataset["NumberOfFrames"].value or 1).strip() != "1":
        raise EnhancedPETError.of_tag("NumberOfFrames", file=file, expected="1", got=dataset["NumberOfFrames"].value)
    kinds = dataset.get("SeriesType") or []
    if "REPROJECTION" in kinds:
        raise NotPETError.of_tag("SeriesType", file=file, expected="IMAGE", got="REPROJECTION")


def check_one_pet_series(headers: Sequence[SliceHeader]) -> None:
    """
    Refuse anything but classic PET images of one series.

    Raises:
        CorruptFileError, NotPETError, EnhancedPETError, MixedSeriesError, DuplicateInstanceError.
    """
    for header in headers:
        _check_pet_image(header)
    series = Counter(str(header.dataset.get("SeriesInstanceUID", "")) for header in headers)
    if len(series) > 1:
        sizes = " and ".join(str(size) for size in sorted(series.values(), reverse=True))
        got = f"{len(series)} series of {sizes} files"
        raise MixedSeriesError.of_tag("SeriesInstanceUID", file="the folder", expected="one series", got=got)
    seen: dict[str, str] = {}
    for header in headers:
        instance = str(header.dataset.get("SOPInstanceUID", header.file))
        if instance in seen:
            expected = f"an instance other than that of {seen[instance]}"
            raise DuplicateInstanceError.of_tag("SOPInstanceUID", file=header.file, expected=expected, got="the same")
        seen[instance] = header.file
