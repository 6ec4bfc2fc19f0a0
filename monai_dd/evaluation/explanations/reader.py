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
"""Read files ``explanations.csv``: every value of every image, of one or many runs.

A file has the columns image, explainer, level, metric, value, variant, seed and a line for each value; a run is one
variant with one seed. A value that cannot be had, such as that of an empty mask, is ``nan``.
"""

from __future__ import annotations

import csv
import json
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["COLUMNS", "NETWORK", "Key", "Run", "find_files", "read_explanations"]

FILE_NAME = "explanations.csv"
COLUMNS = ("image", "explainer", "level", "metric", "value", "variant", "seed")
NETWORK = "network"  # the explainer under which the network itself is measured
_LEVEL = re.compile(r"fine|coarse|level\d+|image")


class Key(NamedTuple):
    """What was measured."""

    explainer: str
    level: str
    metric: str

    def __str__(self) -> str:
        """For messages."""
        return " ".join(part for part in (self.explainer, self.level, self.metric) if part)


class _Values:
    """Numbers of images and their values, eight bytes each: a run of a large study has millions."""

    def __init__(self) -> None:
        self.images = array("q")
        self.values = array("d")


@dataclass
class Run:
    """All values of one variant with one seed.

    Attributes:
        variant: such as ``exact``.
        seed: of the training.
    """

    variant: str
    seed: int
    _numbers: dict[str, int] = field(default_factory=dict)
    _values: dict[Key, _Values] = field(default_factory=dict)
    _network: set[tuple[Key, int, float]] = field(default_factory=set)

    def __str__(self) -> str:
        """For messages."""
        return f"variant {self.variant!r}, seed {self.seed}"

    def __contains__(self, key: Key) -> bool:
        """Whether ``key`` has values."""
        return key in self._values

    def __iter__(self) -> Iterator[Key]:
        """Keys in the order in which they were met."""
        return iter(self._values)

    def add(self, key: Key, image: str, value: float) -> None:
        """Append the value of an image; what every file of a run says again of the network is taken once."""
        number = self._numbers.setdefault(image, len(self._numbers))
        if key.explainer == NETWORK:
            if (key, number, value) in self._network:
                return
            self._network.add((key, number, value))
        values = self._values.setdefault(key, _Values())
        values.images.append(number)
        values.values.append(value)

    def values(self, key: Key) -> np.ndarray:
        """Values in the order in which they were read."""
        return np.array(self._values[key].values)

    def by_image(self, key: Key) -> np.ndarray:
        """Values at the number of their image, NaN for images without: the same place is the same image."""
        found = np.full(len(self._numbers), np.nan)
        found[np.array(self._values[key].images)] = self._values[key].values
        return found

    def check(self) -> None:
        """Raise ValueError for a key that has two values of one image."""
        for key, values in self._values.items():
            if len(np.unique(np.array(values.images))) < len(values.images):
                raise ValueError(f"explanations: expected one value of {key} for an image of {self}, there are more")


def find_files(paths: Iterable[str | Path], name: str = FILE_NAME) -> list[Path]:
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


def read_explanations(paths: Iterable[str | Path]) -> list[Run]:
    """Read the files among ``paths`` and all ``explanations.csv`` in the folders among them and below.

    Returns:
        runs in the order in which they were met; files of the same variant and seed are one run, and each of them may
        say the same of its network again.

    Raises:
        ValueError: one line for paths that are not there, columns that are missing, lines that are cut off, values
            that are not numbers, levels that are unknown, files of two sections of the data list in a run, and two
            values of the same image, explainer, level and metric in a run.
    """
    runs: dict[tuple[str, str], Run] = {}
    sections: dict[tuple[str, str], str] = {}
    for file in find_files(paths):
        section = _read_section(file)
        for key in _read_file(file, runs):
            if section and sections.setdefault(key, section) != section:
                raise ValueError(
                    f"runs: expected explanations of one section of the data list for {runs[key]}, got "
                    f"{sections[key]!r} and {section!r}; name the folders of one of them"
                )
    if not runs:
        raise ValueError("runs: expected values, the files have none")
    for run in runs.values():
        run.check()
    return list(runs.values())


def _read_section(path: Path) -> str:
    """Section of the data list that the study's note beside the file names; empty without one."""
    note = path.with_suffix(".json")
    try:
        return str(json.loads(note.read_text(encoding="utf-8")).get("split", "")) if note.is_file() else ""
    except (ValueError, AttributeError):
        raise ValueError(f"{note}: expected the settings of a study, as JSON") from None


def _read_file(path: Path, runs: dict[tuple[str, str], Run]) -> set[tuple[str, str]]:
    """Add the values of a file to its runs; returns which."""
    name, found = str(path), set()
    with open(path, newline="", encoding="utf-8-sig") as file:
        try:
            reader = csv.reader(file)
            header = next(reader, [])
            missing = [column for column in COLUMNS if column not in header]
            if missing:
                raise ValueError(f"{name}: expected the columns {', '.join(COLUMNS)}; missing {missing}")
            places = [header.index(column) for column in COLUMNS]
            for line in reader:
                if len(line) == len(header):
                    found.add(_add([line[place] for place in places], runs, name, reader.line_num))
                elif line:
                    raise ValueError(f"{name}, line {reader.line_num}: expected {len(header)} fields, got {len(line)}")
        except UnicodeDecodeError as error:
            raise ValueError(f"{name}: expected a text in UTF-8") from error
        except csv.Error as error:
            raise ValueError(f"{name}: expected a CSV file, {error}") from error
    return found


def _add(line: Sequence[str], runs: dict[tuple[str, str], Run], name: str, number: int) -> tuple[str, str]:
    image, explainer, level, metric, text, variant, seed = line
    where = f"{name}, line {number}"
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{where}: value: expected a number or nan, got {text!r}") from None
    if math.isinf(value):
        raise ValueError(f"{where}: value: expected a finite number or nan, got {text!r}")
    run = runs.get((variant, seed))
    if run is None:
        if not variant or not re.fullmatch(r"0|-?[1-9][0-9]*", seed):
            raise ValueError(f"{where}: expected a variant and a whole number as its seed, got {variant!r}, {seed!r}")
        run = runs[(variant, seed)] = Run(variant, int(seed))
    key = Key(explainer, level, metric)
    if key not in run:
        if not explainer or not metric:
            raise ValueError(f"{where}: expected an explainer and a metric, got {explainer!r}, {metric!r}")
        if explainer != NETWORK and not _LEVEL.fullmatch(level):
            raise ValueError(f"{where}: level: expected fine, coarse, level1 and so on, or image, got {level!r}")
    run.add(key, image, value)
    return variant, seed
