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
"""Where the series lies in the input folder, and how to speak of its files."""

from __future__ import annotations

import re
from pathlib import Path

from monai_dd.dicom.errors import MixedSeriesError
from monai_dd.dicom.series_files import is_dicom_file

__all__ = ["find_series_folder", "without_file_names"]

_PLAIN_NAME = re.compile(r"(im|img|image|i|slice|pt|pet|ct|mr|file)?[-_]?(\d{1,2}-)?\d{1,5}(\.(dcm|ima|img))?", re.I)


def find_series_folder(root: Path) -> Path:
    """The folder with the DICOM files: ``root`` where it has any, else the only one below it.

    Raises:
        MixedSeriesError: when more than one folder below has DICOM files.
    """
    if _has_dicom(root):
        return root
    found = [folder for folder in sorted(root.rglob("*")) if folder.is_dir() and _has_dicom(folder)]
    if len(found) > 1:
        raise MixedSeriesError(f"input: expected one PET series, got {len(found)} folders with DICOM files.")
    return found[0] if found else root  # the reader says what is wrong with it


def _has_dicom(folder: Path) -> bool:
    return any(path.is_file() and is_dicom_file(path) for path in folder.iterdir())


def without_file_names(message: str, root: Path) -> str:
    """``message`` without names of files below ``root`` that may tell of a patient, such as UIDs.

    A plain name, like ``IM0017.dcm``, stays. Any other becomes the file's place in its folder by name.
    """
    for folder in {path.parent for path in root.rglob("*") if path.is_file()}:
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        for place, name in enumerate(names, 1):
            if not _PLAIN_NAME.fullmatch(name):
                pattern = rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)"
                message = re.sub(pattern, f"file {place} of {len(names)} by name", message)
    return message
