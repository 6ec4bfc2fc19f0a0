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
"""Tables and figures of explanations, from the files that studies wrote: ``python -m monai_dd.visualize --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from monai_dd.evaluation.explanations.reader import read_explanations
from monai_dd.evaluation.explanations.summary import Row, explanation_rows, select_rows
from monai_dd.evaluation.figures.boxes import box_figure
from monai_dd.evaluation.figures.curves import perturbation_figure, randomization_figure
from monai_dd.evaluation.figures.localization import localization_figure
from monai_dd.evaluation.figures.maps import map_figure
from monai_dd.evaluation.localization.reader import read_localization
from monai_dd.evaluation.maps.reader import read_cases
from monai_dd.evaluation.tables.explanations import TABLES, explanation_table
from monai_dd.evaluation.tables.formats import FORMATS
from monai_dd.evaluation.tables.localization import localization_table
from monai_dd.utils.checks import check_option

__all__ = ["main"]

FIGURES = {"perturbation": perturbation_figure, "randomization": randomization_figure}
FIGURE_SUFFIXES = (".png", ".pdf", ".svg")
_RUNS = "files explanations.csv, or folders in which they are looked for, at any depth"


def _write(output: str, write: Callable[[Path], object]) -> None:
    """Write to a temporary name beside ``output`` and rename it: what stands there is whole."""
    path = Path(output)
    if not path.parent.is_dir():
        raise ValueError(f"output: expected an existing folder, {str(path.parent)!r} is not there")
    if path.is_dir():
        raise ValueError(f"output: expected the name of a file, {str(path)!r} is a folder")
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    print(path)


def _write_figure(output: str, make: Callable[[], Figure], dpi: int) -> None:
    check_option("output, its suffix", Path(output).suffix.lower(), FIGURE_SUFFIXES)
    if dpi < 1:
        raise ValueError(f"dpi: expected a positive number, got {dpi}")
    figure = make()
    _write(output, lambda path: figure.savefig(path, dpi=dpi))


def _rows(args: argparse.Namespace) -> list[Row]:
    rows = explanation_rows(read_explanations(args.runs))
    return select_rows(rows, args.variants, args.explainers, args.paper_protocol)


def _tables(args: argparse.Namespace) -> None:
    rows = _rows(args)
    tables = [explanation_table(name, rows, not args.no_paper) for name in args.table or TABLES]
    empty = [table.name for table in tables if not table.lines]
    if len(empty) == len(tables) or (args.table and empty):
        raise ValueError(f"table: expected values for {', '.join(empty)}, the files have none")
    tables = [table for table in tables if table.lines]
    text = FORMATS[args.format](tables)
    if args.output is None:
        sys.stdout.write(text)
    else:
        _write(args.output, lambda path: path.write_text(text, encoding="utf-8", newline="\n"))


def _curves(args: argparse.Namespace) -> None:
    _write_figure(args.output, lambda: FIGURES[args.kind](_rows(args)), args.dpi)


def _localization(args: argparse.Namespace) -> None:
    runs = read_localization(args.runs)
    if Path(args.output).suffix.lower() == ".md":
        text = localization_table(runs, args.variants, args.methods)
        _write(args.output, lambda path: path.write_text(text, encoding="utf-8"))
    else:
        _write_figure(args.output, lambda: localization_figure(runs, args.variants, args.methods), args.dpi)


def _maps(args: argparse.Namespace) -> None:
    def make() -> Figure:
        cases = read_cases(args.runs, args.seed, args.variants, args.explainers, args.cases, args.paper_protocol)
        return map_figure(cases, args.levels, args.colormap, args.invert)

    _write_figure(args.output, make, args.dpi)


def _boxes(args: argparse.Namespace) -> None:
    def make() -> Figure:
        return box_figure(read_cases(args.runs, args.seed, args.variants, args.explainers, args.cases))

    _write_figure(args.output, make, args.dpi)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--variants", nargs="+", metavar="VARIANT", help="these only, such as exact (default: all)")
    parser.add_argument(
        "--explainers", nargs="+", metavar="EXPLAINER", help="these only, such as attention gradcam (default: all)"
    )
    parser.add_argument(
        "--paper_protocol",
        action="store_true",
        help="as the paper compares: GradCAM and its like for the baseline only, other networks speak for themselves",
    )


def _add_figure(parser: argparse.ArgumentParser, kinds: str = ".png, .pdf or .svg") -> None:
    parser.add_argument("--output", required=True, metavar="FILE", help=f"file to write: {kinds}")
    parser.add_argument("--dpi", type=int, default=200, help="dots per inch of a .png (default: 200)")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m monai_dd.visualize", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    tables = commands.add_parser(
        "tables",
        help="tables of faithfulness, localization and accuracy, the paper's numbers beside ours",
        description="Print or write the tables: 1 is perturbation, 2 overlap with the mask, 3 accuracy and number of "
        "parameters. Mean and standard deviation are over the seeds of a variant.",
        allow_abbrev=False,
    )
    tables.add_argument("runs", nargs="+", metavar="RUNS", help=_RUNS)
    tables.add_argument("--table", nargs="+", choices=list(TABLES), help="tables (default: all that have values)")
    tables.add_argument(
        "--format", choices=list(FORMATS), default="md", help="md (default), latex, or csv: one line for each number"
    )
    tables.add_argument("--output", metavar="FILE", help="file to write (default: print)")
    tables.add_argument("--no_paper", action="store_true", help="without the paper's numbers, for data unlike its own")
    _add_choice(tables)
    tables.set_defaults(run=_tables)
    curves = commands.add_parser(
        "curves",
        help="balanced accuracy as pixels are removed, or rank correlation as layers are randomized",
        description="Draw a line for each explainer of each variant, with a band of one standard deviation over seeds, "
        "and a panel for each level.",
        allow_abbrev=False,
    )
    curves.add_argument("runs", nargs="+", metavar="RUNS", help=_RUNS)
    curves.add_argument("--kind", choices=list(FIGURES), default="perturbation", help="(default: perturbation)")
    _add_figure(curves)
    _add_choice(curves)
    curves.set_defaults(run=_curves)
    localization = commands.add_parser(
        "localization",
        help="localization accuracy against the threshold of the intersection over union, for each class",
        description="Draw a panel for each class and their mean, a line for each method of each variant, with a band "
        "of one standard deviation over seeds; or, as .md, write the mean over classes as a table.",
        allow_abbrev=False,
    )
    localization.add_argument(
        "runs", nargs="+", metavar="RUNS", help="files localization.csv, or folders in which they are looked for"
    )
    localization.add_argument("--variants", nargs="+", metavar="VARIANT", help="these only (default: all)")
    localization.add_argument("--methods", nargs="+", metavar="METHOD", help="these only, such as cam (default: all)")
    _add_figure(localization, ".png, .pdf, .svg or .md")
    localization.set_defaults(run=_localization)
    maps = commands.add_parser(
        "maps",
        help="maps over the image: a row for each case, a column for each explainer",
        description="Draw the maps of cases that studies saved under maps/, joined over runs by their image.",
        allow_abbrev=False,
    )
    maps.add_argument("runs", nargs="+", metavar="RUNS", help="folders in which case.json is looked for, at any depth")
    maps.add_argument("--cases", nargs="+", metavar="CASE", help="such as case_0003, or its image (default: all)")
    maps.add_argument("--levels", nargs="+", default=["fine"], metavar="LEVEL", help="rows of a case (default: fine)")
    maps.add_argument("--seed", type=int, default=0, help="of the runs (default: 0)")
    maps.add_argument("--colormap", default="viridis", help="matplotlib's name (default: viridis)")
    maps.add_argument("--invert", action="store_true", help="show high values of the image dark, as for PET")
    _add_figure(maps)
    _add_choice(maps)
    maps.set_defaults(run=_maps)
    boxes = commands.add_parser(
        "boxes",
        help="class activation maps and saliency beside boxes: a row for each case, columns for each variant",
        description="Draw the maps of cases that evaluations saved, each scaled by its own minimum and maximum as for "
        "localization: class activation maps over the image, saliency by itself.",
        allow_abbrev=False,
    )
    boxes.add_argument("runs", nargs="+", metavar="RUNS", help="folders in which case.json is looked for, at any depth")
    boxes.add_argument("--cases", nargs="+", metavar="CASE", help="such as case_0003, or its image (default: all)")
    boxes.add_argument("--seed", type=int, default=0, help="of the runs (default: 0)")
    boxes.add_argument("--variants", nargs="+", metavar="VARIANT", help="these only (default: all)")
    boxes.add_argument("--explainers", nargs="+", metavar="EXPLAINER", help="these only (default: all)")
    _add_figure(boxes)
    boxes.set_defaults(run=_boxes)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
