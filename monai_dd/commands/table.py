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
from pathlib import Path

from monai_dd.commands.output import check_output, write_output
from monai_dd.commands.parser import Commands, Parser, add_command, add_group

__all__ = ["add_choice", "add_parser", "print_runs", "run"]

TABLES = ("1", "2", "3", "deletion", "randomization")
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
    from monai_dd.evaluation.explanations.reader import read_explanations
    from monai_dd.evaluation.explanations.summary import explanation_rows, select_rows
    from monai_dd.evaluation.tables.explanations import explanation_table
    from monai_dd.evaluation.tables.formats import FORMATS as WRITERS

    rows = explanation_rows(read_explanations(args.runs))
    rows = select_rows(rows, args.variants, args.explainers, args.paper_protocol)
    tables = [explanation_table(name, rows, not args.no_paper) for name in args.table or TABLES]
    empty = [table.name for table in tables if not table.lines]
    if len(empty) == len(tables) or (args.table and empty):
        raise ValueError(f"table: expected values for {', '.join(empty)}, the files have none")
    return WRITERS[args.format]([table for table in tables if table.lines])


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
        "Table 1 is perturbation, 2 overlap with the mask, 3 accuracy and number of parameters. Mean and standard "
        "deviation are over the seeds of a variant.",
    )
    what = "files explanations.csv, or folders in which they are looked for, at any depth"
    explanations.add_argument("runs", nargs="+", metavar="RUNS", help=what)
    explanations.add_argument("--table", nargs="+", choices=TABLES, help="tables (default: all that have values)")
    explanations.add_argument(
        "--format", choices=FORMATS, default="md", help="Markdown, LaTeX, or one line of CSV for each number"
    )
    what = "without the paper's numbers, for data unlike its own"
    explanations.add_argument("--no_paper", action="store_true", help=what)
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
