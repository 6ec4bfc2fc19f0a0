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
"""Files of results: found in folders, written at once, and read line by line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

__all__ = ["find_files", "read_csv", "write_csv"]


def find_files(paths: Iterable[str | Path], name: str) -> list[Path]:
    """Files among ``paths``, and those called ``name`` in the folders among them and below, each once.

    Raises:
        ValueError: for a path that is not there, or a folder that has no such file.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise ValueError(f"runs: expected files or folders, {str(path)!r} is not there")
        files = sorted(path.rglob(name)) if path.is_dir() else [path]
        if not files:
            raise ValueError(f"runs: expected {name} in the folder {str(path)!r} or below, found none")
        found.update({file.resolve(): file for file in files})
    return list(found.values())


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[Sequence]) -> Path:
    """Write a file with a header, whole or not at all; its folder is made when it is not there. Returns its path.

    Example:
        >>> from tempfile import mkdtemp
        >>> path = write_csv(mkdtemp() + "/runs.csv", ("variant", "value"), [("exact", 0.5)])
        >>> list(read_csv(path, ("value",)))[0][1]
        ['0.5']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return temporary.replace(path)


def read_csv(path: str | Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Iterator[tuple[str, list[str]]]:
    """Read a file with these columns, in any order and among others; empty lines are passed over.

    Yields:
        where a line is, as ``FILE, line 2``, and its fields in the order of ``columns``, then of ``optional``: empty
        where the file has no such column.

    Raises:
        ValueError: one line for columns that are missing, lines of another number of fields, and what is no CSV file.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        try:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            missing = [column for column in columns if column not in header]
            if missing:
                raise ValueError(f"{path}: expected the columns {', '.join(columns)}; missing {missing}")
            places = [header.index(column) for column in columns]
            more = [header.index(column) if column in header else None for column in optional]
            for line in reader:
                if len(line) == len(header):
                    yield f"{path}, line {reader.line_num}", [
                        *(line[place] for place in places),
                        *("" if place is None else line[place] for place in more),
                    ]
                elif line:
                    raise ValueError(f"{path}, line {reader.line_num}: expected {len(header)} fields, got {len(line)}")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: expected a text in UTF-8") from error
        except csv.Error as error:
            raise ValueError(f"{path}: expected a CSV file, {error}") from error
