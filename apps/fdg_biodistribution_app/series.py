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
"""Where the series lies in the input folder."""

from __future__ import annotations

from pathlib import Path

from monai_dd.dicom.errors import MixedSeriesError, NoDICOMFileError
from monai_dd.dicom.series_files import read_slice_headers

__all__ = ["find_series_folder"]


def find_series_folder(root: Path) -> Path:
    """The folder with the DICOM files: ``root``, or the only one below it.

    Raises:
        PETSeriesError: a subclass, when there is no folder with DICOM files, or more than one.
    """
    if not root.is_dir() or any(path.is_file() for path in root.iterdir()):
        return root  # the reader says what is wrong with it, if anything is
    found = []
    for folder in sorted({path.parent for path in root.rglob("*") if path.is_file()}):
        try:
            read_slice_headers(folder)
        except NoDICOMFileError:
            continue
        found.append(folder)
    if len(found) > 1:
        raise MixedSeriesError(f"input: expected one PET series, got {len(found)} folders with DICOM files.")
    return found[0] if found else root
