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
"""Read files ``localization.csv``: accuracy of methods for each class and threshold, of one or many runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from monai_dd.evaluation.files import find_files, read_csv
from monai_dd.evaluation.schema import LOCALIZATION_COLUMNS, LOCALIZATION_FILE

__all__ = ["LocalizationRun", "read_localization"]


@dataclass
class LocalizationRun:
    """Accuracies of one variant with one seed.

    Attributes:
        variant: such as ``robust``.
        seed: of the training.
        accuracy: by method, class and threshold of the intersection over union; from 0 to 1, or NaN.
        images: number of images with a box of each class.
    """

    variant: str
    seed: int
    accuracy: dict[tuple[str, str, float], float] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)


def read_localization(paths: Iterable[str | Path]) -> list[LocalizationRun]:
    """Read the files among ``paths`` and all ``localization.csv`` in the folders among them and below.

    Returns:
        runs in the order in which they were met; files of the same variant and seed are one run.

    Raises:
        ValueError: one line for paths that are not there, columns that are missing, lines that are cut off or hold
            other than numbers in their range, and two values of the same method, class and threshold in a run.

    Example:
        >>> from tempfile import mkdtemp
        >>> from monai_dd.evaluation.files import write_csv
        >>> line = ("cam", "Mass", 0.1, 0.5, 8, 0, "nih")
        >>> path = write_csv(mkdtemp() + "/localization.csv", LOCALIZATION_COLUMNS, [line])
        >>> read_localization([path])[0].accuracy
        {('cam', 'Mass', 0.1): 0.5}
    """
    runs: dict[tuple[str, int], LocalizationRun] = {}
    for path in find_files(paths, LOCALIZATION_FILE):
        for where, line in read_csv(path, LOCALIZATION_COLUMNS):
            _add(dict(zip(LOCALIZATION_COLUMNS, line)), runs, where)
    if not runs:
        raise ValueError("runs: expected values, the files have none")
    return list(runs.values())


def _add(line: Mapping[str, str], runs: dict[tuple[str, int], LocalizationRun], where: str) -> None:
    threshold = _number(line, "iou_threshold", 0, 1, where)
    accuracy = math.nan if line["accuracy"] == "nan" else _number(line, "accuracy", 0, 1, where)
    images, seed = (int(_number(line, column, 0, math.inf, where, whole=True)) for column in ("images", "seed"))
    run = runs.setdefault((line["variant"], seed), LocalizationRun(line["variant"], seed))
    key = (line["method"], line["class"], threshold)
    if key in run.accuracy:
        raise ValueError(f"{where}: expected one value of a method, class and threshold in a run, there is another")
    if run.images.setdefault(line["class"], images) != images:
        raise ValueError(f"{where}: images: expected {run.images[line['class']]} as before, got {images}")
    run.accuracy[key] = accuracy


def _number(line: Mapping[str, str], column: str, low: float, high: float, where: str, whole: bool = False) -> float:
    try:
        value = float(line[column])
    except ValueError:
        value = math.nan
    if not low <= value <= high or math.isinf(value) or (whole and value != int(value)):
        kind = "a whole number" if whole else f"a number from {low:g} to {high:g}"
        raise ValueError(f"{where}: {column}: expected {kind}, got {line[column]!r}")
    return value
