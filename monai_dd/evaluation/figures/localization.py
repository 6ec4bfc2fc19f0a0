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
"""Figure of localization accuracy against the threshold of the intersection over union, for each class."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from monai_dd.evaluation.figures.line_styles import line_style
from monai_dd.evaluation.localization.reader import LocalizationRun
from monai_dd.evaluation.names import row_name, row_order
from monai_dd.utils.checks import check_option

__all__ = ["MEAN", "choose_lines", "localization_figure", "localization_points"]

MEAN = "mean over classes"
_LETTERS = 30  # in a line next to the panels


def localization_points(
    runs: Sequence[LocalizationRun], variant: str, method: str, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a line: threshold, mean over the runs of a variant, and standard deviation (n - 1).

    Args:
        runs: of any variants.
        variant: of which.
        method: of which.
        name: a class, or :data:`MEAN` for the mean of a run's classes that have a number.

    Returns:
        three arrays of equal length, by growing threshold; the deviation of one run is NaN.
    """
    seeds: dict[float, list[float]] = {}
    for run in runs:
        found: dict[float, list[float]] = {}
        for (one, label, threshold), value in run.accuracy.items():
            if run.variant == variant and one == method and name in (label, MEAN) and not math.isnan(value):
                found.setdefault(threshold, []).append(value)
        for threshold, values in found.items():
            seeds.setdefault(threshold, []).append(float(np.mean(values)))
    points = [(t, np.mean(v), np.std(v, ddof=1) if len(v) > 1 else np.nan) for t, v in sorted(seeds.items())]
    return tuple(np.array(points).reshape(-1, 3).T)


def choose_lines(
    runs: Sequence[LocalizationRun], variants: Collection[str] | None = None, methods: Collection[str] | None = None
) -> list[tuple[str, str]]:
    """Variant and method of each line, in the order of all tables.

    Raises:
        ValueError: for names that no run has.
    """
    found = {(run.variant, key[0]) for run in runs for key in run.accuracy}
    for argument, names, place in (("variants", variants, 0), ("methods", methods, 1)):
        for name in names or ():
            check_option(argument, name, sorted({line[place] for line in found}))
    kept = [(v, m) for v, m in found if (not variants or v in variants) and (not methods or m in methods)]
    return sorted(kept, key=lambda line: row_order(*line))


def localization_figure(
    runs: Sequence[LocalizationRun],
    variants: Collection[str] | None = None,
    methods: Collection[str] | None = None,
    panel: float = 2.3,
) -> Figure:
    """Localization accuracy against T(IoU) (Khakzar et al. 2019, Fig. 3).

    A panel for each class and one for their mean, a line for each method of each variant, and a band of one standard
    deviation over seeds where there are several. Classes without a number are named below.

    Args:
        runs: of :func:`~monai_dd.evaluation.read_localization`.
        variants: these only, all by default.
        methods: these only, all by default.
        panel: width of a panel in inches.

    Raises:
        ValueError: for names that no run has, or when there is no number at all.

    Example:
        >>> run = LocalizationRun("nih", seed=0, accuracy={("cam", "Mass", 0.1): 0.5}, images={"Mass": 8})
        >>> [axis.get_title() for axis in localization_figure([run]).axes]
        ['Mass (8 images)', 'mean over classes']
    """
    ordered = choose_lines(runs, variants, methods)
    runs = [run for run in runs if not variants or run.variant in variants]
    classes = list(dict.fromkeys(label for run in runs for label in run.images))
    drawn = [label for label in classes if any(len(localization_points(runs, *line, label)[0]) for line in ordered)]
    if not drawn:
        raise ValueError("localization: expected a class with as many boxed images as parts (folds), all have fewer")
    names = [*drawn, MEAN]
    columns = math.ceil(math.sqrt(len(names)))
    count = -(-len(names) // columns)
    note = _note(runs, [label for label in classes if label not in drawn])
    high = max(0.9 * panel * count + 0.4, 0.19 * len(ordered) + 0.15 * note.count("\n") + 0.6)
    figure = Figure(figsize=(panel * columns + 2.7, high), layout="constrained")
    axes = figure.subplots(count, columns, squeeze=False, sharex=True, sharey=True).flatten()
    for i, (axis, name) in enumerate(zip(axes, names)):
        for number, line in enumerate(ordered):
            _draw(axis, *localization_points(runs, *line, name), number, min(0.2, 1.2 / len(ordered)))
        axis.set_title(_title(runs, name), fontsize=9, fontweight="bold" if name == MEAN else None)
        axis.tick_params(labelsize=8, labelbottom=i + columns >= len(names))
    for axis in axes[len(names) :]:
        axis.remove()
    figure.supxlabel("T(IoU): found where the intersection over union is greater", fontsize=9)
    figure.supylabel("localization accuracy (%)", fontsize=9)
    handles = [Line2D([], [], color=line_style(n)[0], ls=line_style(n)[1], lw=1.4) for n in range(len(ordered))]
    figure.legend(
        handles,
        [row_name(variant, method.replace("/", " ")) for variant, method in ordered],
        loc="outside right center",
        fontsize=8,
        frameon=False,
        title=note or None,
        title_fontsize=8,
        alignment="left",
        handlelength=3.2,
    )
    return figure


def _draw(axis: Axes, x: np.ndarray, mean: np.ndarray, sd: np.ndarray, number: int, alpha: float) -> None:
    color, style = line_style(number)
    axis.plot(x, 100 * mean, style, color=color, marker="o", ms=3, lw=1.4)
    if np.isfinite(sd).any():
        low, high = np.clip(mean - sd, 0, 1), np.clip(mean + sd, 0, 1)
        axis.fill_between(x, 100 * low, 100 * high, color=color, alpha=alpha, linewidth=0)
    axis.set_ylim(-3, 103)
    axis.grid(alpha=0.3, linewidth=0.5)
    axis.spines[["top", "right"]].set_visible(False)


def _title(runs: Sequence[LocalizationRun], name: str) -> str:
    if name == MEAN:
        return MEAN
    counts = sorted({run.images[name] for run in runs if name in run.images})
    numbers = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{name.replace('_', ' ')} ({numbers} images)"


def _note(runs: Sequence[LocalizationRun], missing: Sequence[str]) -> str:
    """What a reader must know of the lines: their bands, and the classes that are not there."""
    remarks = []
    if len({run.seed for run in runs}) > 1:
        remarks.append("bands: standard deviation over runs")
    if missing:
        remarks.append(f"too few boxes: {', '.join(name.replace('_', ' ') for name in missing)}")
    return "\n".join(line for remark in remarks for line in textwrap.wrap(remark, _LETTERS))
