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

import math
from collections.abc import Mapping, Sequence

import numpy as np

from monai_dd.evaluation.runs import Runs

__all__ = ["COLUMNS", "format_table", "mean_and_sd", "summarize_runs"]

# title of a column and the metric in it
COLUMNS: Mapping[str, str] = {
    "balanced accuracy": "balanced_accuracy",
    "AUC": "auc",
    "AUC, tumor masked out": "auc_masked_out",
    "AUROC": "auroc",
    "AUROC under attack": "robust_auroc",
    "pixel mAP, fine": "pixel_ap_fine",
    "pixel mAP, level 1": "pixel_ap_level1",
    "pixel mAP, level 2": "pixel_ap_level2",
    "pixel mAP, coarse": "pixel_ap_coarse",
    "pixel mAP, bilinear, fine": "pixel_ap_bilinear_fine",
    "pixel mAP, bilinear, coarse": "pixel_ap_bilinear_coarse",
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


def summarize_runs(runs: Runs, columns: Mapping[str, str] = COLUMNS, scale: float = 100.0) -> list[list[str]]:
    """Rows of text: name, number of runs, then ``mean ± standard deviation`` (n - 1) of each column, in percent.

    Columns no row has a value for are left out; the first row is the header.

    Example:
        >>> summarize_runs({"exact": {"auc": [0.9, 0.8]}, "baseline": {"auc": [0.7]}})
        [['variant', 'runs', 'AUC'], ['exact', '2', '85.0 ± 7.1'], ['baseline', '1', '70.0']]
    """
    used = {title: metric for title, metric in columns.items() if any(metric in values for values in runs.values())}
    table = [["variant", "runs", *used]]
    for name, values in runs.items():
        count = max(len(v) for v in values.values())
        table.append([name, str(count), *(mean_and_sd(values.get(metric, []), scale) for metric in used.values())])
    return table


def mean_and_sd(values: Sequence[float], scale: float) -> str:
    """Text ``mean ± standard deviation`` (n - 1) of values times ``scale``; ``-`` where the mean is not a number.

    Example:
        >>> mean_and_sd([0.9, 0.8], scale=100)
        '85.0 ± 7.1'
    """
    if not values:
        return ""
    mean = scale * float(np.mean(values))
    if math.isnan(mean):
        return "-"
    return f"{mean:.1f}" if len(values) < 2 else f"{mean:.1f} ± {scale * float(np.std(values, ddof=1)):.1f}"


def format_table(table: Sequence[Sequence[str]]) -> str:
    """Lay out rows of text as a Markdown table; the first row is the header.

    Example:
        >>> print(format_table([["variant", "AUC"], ["exact", "90.0"]]), end="")
        | variant | AUC  |
        |---------|------|
        | exact   | 90.0 |
    """
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in table]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"
