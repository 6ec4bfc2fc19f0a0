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
"""``monai-dd table``: tables of runs, explanations and localization from the files that evaluations wrote."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from monai_dd.commands.output import check_output, write_output
from monai_dd.commands.parser import Commands, Parser, add_command, add_group

__all__ = ["add_choice", "add_parser", "print_runs", "run"]

TABLES = ("1", "2", "3", "area", "deletion", "randomization")
FORMATS = ("md", "csv", "latex")
_EXAMPLES = {
    "runs": "table runs --variants variant_baseline variant_exact --output_dir runs/brats",
    "explanations": "table explanations runs/brats --format latex --output tables.tex",
    "localization": "table localization runs/chest --output localization.md",
}


def run(args: argparse.Namespace) -> None:
    """Make the table of ``args.kind``; print it, or write it to ``args.output``."""
    if args.kind == "runs":
        _runs(args)
        return
    if args.output is not None:
        check_output(args.output)
    text = _explanations(args) if args.kind == "explanations" else _localization(args)
    if args.output is None:
        sys.stdout.write(text)
    else:
        write_output(args.output, lambda path: path.write_text(text, encoding="utf-8", newline="\n"))


def print_runs(path: Path, split: str) -> None:
    """Print the table of the runs in ``path``, a file that ``collect_runs`` wrote.

    Raises:
        ValueError: when the file lacks columns or a value is no number.
    """
    from monai_dd.evaluation.runs import read_runs
    from monai_dd.evaluation.tables.runs import format_table, summarize_runs

    print(format_table(summarize_runs(read_runs(path))))
    print(f"percent, mean ± standard deviation over seeds, split {split}; every value: {path}")


def _runs(args: argparse.Namespace) -> None:
    from monai_dd.evaluation.runs import RunSpec, collect_runs

    variants = [RunSpec.parse(text).name for text in args.variants]
    print_runs(collect_runs(args.output_dir, variants, args.seeds, args.split), args.split)


def _explanations(args: argparse.Namespace) -> str:
    from monai_dd.evaluation.explanations.bootstrap import Bootstrap
    from monai_dd.evaluation.explanations.reader import read_explanations
    from monai_dd.evaluation.explanations.summary import explanation_rows, select_rows
    from monai_dd.evaluation.tables.explanations import explanation_table
    from monai_dd.evaluation.tables.formats import FORMATS as WRITERS

    _check_edges(args.area_edges)
    runs = read_explanations(args.runs)
    rows = explanation_rows(runs, (args.area_metric, args.area_edges))
    rows = select_rows(rows, args.variants, args.explainers, args.paper_protocol)
    bootstrap = Bootstrap(runs, args.resamples) if args.intervals or args.difference_to is not None else None
    tables = [
        explanation_table(name, rows, not args.no_paper, bootstrap, args.difference_to) for name in args.table or TABLES
    ]
    empty = [table.name for table in tables if not table.lines]
    if len(empty) == len(tables) or (args.table and empty):
        raise ValueError(f"table: expected values for {', '.join(empty)}, the files have none")
    return WRITERS[args.format]([table for table in tables if table.lines])


def _check_edges(edges: Sequence[float]) -> None:
    if not all(a < b for a, b in pairwise([0.0, *edges, 1.0])):
        raise ValueError(f"area_edges: expected shares above 0 and below 1 in rising order, got {list(edges)}")


def _localization(args: argparse.Namespace) -> str:
    from monai_dd.evaluation.localization.reader import read_localization
    from monai_dd.evaluation.tables.localization import localization_table

    return localization_table(read_localization(args.runs), args.variants, args.methods)


def add_choice(parser: Parser, what: str) -> None:
    """Add ``--variants`` and ``--explainers`` or ``--methods``, which choose rows, lines or columns."""
    parser.add_argument("--variants", nargs="+", metavar="VARIANT", help="these only, such as exact (default: all)")
    parser.add_argument(f"--{what}s", nargs="+", metavar=what.upper(), help="these only, such as cam (default: all)")


def add_paper_protocol(parser: Parser) -> None:
    """Add ``--paper_protocol``."""
    parser.add_argument(
        "--paper_protocol",
        action="store_true",
        help="as the paper compares: GradCAM and its like for the baseline, for other networks their attention only",
    )


def add_parser(commands: Commands) -> None:
    """Add ``table`` with the kinds ``runs``, ``explanations`` and ``localization``."""
    what = "tables of runs, explanations and localization"
    kinds = add_group(commands, "table", _EXAMPLES["runs"], what)

    runs = add_command(kinds, "runs", run, _EXAMPLES["runs"], "metrics of runs that 'monai-dd runs' has made")
    runs.add_argument("--variants", nargs="+", required=True, metavar="VARIANT", help="rows in their order")
    runs.add_argument("--seeds", nargs="+", type=int, help="seeds (default: all)")
    runs.add_argument("--split", default="validation", help="split that was evaluated")
    runs.add_argument("--output_dir", required=True, metavar="DIR", help="folder of all runs")

    explanations = add_command(
        kinds,
        "explanations",
        run,
        _EXAMPLES["explanations"],
        "faithfulness, localization and accuracy, with the paper's numbers",
        "Table 1 is perturbation, 2 overlap with the mask, 3 accuracy, area under the ROC curve and number of "
        "parameters, area the overlap by the share of the image that the mask covers. Mean and standard deviation are "
        "over the seeds of a variant. Intervals are of the patients: --intervals draws the patients of the evaluated "
        "split with replacement, all images of a patient together and in all runs, and gives the range of 95 % of the "
        "means; --difference_to compares each row with another one in the same draws.",
    )
    what = "files explanations.csv, or folders in which they are looked for, at any depth"
    explanations.add_argument("runs", nargs="+", metavar="RUNS", help=what)
    explanations.add_argument("--table", nargs="+", choices=TABLES, help="tables (default: all that have values)")
    explanations.add_argument(
        "--format", choices=FORMATS, default="md", help="Markdown, LaTeX, or one line of CSV for each number"
    )
    what = "without the paper's numbers, for data unlike its own"
    explanations.add_argument("--no_paper", action="store_true", help=what)
    explanations.add_argument(
        "--intervals", action="store_true", help="95 %% interval of each number, by bootstrap over patients"
    )
    what = "row, as the table calls it, to compare the others with; with intervals, e.g. 'baseline: gradcam'"
    explanations.add_argument("--difference_to", metavar="ROW", help=what)
    explanations.add_argument("--resamples", type=int, default=2000, help="draws of the bootstrap")
    explanations.add_argument("--area_metric", default="pixel_ap", metavar="METRIC", help="metric of the table area")
    explanations.add_argument(
        "--area_edges",
        nargs="+",
        type=float,
        default=[0.02, 0.05, 0.1],
        metavar="SHARE",
        help="shares of the image at which the table area cuts",
    )
    add_choice(explanations, "explainer")
    add_paper_protocol(explanations)

    localization = add_command(
        kinds,
        "localization",
        run,
        _EXAMPLES["localization"],
        "localization accuracy at thresholds of the intersection over union, mean over classes",
    )
    what = "files localization.csv, or folders in which they are looked for"
    localization.add_argument("runs", nargs="+", metavar="RUNS", help=what)
    add_choice(localization, "method")
    for parser in (explanations, localization):
        parser.add_argument("--output", metavar="FILE", help="file to write (default: print)")
