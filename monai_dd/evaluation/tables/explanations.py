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
"""Tables of explanations, with the numbers that the paper prints next to ours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monai_dd.evaluation.explanations.bootstrap import Bootstrap, Interval
from monai_dd.evaluation.explanations.estimates import read_area_metric
from monai_dd.evaluation.explanations.summary import Measured, Row
from monai_dd.evaluation.names import sort_levels
from monai_dd.evaluation.published import BRATS, FDG, Published, published_number
from monai_dd.evaluation.schema import NETWORK
from monai_dd.utils.checks import check_option

__all__ = ["TABLES", "Cell", "Column", "Line", "Table", "explanation_table"]


@dataclass(frozen=True)
class Column:
    """A metric of a table: ours, or, where ``dataset`` is named, the paper's.

    Attributes:
        title: of the column.
        metric: name of the metric.
        level: level of the map, None where the level is that of the line.
        dataset: of the paper's numbers.
        scale: our values are multiplied with it: percent, or millions.
        part: ``"value"``; ``"interval"`` of the value; ``"difference"`` to another row, with its interval.
    """

    title: str
    metric: str
    level: str | None = None
    dataset: str | None = None
    scale: float = 100.0
    part: str = "value"


Cell = Mapping[int, Measured] | Published | Interval | None


@dataclass(frozen=True)
class Line:
    """A line of a table: what is compared, and a cell for each column: values by seed, or a printed number."""

    row: Row
    level: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Table:
    """A table as data; the module ``tables.formats`` writes it."""

    name: str
    title: str
    columns: Sequence[Column]
    lines: Sequence[Line]
    notes: Sequence[str] = ()

    @property
    def levels_in_lines(self) -> bool:
        """Whether a line has one level, rather than the columns."""
        return any(line.level for line in self.lines)


@dataclass(frozen=True)
class _Plan:
    title: str
    metrics: Mapping[str, str]  # metric and title; one that ends in ``*`` is a family
    datasets: Sequence[str] = ()
    levels: str = "lines"  # where the levels go: "lines", "columns", or "none" for networks
    notes: Sequence[str] = ()
    paper_notes: Sequence[str] = ()  # where numbers of the paper are shown


_UNIT = "percent; mean ± standard deviation (n - 1) over runs"
_ONE = "a map of one resolution is shown at every level"
_AREA = (
    "the printed areas lie below 33.3, that of a constant prediction with three classes: the paper normalizes them in "
    "a way that it does not state; compare the order"
)
_SOURCE = "paper: Ron et al., ICML 2022, as printed"
_BLOCKS = "the paper's block 3 is the level fine, its block 4 the level coarse"
TABLES: Mapping[str, _Plan] = {
    "1": _Plan(
        "area under the perturbation curve: balanced accuracy as pixels are removed, least important first",
        {"perturbation_auc": "AUC"},
        (FDG,),
        levels="columns",
        notes=(_ONE,),
        paper_notes=(_SOURCE, _BLOCKS, _AREA),
    ),
    "2": _Plan(
        "overlap of explanations with the mask",
        {
            "pixel_ap": "mAP",
            "pixel_ap_bilinear": "mAP, bilinear",
            "iou_0.975": "IoU 0.975",
            "iou_0.95": "IoU 0.95",
            "iou_0.9": "IoU 0.90",
            "pointing": "pointing",
            "mass": "mass",
            "rank": "rank",
        },
        (BRATS,),
        notes=(_ONE,),
        paper_notes=(_SOURCE, _BLOCKS),
    ),
    "3": _Plan(
        "accuracy and number of parameters of networks",
        {
            "balanced_accuracy": "balanced accuracy",
            "accuracy": "accuracy",
            "auc": "AUC",
            "auc_masked_out": "AUC, masked out",
            "parameters": "parameters, M",
        },
        (FDG, BRATS),
        levels="none",
        paper_notes=(
            _SOURCE,
            f"the paper's networks: ResNet-50 ({FDG}), U-Net encoder ({BRATS}), and ViT-B/16",
        ),
    ),
    "area": _Plan(
        "overlap of explanations with the mask, by the share of the image that it covers",
        {"*@": "{}"},
        notes=(_ONE,),
    ),
    "deletion": _Plan(
        "score of the class as the most important pixels are removed (deletion, low is good) or added (insertion, high "
        "is good), area under the curve",
        {"deletion_auc": "deletion", "insertion_auc": "insertion"},
        notes=(_ONE,),
    ),
    "randomization": _Plan(
        "rank correlation of maps before and after the last layers are randomized, times 100 (low is good)",
        {"randomization_*": "{}"},
        notes=("a column is the number of randomized layers and the last of them", _ONE),
    ),
}


def explanation_table(
    name: str,
    rows: Sequence[Row],
    paper: bool = True,
    bootstrap: Bootstrap | None = None,
    reference: str | None = None,
) -> Table:
    """Table ``name`` of :data:`TABLES` with the rows that have values for it.

    Metrics without values of ours are left out, and a column of the paper where none of our rows corresponds to its;
    the table has no lines when no row has a value for it.

    Args:
        name: of the table.
        rows: of :func:`~monai_dd.evaluation.explanation_rows`, for ``"area"`` by area.
        paper: set the paper's numbers next to ours.
        bootstrap: adds a column of intervals to each of ours.
        reference: name of a row that each other one is compared with at the same level, by ``bootstrap``; networks are
            compared with the network of that row.

    Raises:
        ValueError: for a name or reference that is not there, a reference without ``bootstrap``, and what
            :class:`~monai_dd.evaluation.Bootstrap` refuses.

    Example:
        >>> row = Row("baseline", "gradcam", {("fine", "pixel_ap"): {0: Measured(0.5, images=8)}})
        >>> table = explanation_table("2", [row])
        >>> [column.title for column in table.columns], table.lines[0].cells[0]
        (['mAP', 'mAP, paper (BraTS18)'], {0: Measured(value=0.5, images=8)})
    """
    plan = TABLES[check_option("name", name, TABLES)]
    rows, others = _split(rows, plan.levels == "none", reference)
    if others and bootstrap is None:
        raise ValueError("reference: expected a bootstrap to compare with, got none")
    metrics = _expand(plan.metrics, rows)
    levels = (
        [""]
        if plan.levels == "none"
        else sort_levels(level for row in rows for m in metrics for level in row.levels(m))
    )
    columns = [
        column
        for level in (levels if plan.levels == "columns" else [None])
        for metric, title in metrics.items()
        for column in _columns(
            metric,
            title if level is None else f"{title}, {level}",
            level,
            plan.datasets if paper else (),
            [] if bootstrap is None else ["interval", "difference"][: 1 + bool(others)],
        )
    ]
    number = int(name) if name.isdigit() else 0
    lines = []
    for level in levels if plan.levels == "lines" else [""]:
        for row in rows:
            cells = [_cell(number, row, column, level, bootstrap, others) for column in columns]
            if any(isinstance(cell, Mapping) for cell in cells):
                lines.append(Line(row, level, cells))
    used = [i for i in range(len(columns)) if any(line.cells[i] for line in lines)]
    ours = {(columns[i].metric, columns[i].level) for i in used if columns[i].dataset is None}
    used = [i for i in used if (columns[i].metric, columns[i].level) in ours]
    lines = [Line(line.row, line.level, [line.cells[i] for i in used]) for line in lines]
    columns = [columns[i] for i in used]
    notes = [_UNIT, *plan.notes, *(plan.paper_notes if any(column.dataset for column in columns) else ())]
    if bootstrap is not None:
        notes.append(bootstrap.describe())
    if any(column.part == "difference" for column in columns):
        notes.append(f"differences are to {reference} at the same level, in the same resamples")
    return Table(name, plan.title, columns, lines, notes)


def _split(rows: Sequence[Row], networks: bool, reference: str | None) -> tuple[list[Row], list[Row]]:
    """Rows of networks or of maps, and among them the one to compare with, if it is there."""
    kept = [row for row in rows if (row.explainer == NETWORK) == networks]
    if reference is None:
        return kept, []
    check_option("difference_to", reference, list(dict.fromkeys(row.name for row in rows)))
    named = [row for row in rows if row.name == reference]
    if networks:
        return kept, [row for row in kept if row.variant == named[0].variant]
    return kept, [row for row in named if row.explainer != NETWORK]


def _expand(metrics: Mapping[str, str], rows: Sequence[Row]) -> dict[str, str]:
    """Metrics and titles with each family in the place of its members."""
    expanded = {}
    for metric, title in metrics.items():
        if metric == "*@":
            expanded.update(_by_area(rows))
            continue
        if not metric.endswith("*"):
            expanded[metric] = title
            continue
        family = metric[:-1]
        found = sorted({name for row in rows for _, name in row.measured if name.startswith(family)})
        expanded.update({name: title.format(name.removeprefix(family).replace("_", " ", 1)) for name in found})
    return expanded


def _by_area(rows: Sequence[Row]) -> dict[str, str]:
    """Metrics by area from small to large, with the bounds and the number of images as their titles."""
    counts: dict[str, set[int]] = {}
    for row in rows:
        for (_, name), measured in row.measured.items():
            if read_area_metric(name):
                counts.setdefault(name, set()).update(m.images for m in measured.values())
    titles = {}
    for _, low, high, name in sorted((*read_area_metric(name), name) for name in counts):  # type: ignore[misc]
        bounds = f"{100 * low:g} to {100 * high:g} %" if low and high < math.inf else ""
        bounds = bounds or (f"above {100 * low:g} %" if low else f"below {100 * high:g} %")
        span = "-".join(map(str, sorted({min(counts[name]), max(counts[name])})))
        titles[name] = f"{name.partition('@')[0]}, {bounds}, {span} images"
    return titles


def _columns(metric: str, title: str, level: str | None, datasets: Sequence[str], parts: Sequence[str]) -> list[Column]:
    if metric == "parameters":
        scale, parts = 1e-6, ()
    else:
        scale = 100.0
    names = {"interval": "interval", "difference": "difference"}
    own = [Column(f"{title}, {names[part]}", metric, level, None, scale, part) for part in parts]
    paper = [Column(f"{title}, paper ({dataset})", metric, level, dataset) for dataset in datasets]
    return [Column(title, metric, level, None, scale), *own, *paper]


def _cell(table: int, row: Row, column: Column, level: str, bootstrap: Bootstrap | None, others: Sequence[Row]) -> Cell:
    level = level if column.level is None else column.level
    if column.part == "interval" and bootstrap is not None:
        return bootstrap.interval(row, level, column.metric)
    if column.part == "difference" and bootstrap is not None:
        return None if row is others[0] else bootstrap.difference(row, others[0], level, column.metric)
    if column.dataset is not None:
        return published_number(table, column.dataset, row.method, level, column.metric)
    return row.get(level, column.metric) or None
