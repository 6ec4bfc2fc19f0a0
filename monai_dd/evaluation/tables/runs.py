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
"""Tables of runs: one row for each explanation, mean and standard deviation over seeds."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

__all__ = ["COLUMNS", "format_table", "mean_and_sd", "read_runs", "summarize_runs"]

Runs = dict[str, dict[str, list[float]]]
# title of a column and the metric in it
COLUMNS: Mapping[str, str] = {
    "balanced accuracy": "balanced_accuracy",
    "AUC": "auc",
    "AUC, tumor blanked": "auc_blanked",
    "AUROC": "auroc",
    "AUROC under attack": "robust_auroc",
    "pixel mAP, fine": "pixel_ap_fine",
    "pixel mAP, level 1": "pixel_ap_level1",
    "pixel mAP, level 2": "pixel_ap_level2",
    "pixel mAP, coarse": "pixel_ap_coarse",
    "pointing, fine": "pointing_fine",
    "pointing, level 1": "pointing_level1",
    "pointing, level 2": "pointing_level2",
    "pointing, coarse": "pointing_coarse",
    "mass, fine": "mass_fine",
    "mass, coarse": "mass_coarse",
    "patch precision": "patch_precision",
    "patch recall": "patch_recall",
    "patch F-score": "patch_f_score",
    "localization AP": "localization_ap",
    "consistency gap": "consistency_gap",
    "entropy, fine": "entropy_fine",
    "entropy, coarse": "entropy_coarse",
}


def read_runs(path: str | Path) -> Runs:
    """Read ``variant, seed, metric, value`` as the values of each variant's metrics, one a seed.

    Metrics lose the prefix ``val_``.

    Raises:
        ValueError: one line when the file or one of the columns is not there, or a line has no number.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"runs: expected a CSV file, {path.name} is not there")
    runs: Runs = {}
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = {"variant", "seed", "metric", "value"} - set(reader.fieldnames or [])
        if missing:
            raise ValueError(
                f"{path.name}: expected the columns variant, seed, metric, value; missing {sorted(missing)}"
            )
        for line in reader:
            try:
                row, metric, value = line["variant"], line["metric"].removeprefix("val_"), float(line["value"])
            except (AttributeError, TypeError, ValueError):
                where = f"{path.name}, line {reader.line_num}"
                raise ValueError(f"{where}: expected a variant, a seed, a metric and a number") from None
            runs.setdefault(row, {}).setdefault(metric, []).append(value)
    return runs


def summarize_runs(runs: Runs, columns: Mapping[str, str] = COLUMNS, scale: float = 100.0) -> list[list[str]]:
    """Rows of text: name, number of runs, then ``mean ± standard deviation`` (n - 1) of each column, in percent.

    Columns no row has a value for are left out; the first row is the header.
    """
    used = {title: metric for title, metric in columns.items() if any(metric in values for values in runs.values())}
    table = [["variant", "runs", *used]]
    for name, values in runs.items():
        count = max(len(v) for v in values.values())
        table.append([name, str(count), *(mean_and_sd(values.get(metric, []), scale) for metric in used.values())])
    return table


def mean_and_sd(values: Sequence[float], scale: float) -> str:
    """Text ``mean ± standard deviation`` (n - 1) of values times ``scale``; ``-`` where the mean is not a number."""
    if not values:
        return ""
    mean = scale * float(np.mean(values))
    if math.isnan(mean):
        return "-"
    return f"{mean:.1f}" if len(values) < 2 else f"{mean:.1f} ± {scale * float(np.std(values, ddof=1)):.1f}"


def format_table(table: Sequence[Sequence[str]]) -> str:
    """Lay out rows of text as a Markdown table; the first row is the header."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in table]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"
