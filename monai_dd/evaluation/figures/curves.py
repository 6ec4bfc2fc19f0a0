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
"""Curves of explanations: accuracy as pixels are removed, and rank correlation as layers are randomized."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from monai_dd.evaluation.explanations.summary import Row
from monai_dd.evaluation.figures.line_styles import line_style
from monai_dd.evaluation.names import sort_levels
from monai_dd.evaluation.schema import PERTURBATION, RANDOMIZATION

__all__ = ["curve", "perturbation_figure", "randomization_figure"]


def curve(row: Row, level: str, pattern: re.Pattern[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a row: the number in the metric's name, mean over runs, and standard deviation (n - 1).

    Args:
        row: of which.
        level: of the maps.
        pattern: of the metric, its first group the number.

    Returns:
        three arrays of equal length, by growing number; the deviation of one run is NaN.
    """
    points = []
    for metric in {name for _, name in row.measured}:
        match = pattern.fullmatch(metric)
        values = [m.value for m in row.get(level, metric).values()] if match else []
        if values:
            points.append((float(match[1]), np.mean(values), np.std(values, ddof=1) if len(values) > 1 else np.nan))
    return tuple(np.array(sorted(points)).reshape(-1, 3).T)


def perturbation_figure(rows: Sequence[Row]) -> Figure:
    """Balanced accuracy against the share of pixels that is removed, least important first (Ron et al. 2022, Fig. 3).

    A panel for each level, a line for each row, and a band of one standard deviation over runs where there are several.

    Raises:
        ValueError: when no row has such values.

    Example:
        >>> from monai_dd.evaluation.explanations.summary import Measured
        >>> values = {("fine", f"perturbation_{f:.2f}"): {0: Measured(1 - f, images=8)} for f in (0, 0.5, 1)}
        >>> figure = perturbation_figure([Row("baseline", "gradcam", values)])
        >>> [axis.get_title() for axis in figure.axes]
        ['fine']
    """
    labels = ("pixels removed, least important first (%)", "balanced accuracy (%)")
    return _figure(rows, PERTURBATION, "perturbation_<fraction>", labels, 100.0)


def randomization_figure(rows: Sequence[Row]) -> Figure:
    """Rank correlation of maps before and after the last layers are randomized (Adebayo et al. 2018).

    Drawn as :func:`perturbation_figure`; low is good.

    Raises:
        ValueError: when no row has such values.

    Example:
        >>> from monai_dd.evaluation.explanations.summary import Measured, Row
        >>> values = {("fine", f"randomization_0{k}_conv{k}"): {0: Measured(1 / k, images=8)} for k in (1, 2)}
        >>> figure = randomization_figure([Row("baseline", "gradcam", values)])
        >>> [line.get_ydata().tolist() for line in figure.axes[0].lines]
        [[100.0, 50.0]]
    """
    labels = ("randomized layers, from the last one", "rank correlation (%)")
    return _figure(rows, RANDOMIZATION, "randomization_<k>_<layer>", labels, 1.0)


def _figure(
    rows: Sequence[Row], pattern: re.Pattern[str], what: str, labels: tuple[str, str], x_scale: float
) -> Figure:
    rows = [row for row in rows if any(pattern.fullmatch(metric) for _, metric in row.measured)]
    if not rows:
        raise ValueError(f"curves: expected values of {what}, the files have none")
    levels = sort_levels(level for row in rows for level, metric in row.measured if pattern.fullmatch(metric))
    legend_columns = -(-len(rows) // 24)
    size = (4.2 * len(levels) + 2.4 * legend_columns, max(3.8, 0.19 * min(len(rows), 24) + 0.6))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(levels), squeeze=False, sharey=True)[0]
    handles = {}
    for axis, level in zip(axes, levels):
        for i, row in enumerate(rows):
            x, mean, sd = curve(row, level, pattern)
            if not len(x):
                continue
            color, style = line_style(i)
            marker = "o" if len(x) < 12 else ""
            (line,) = axis.plot(x_scale * x, 100 * mean, style, color=color, marker=marker, ms=3, lw=1.4)
            handles.setdefault(row.name, line)
            if np.isfinite(sd).any():
                band = {"color": color, "alpha": min(0.2, 1.2 / len(rows)), "linewidth": 0}
                axis.fill_between(x_scale * x, 100 * (mean - sd), 100 * (mean + sd), **band)
        axis.set_title(level, fontsize=10)
        axis.set_xlabel(labels[0], fontsize=9)
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axis.grid(alpha=0.3, linewidth=0.5)
        axis.tick_params(labelsize=8, labelleft=True)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(labels[1], fontsize=9)
    names = [row.name for row in rows if row.name in handles]
    figure.legend(
        [handles[name] for name in names],
        names,
        loc="outside right center",
        ncols=legend_columns,
        fontsize=8,
        frameon=False,
        title="bands: standard deviation\nover runs" if any(axis.collections for axis in axes) else None,
        title_fontsize=8,
        alignment="left",
        handlelength=3.2,
    )
    return figure
