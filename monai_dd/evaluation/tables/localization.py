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
"""Localization accuracy of methods and variants as a table."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from monai_dd.evaluation.figures.localization import MEAN, choose_lines, localization_points
from monai_dd.evaluation.localization.reader import LocalizationRun
from monai_dd.evaluation.names import row_name
from monai_dd.evaluation.tables.runs import format_table

__all__ = ["localization_table"]


def localization_table(
    runs: Sequence[LocalizationRun],
    variants: Collection[str] | None = None,
    methods: Collection[str] | None = None,
    name: str = MEAN,
) -> str:
    """Markdown: a row for each method of each variant, a column for each T(IoU), percent.

    Cells are the mean ± standard deviation (n - 1) over seeds, ``-`` where there is no number.

    Args:
        runs: of :func:`~monai_dd.evaluation.read_localization`.
        variants: these only, all by default.
        methods: these only, all by default.
        name: a class, or the mean over the classes that have a number.

    Raises:
        ValueError: for variants or methods that no run has.

    Example:
        >>> run = LocalizationRun("nih", seed=0, accuracy={("cam", "Mass", 0.1): 0.5}, images={"Mass": 8})
        >>> print(localization_table([run]), end="")
        | map      | runs | T(IoU) 0.1 |
        |----------|------|------------|
        | nih: cam | 1    | 50.0       |
    """
    lines = choose_lines(runs, variants, methods)
    thresholds = sorted({key[2] for run in runs for key in run.accuracy})
    table = [["map", "runs", *(f"T(IoU) {threshold:g}" for threshold in thresholds)]]
    for variant, method in lines:
        points = {t: (mean, sd) for t, mean, sd in zip(*localization_points(runs, variant, method, name))}
        count = len({run.seed for run in runs if run.variant == variant and any(m == method for m, *_ in run.accuracy)})
        cells = [_cell(*points[t]) if t in points else "-" for t in thresholds]
        table.append([row_name(variant, method.replace("/", " ")), str(count), *cells])
    return format_table(table)


def _cell(mean: float, sd: float) -> str:
    return f"{100 * mean:.1f}" + ("" if math.isnan(sd) else f" ± {100 * sd:.1f}")
