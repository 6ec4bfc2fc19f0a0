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
"""Read files ``explanations.csv``: every value of every image, of one or many runs."""

from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_dd.evaluation.files import find_files, read_csv
from monai_dd.evaluation.schema import (
    EXPLANATION_COLUMNS,
    EXPLANATION_FILE,
    EXPLANATION_GROUP,
    LEVEL,
    NETWORK,
)

__all__ = ["Key", "Run", "read_explanations"]


class Key(NamedTuple):
    """What was measured."""

    explainer: str
    level: str
    metric: str

    def __str__(self) -> str:
        """For messages."""
        return " ".join(part for part in (self.explainer, self.level, self.metric) if part)


class _Values:
    """Numbers of images and their values, eight bytes each: a run may have millions."""

    def __init__(self) -> None:
        self.images = array("q")
        self.values = array("d")


@dataclass
class Run:
    """All values of one variant with one seed.

    Attributes:
        variant: such as ``exact``.
        seed: of the training.
        groups: whose image each is, such as a patient; without images of which the files do not say it.
    """

    variant: str
    seed: int
    groups: dict[str, str] = field(default_factory=dict)
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

    @property
    def images(self) -> list[str]:
        """Names of the images at their numbers; the network's own values have the image of an empty name."""
        return list(self._numbers)

    def add(self, key: Key, image: str, value: float, group: str = "") -> None:
        """Append the value of an image; rows of the network that several files of a run have are taken once.

        Raises:
            ValueError: for an image of two groups.
        """
        if group and self.groups.setdefault(image, group) != group:
            raise ValueError(f"explanations: expected one group for an image of {self}, got two")
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

    def numbers(self, key: Key) -> np.ndarray:
        """Numbers of the images that the values of :meth:`values` are of."""
        return np.array(self._values[key].images)

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


def read_explanations(paths: Iterable[str | Path]) -> list[Run]:
    """Read the files among ``paths`` and all ``explanations.csv`` in the folders among them and below.

    Returns:
        runs in the order in which they were met; files of the same variant and seed are one run, and each of them may
        repeat the rows of its network.

    Raises:
        ValueError: one line for paths that are not there, columns that are missing, lines that are cut off, values
            that are not numbers, levels that are unknown, files of two splits of the data list in a run, an image of
            two groups, and two values of the same image, explainer, level and metric in a run.

    Example:
        >>> from tempfile import mkdtemp
        >>> from monai_dd.evaluation.files import write_csv
        >>> line = ("images/1.png", "gradcam", "fine", "pixel_ap", 0.5, "baseline", 0)
        >>> path = write_csv(mkdtemp() + "/explanations.csv", EXPLANATION_COLUMNS, [line])
        >>> (run,) = read_explanations([path])
        >>> str(run), run.values(Key("gradcam", "fine", "pixel_ap")).tolist()
        ("variant 'baseline', seed 0", [0.5])
    """
    runs: dict[tuple[str, str], Run] = {}
    splits: dict[tuple[str, str], str] = {}
    for file in find_files(paths, EXPLANATION_FILE):
        split = _read_split(file)
        for key in {
            _add(line, runs, where) for where, line in read_csv(file, EXPLANATION_COLUMNS, [EXPLANATION_GROUP])
        }:
            if split and splits.setdefault(key, split) != split:
                raise ValueError(
                    f"runs: expected explanations of one split of the data list for {runs[key]}, got "
                    f"{splits[key]!r} and {split!r}; name the folders of one of them"
                )
    if not runs:
        raise ValueError("runs: expected values, the files have none")
    for run in runs.values():
        run.check()
    return list(runs.values())


def _read_split(path: Path) -> str:
    """Split of the data list that the settings next to a file name; empty without settings."""
    note = path.with_suffix(".json")
    try:
        return str(json.loads(note.read_text(encoding="utf-8")).get("split", "")) if note.is_file() else ""
    except (ValueError, AttributeError):
        raise ValueError(f"{note}: expected the settings of an evaluation, as JSON") from None


def _add(line: Sequence[str], runs: dict[tuple[str, str], Run], where: str) -> tuple[str, str]:
    """Add the value of a line to its run; returns which."""
    image, explainer, level, metric, text, variant, seed, group = line
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
        if explainer != NETWORK and not LEVEL.fullmatch(level):
            raise ValueError(f"{where}: level: expected fine, coarse, level1 and so on, or image, got {level!r}")
    run.add(key, image, value, group)
    return variant, seed
