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
"""The folder of a published data set, or a word on where to get it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["find_folder", "one_line"]


def find_folder(dataset_dir: str | Path, names: Sequence[str], files: Sequence[str], source: str) -> tuple[Path, str]:
    """Find which of several files is there, in the folder or in one that the published archive unpacks to.

    Args:
        dataset_dir: folder that the user gives.
        names: folders in it that the archives unpack to.
        files: paths of files that may be there, the preferred one first.
        source: what to get, and where.

    Returns:
        the folder, and the one of ``files`` that is in it.

    Raises:
        ValueError: when none is there.
    """
    root = Path(dataset_dir)
    for folder in (root, *(root / name for name in names)):
        for file in files:
            if (folder / file).is_file():
                return folder, file
    raise ValueError(f"dataset_dir: expected {' or '.join(files)} in the folder {root.name!r}; get {source}")


def one_line(error: Exception) -> str:
    """Return type and text of an error, without line breaks, for a message of one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
