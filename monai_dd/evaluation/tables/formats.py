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
"""Write tables of explanations as Markdown, as LaTeX, or as CSV with one line for each number."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from monai_dd.evaluation.explanations.bootstrap import Interval
from monai_dd.evaluation.explanations.summary import Measured
from monai_dd.evaluation.published import Published
from monai_dd.evaluation.tables.explanations import Cell, Column, Table
from monai_dd.evaluation.tables.runs import format_table, mean_and_sd

__all__ = ["FORMATS", "escape_latex", "to_csv", "to_latex", "to_markdown"]

CSV_COLUMNS = (
    *("table", "row", "paper_method", "level", "metric", "unit", "mean", "sd", "runs", "images"),
    *("paper_dataset", "paper_mean", "paper_sd"),
    *("low", "high", "difference", "difference_low", "difference_high"),
)
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "Σ": r"$\sum$",
}
_LATEX |= {"τ": r"$\tau$", "→": r"$\to$", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}


def _text(cell: Cell, column: Column) -> str:
    if isinstance(cell, Published):
        return str(cell)
    if isinstance(cell, Interval):
        value, low, high = (column.scale * number for number in cell)
        bounds = f"{low:.1f} to {high:.1f}"
        return f"{value:+.1f} ({bounds})" if column.part == "difference" else bounds
    return "" if cell is None else mean_and_sd([m.value for m in cell.values()], column.scale)


def _texts(table: Table) -> list[list[str]]:
    """Header and lines as text; names first."""
    paper = any(column.dataset for column in table.columns)
    names = ["level"] * table.levels_in_lines + ["row"] + ["in the paper"] * paper + ["runs", "images"]
    texts = [[*names, *(column.title for column in table.columns)]]
    for line in table.lines:
        start = [line.level] * table.levels_in_lines + [line.row.name] + [line.row.method] * paper
        cells = [_text(cell, column) for cell, column in zip(line.cells, table.columns)]
        ours = [pair for pair in zip(table.columns, line.cells) if isinstance(pair[1], Mapping)]
        images = [count for column, cell in ours for count in _images(column, cell)]
        texts.append([*start, _span([len(cell) for _, cell in ours]), _span(images), *cells])
    return texts


def _images(column: Column, cell: Mapping[int, Measured]) -> list[int]:
    """Numbers of images of a cell; a number of parameters has none."""
    return [] if column.metric == "parameters" else [m.images for m in cell.values()]


def _span(counts: Sequence[int]) -> str:
    """Least and most, once where they are equal."""
    return "-".join(map(str, sorted({min(counts), max(counts)}))) if counts else ""


def _caption(table: Table) -> str:
    return f"Table {table.name}: {table.title}" if table.name.isdigit() else f"Table, {table.name}: {table.title}"


def to_markdown(tables: Sequence[Table]) -> str:
    """Tables with their captions and notes.

    Example:
        >>> from monai_dd.evaluation import explanation_table
        >>> from monai_dd.evaluation.explanations.summary import Row
        >>> row = Row("baseline", "gradcam", {("fine", "pixel_ap"): {0: Measured(0.5, images=8)}})
        >>> print(to_markdown([explanation_table("2", [row], paper=False)]).splitlines()[4])
        | fine  | baseline: gradcam | 1    | 8      | 50.0 |
    """
    parts = []
    for table in tables:
        lines = [[cell.replace("|", r"\|") for cell in line] for line in _texts(table)]
        notes = "\n".join(f"- {note}" for note in table.notes)
        parts.append(f"**{_caption(table)}**\n\n{format_table(lines)}\n{notes}\n")
    return "\n".join(parts)


def escape_latex(text: str) -> str:
    r"""Text for LaTeX outside mathematics; ``τ^k`` becomes mathematics.

    Example:
        >>> print(escape_latex("50 % of τ^k"))
        50 \% of $\tau^{k}$
    """

    def escape(match: re.Match[str]) -> str:
        found = match[0]
        if match[1]:
            return rf"$\tau^{{{match[1]}}}$"
        return _LATEX.get(found, "\\" + found)

    return re.sub(r"τ\^(\w)|[\\~^±Στ→<>|&%$#_{}]", escape, text)


def to_latex(tables: Sequence[Table]) -> str:
    r"""Each table as a plain ``tabular`` below a comment with its caption and notes; it needs no package.

    Example:
        >>> from monai_dd.evaluation import explanation_table
        >>> from monai_dd.evaluation.explanations.summary import Row
        >>> row = Row("baseline", "gradcam", {("fine", "pixel_ap"): {0: Measured(0.5, images=8)}})
        >>> print(to_latex([explanation_table("2", [row], paper=False)]).splitlines()[-3])
        fine & baseline: gradcam & 1 & 8 & 50.0 \\
    """
    parts = []
    for table in tables:
        texts = _texts(table)
        left = len(texts[0]) - len(table.columns) - 2
        comments = [f"% {line}" for line in (_caption(table), *table.notes)]
        lines = [" & ".join(map(escape_latex, line)) + r" \\" for line in texts]
        alignment = "l" * left + "r" * (len(texts[0]) - left)
        body = [
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\hline",
            lines[0],
            r"\hline",
            *lines[1:],
            r"\hline",
            r"\end{tabular}",
        ]
        parts.append("\n".join([*comments, *body]) + "\n")
    return "\n".join(parts)


def to_csv(tables: Sequence[Table]) -> str:
    """One line for each of our numbers, followed by the printed one and its intervals; means in full precision.

    Example:
        >>> from monai_dd.evaluation import explanation_table
        >>> from monai_dd.evaluation.explanations.summary import Row
        >>> row = Row("baseline", "gradcam", {("fine", "pixel_ap"): {0: Measured(0.5, images=8)}})
        >>> print(to_csv([explanation_table("2", [row], paper=False)]).splitlines()[1])
        2,baseline: gradcam,GradCAM,fine,pixel_ap,percent,50,,1,8,,,,,,,,
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for table in tables:
        for line in table.lines:
            pairs = list(zip(table.columns, line.cells))
            for column, cell in pairs:
                if not isinstance(cell, Mapping):
                    continue
                level = line.level if column.level is None else column.level
                printed = [
                    (other.dataset, number.mean, "" if number.sd is None else number.sd)
                    for other, number in pairs
                    if isinstance(number, Published) and (other.metric, other.level) == (column.metric, column.level)
                ]
                values = column.scale * np.array([m.value for m in cell.values()])
                start = [table.name, line.row.name, line.row.method, level, column.metric]
                unit = "million" if column.metric == "parameters" else "percent"
                sd = f"{values.std(ddof=1):.6g}" if len(values) > 1 else ""
                ours = [f"{values.mean():.6g}", sd, len(values), _span(_images(column, cell))]
                own = {
                    other.part: [f"{column.scale * bound:.6g}" for bound in found]
                    for other, found in pairs
                    if isinstance(found, Interval) and (other.metric, other.level) == (column.metric, column.level)
                }
                bounds = [*own.get("interval", [""] * 3)[1:], *own.get("difference", [""] * 3)]
                for paper in printed or [("", "", "")]:
                    writer.writerow([*start, unit, *ours, *paper, *bounds])
    return stream.getvalue()


FORMATS: Mapping[str, Callable[[Sequence[Table]], str]] = {"md": to_markdown, "csv": to_csv, "latex": to_latex}
