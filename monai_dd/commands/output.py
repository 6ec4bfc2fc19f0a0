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
"""Writing the file that a command was asked for, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["check_output", "write_output"]


def check_output(output: str | Path) -> Path:
    """Path of a file that can be written, checked before any work.

    Raises:
        ValueError: when its folder is not there, or it is a folder itself.
    """
    path = Path(output)
    if not path.parent.is_dir():
        raise ValueError(f"output: expected an existing folder, {str(path.parent)!r} is not there")
    if path.is_dir():
        raise ValueError(f"output: expected the name of a file, got the folder {str(path)!r}")
    return path


def write_output(output: str | Path, write: Callable[[Path], object]) -> None:
    """Write under a temporary name next to ``output``, rename it and print the path.

    Args:
        output: file to write; what is there already is replaced only when all is written.
        write: called with the temporary name.

    Raises:
        ValueError: as :func:`check_output`.
        OSError: when the file cannot be written; no part of it is left.
    """
    path = check_output(output)
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    print(path)
