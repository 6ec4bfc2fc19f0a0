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
"""Write ``explanations.csv`` row by row, and go on with it after a stop."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist

from monai_dd.evaluation.files import write_csv
from monai_dd.evaluation.schema import (
    EXPLANATION_COLUMNS,
    EXPLANATION_FILE,
    EXPLANATION_GROUP,
    EXPLANATION_PART,
    EXPLANATION_SETTINGS,
)

__all__ = ["ExplanationWriter"]

Map = tuple[str, ...]  # image, explainer, level
_HEADER = (*EXPLANATION_COLUMNS, EXPLANATION_GROUP)


class ExplanationWriter:
    """Rows of ``explanations.csv`` in a folder, written by one process or several of ``ignite.distributed``.

    Every process appends to a part of its own, one group of rows (an image, an explainer, a level) after the other, and
    :meth:`merge` makes the file of the parts. Parts that a stopped run has left are merged at the start, but for the
    last group of each, which may be cut.

    Args:
        output_dir: folder of the file; made when it is not there.
        settings: what the values depend on, numbers and strings, kept in ``explanations.json``; ``variant`` and
            ``seed`` go into every row.

    Raises:
        ValueError: when the folder has results of other settings, or a file of other columns.

    Example:
        >>> from tempfile import mkdtemp
        >>> writer = ExplanationWriter(mkdtemp(), {"variant": "baseline", "seed": 0})
        >>> writer.write("images/1.png", "gradcam", "fine", {"pixel_ap": 0.5}, group="patient 7")
        >>> print(writer.merge().read_text(), end="")
        image,explainer,level,metric,value,variant,seed,group
        images/1.png,gradcam,fine,pixel_ap,0.5,baseline,0,patient 7
    """

    def __init__(self, output_dir: str | Path, settings: Mapping[str, Any]) -> None:
        self.folder = Path(output_dir)
        self.path = self.folder / EXPLANATION_FILE
        self.part = self.folder / EXPLANATION_PART.format(idist.get_rank())
        self.settings = dict(settings)
        self._note = self.folder / EXPLANATION_SETTINGS
        self._check()
        idist.barrier()
        if idist.get_rank() == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            _replace(self._note, json.dumps(self.settings, indent=4) + "\n")
            self._absorb(drop_last=True)
        idist.barrier()
        self.done = set(_read(self.path))

    def _check(self) -> None:
        if not (self._note.is_file() and (self.path.is_file() or any(self.folder.glob(EXPLANATION_PART.format("*"))))):
            return
        found = json.loads(self._note.read_text(encoding="utf-8"))
        for key in {**found, **self.settings}:
            if found.get(key) != self.settings.get(key):
                raise ValueError(
                    f"output_dir: expected explanations of {key} {self.settings.get(key)} or none in "
                    f"{self.folder.name!r}, got those of {found.get(key)}"
                )

    def write(self, image: str, explainer: str, level: str, values: Mapping[str, float], group: str = "") -> None:
        """Append the rows of one map, or of one image's own values; ``group`` is whose image it is, if known."""
        new = not self.part.is_file()
        rest = [self.settings.get("variant", ""), self.settings.get("seed", ""), group]
        with open(self.part, "a", newline="", encoding="utf-8") as file:
            rows = [[image, explainer, level, metric, f"{value:.9g}", *rest] for metric, value in values.items()]
            csv.writer(file).writerows([_HEADER, *rows] if new else rows)
        self.done.add((image, explainer, level))

    def merge(self) -> Path:
        """Wait for all processes, and make ``explanations.csv`` of their parts; returns its path."""
        idist.barrier()
        if idist.get_rank() == 0:
            self._absorb(drop_last=False)
        idist.barrier()
        return self.path

    def _absorb(self, drop_last: bool) -> None:
        parts = sorted(self.folder.glob(EXPLANATION_PART.format("*")))
        groups = _read(self.path)
        for part in parts:
            found = _read(part)
            if drop_last:  # the last row may be cut, even before it names its map, which then is that of the row before
                found = {group: rows for group, rows in found.items() if len(rows[-1]) > len(group)}
                if found:
                    found.popitem()
            groups.update({group: rows for group, rows in found.items() if group not in groups})
        if parts:
            write_csv(self.path, _HEADER, (row for rows in groups.values() for row in rows))
        for part in parts:
            part.unlink()


def _read(path: Path) -> dict[Map, list[list[str]]]:
    """Rows of a file, grouped, in their order."""
    groups: dict[Map, list[list[str]]] = {}
    if path.is_file():
        with open(path, newline="", encoding="utf-8") as file:
            rows = csv.reader(file)  # the last one may be cut
            header: Sequence[str] = next(rows, _HEADER)
            if tuple(header) != _HEADER:
                expected = ", ".join(_HEADER)
                raise ValueError(f"{path.name}: expected the columns {expected}, got {', '.join(header)}")
            for row in rows:
                groups.setdefault(tuple(row[:3]), []).append(row)
    return groups


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
