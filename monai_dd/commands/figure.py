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
"""``monai-dd figure``: curves and maps from the files that evaluations wrote."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from monai_dd.commands.output import check_output, write_output
from monai_dd.commands.parser import Commands, add_command, add_group
from monai_dd.commands.table import add_choice, add_paper_protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["add_parser", "run"]

SUFFIXES = (".png", ".pdf", ".svg")
_RUNS = {
    "perturbation": "files explanations.csv, or folders in which they are looked for, at any depth",
    "localization": "files localization.csv, or folders in which they are looked for",
    "maps": "folders in which case.json is looked for, at any depth",
}
_RUNS |= {"randomization": _RUNS["perturbation"], "boxes": _RUNS["maps"]}


def run(args: argparse.Namespace) -> None:
    """Draw the figure of ``args.kind`` and write it to ``args.output``."""
    path = check_output(args.output)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"output: expected a suffix of {', '.join(SUFFIXES)}, got {path.suffix!r}")
    if args.dpi < 1:
        raise ValueError(f"dpi: expected a positive number, got {args.dpi}")
    if args.palette and path.suffix.lower() != ".png":
        raise ValueError(f"palette: expected a .png with it, got {path.suffix!r}")
    figure = _DRAW[args.kind](args)

    def write(file: Path) -> None:
        figure.savefig(file, dpi=args.dpi)
        if args.palette:
            from PIL import Image

            with Image.open(file) as picture:
                few = picture.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
            few.save(file, optimize=True)

    write_output(path, write)


def _curves(args: argparse.Namespace) -> Figure:
    from monai_dd.evaluation.explanations.reader import read_explanations
    from monai_dd.evaluation.explanations.summary import explanation_rows, select_rows
    from monai_dd.evaluation.figures.curves import perturbation_figure, randomization_figure

    rows = explanation_rows(read_explanations(args.runs))
    rows = select_rows(rows, args.variants, args.explainers, args.paper_protocol)
    return perturbation_figure(rows) if args.kind == "perturbation" else randomization_figure(rows)


def _localization(args: argparse.Namespace) -> Figure:
    from monai_dd.evaluation.figures.localization import localization_figure
    from monai_dd.evaluation.localization.reader import read_localization

    return localization_figure(read_localization(args.runs), args.variants, args.methods)


def _maps(args: argparse.Namespace) -> Figure:
    from monai_dd.evaluation.figures.maps import map_figure
    from monai_dd.evaluation.maps.reader import read_cases

    if args.max_cases < 1:
        raise ValueError(f"max_cases: expected a positive number, got {args.max_cases}")
    chosen = (args.seed, args.variants, args.explainers, args.cases, args.paper_protocol, args.channel)
    cases = read_cases(args.runs, *chosen)[: args.max_cases]
    return map_figure(cases, args.levels, args.colormap, args.invert, columns=args.columns)


def _boxes(args: argparse.Namespace) -> Figure:
    from monai_dd.evaluation.figures.boxes import box_figure
    from monai_dd.evaluation.maps.reader import read_cases

    return box_figure(read_cases(args.runs, args.seed, args.variants, args.explainers, args.cases))


_DRAW = {
    "perturbation": _curves,
    "randomization": _curves,
    "localization": _localization,
    "maps": _maps,
    "boxes": _boxes,
}
_BAND = "A line for each explainer of each variant with a band of one standard deviation over seeds, a panel for each"


def add_parser(commands: Commands) -> None:
    """Add ``figure`` with the kinds of :data:`_DRAW`."""
    example = "figure perturbation runs/brats --output perturbation.png"
    kinds = add_group(commands, "figure", example, "curves and maps of explanations")
    texts = {
        "perturbation": ("balanced accuracy as pixels are removed, least important first", f"{_BAND} level."),
        "randomization": ("rank correlation of maps as layers are randomized", f"{_BAND} level."),
        "localization": (
            "localization accuracy against the threshold of the intersection over union",
            "A line for each method of each variant with a band of one standard deviation over seeds, a panel for each "
            "class and one for their mean.",
        ),
        "maps": (
            "maps over the image: a row for each case, a column for each explainer",
            "Cases are what evaluations saved under maps/, joined over runs by their image. Maps with a sign, such as "
            "contribution_signed, are red where a cell speaks for the class and blue where it speaks against it.",
        ),
        "boxes": (
            "class activation maps and saliency with boxes: a row for each case, columns for each variant",
            "Each map is scaled by its own minimum and maximum as for localization: class activation maps over the "
            "image, saliency alone.",
        ),
    }
    parsers = {}
    for kind, (what, more) in texts.items():
        runs = "runs/chest" if kind in ("localization", "boxes") else "runs/brats"
        parser = add_command(kinds, kind, run, f"figure {kind} {runs} --output {kind}.png", what, more)
        parser.add_argument("runs", nargs="+", metavar="RUNS", help=_RUNS[kind])
        parser.add_argument("--output", required=True, metavar="FILE", help="file to write: .png, .pdf or .svg")
        parser.add_argument("--dpi", type=int, default=200, help="dots per inch of a .png")
        what = "256 colors: a .png of a third of the size"
        parser.add_argument("--palette", action="store_true", help=what)
        add_choice(parser, "method" if kind == "localization" else "explainer")
        parsers[kind] = parser
    for kind in ("perturbation", "randomization", "maps"):
        add_paper_protocol(parsers[kind])
    for kind in ("maps", "boxes"):
        what = "such as case_0003, or its image (default: all)"
        parsers[kind].add_argument("--cases", nargs="+", metavar="CASE", help=what)
        parsers[kind].add_argument("--seed", type=int, default=0, help="seed of the runs")
    maps = parsers["maps"]
    maps.add_argument("--levels", nargs="+", default=["fine"], metavar="LEVEL", help="rows of a case")
    what = "these, in this order, such as exact:contribution_signed/fine; a row for each case"
    maps.add_argument("--columns", nargs="+", metavar="VARIANT:EXPLAINER/LEVEL", help=what)
    maps.add_argument("--max_cases", type=int, default=8, metavar="N", help="rows: the first cases (default: 8)")
    maps.add_argument("--channel", type=int, metavar="C", help="of the image (default: that of the evaluation)")
    maps.add_argument("--colormap", default="viridis", help="matplotlib's name, of maps without a sign")
    maps.add_argument("--invert", action="store_true", help="show high values of the image dark, as for PET")
