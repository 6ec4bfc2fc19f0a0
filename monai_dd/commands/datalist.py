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
"""``monai-dd datalist``: split a data set by patients and write its data list."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from monai_dd.commands.output import check_output
from monai_dd.commands.parser import Commands, add_command, add_group

__all__ = ["add_parser", "run"]

MODES = ("boundary", "midline", "matched")
_EXAMPLES = {
    "fdg": "datalist fdg --dataset_dir data/pet",
    "brats": "datalist brats --min_area 60 --dataset_dir data/brain",
    "slices": "datalist slices --dataset_dir data/slices",
    "chestxray14": "datalist chestxray14 --classes Effusion Mass --dataset_dir data/chest",
}
# options that have the names of arguments of the function
_CUT = ("mode", "min_area", "min_brain_fraction", "seed", "skip_broken")
_BRATS = (*_CUT, "val_fraction", "slice_step", "num_workers")
_SLICES = (*_CUT, "index_file", "image_pattern", "mask_pattern", "threshold", "fractions", "gap")
_SLICES += ("group_column", "stratify_column")
_CHEST = ("classes", "val_fraction", "test_fraction", "seed", "skip_missing", "drop_unlabeled_boxes")


def run(args: argparse.Namespace) -> None:
    """Build the data list of ``args.kind``, write it and print what each split has."""
    from monai_dd.data.datalists.save import save_datalist

    output = check_output(args.output) if args.output else Path(args.dataset_dir) / "datalist.json"
    with warnings.catch_warnings():
        warnings.showwarning = _print_warning
        datalist, lines = _BUILDERS[args.kind](args)
    save_datalist(datalist, output)
    print("\n".join([*lines, f"written: {output}"]))


def _print_warning(message: Warning, *_: object) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _condition(text: str) -> tuple[str, list[str]]:
    column, equals, values = text.partition("=")
    if not column or not equals or not values:
        raise argparse.ArgumentTypeError(f"expected COLUMN=VALUE or COLUMN=VALUE,VALUE, got {text!r}")
    return column, values.split(",")


def _some(args: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(args, name) for name in names}


def _fdg(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from monai_dd.data.datalists.fdg import CLASSES, build_fdg_datalist

    root = Path(args.dataset_dir)
    datalist = build_fdg_datalist(root, args.labels or root / "labels.csv", args.val_fraction, args.seed)
    lines = []
    for split in ("training", "validation"):
        counts = Counter(CLASSES[item["label"]] for item in datalist[split])
        lines.append(f"{split}: {len(datalist[split])} studies, " + ", ".join(f"{counts[c]} {c}" for c in CLASSES))
    return datalist, lines


def _brats(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from monai_dd.data.datalists.brats.build import build_brats_datalist

    warnings.simplefilter("always", UserWarning)
    datalist = build_brats_datalist(args.dataset_dir, **_some(args, _BRATS), progress=not args.quiet)
    channels = ", ".join(f"{channel} from {' or '.join(names)}" for channel, names in datalist["channels"].items())
    return datalist, [f"layout: {', '.join(datalist['layout'])}", f"channels: {channels}", *_describe(datalist)]


def _slices(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from monai_dd.data.datalists.slices import build_slices_datalist

    warnings.simplefilter("always", UserWarning)
    options = _some(args, _SLICES) | {"where": dict(args.where), "contiguous": not args.scattered}
    datalist = build_slices_datalist(args.dataset_dir, **options)
    return datalist, _describe(datalist)


def _chestxray14(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from monai_dd.data.datalists.chestxray14.build import build_chestxray14_datalist

    warnings.simplefilter("always", UserWarning)
    datalist = build_chestxray14_datalist(args.dataset_dir, **_some(args, _CHEST), progress=not args.quiet)
    counts = datalist["counts"]
    table = [["images / boxes", *counts]]
    for what in ("patients", "images", "negative"):
        table.append([what, *(str(here[what]) for here in counts.values())])
    for name in datalist["class_names"]:
        table.append([name, *(f"{here['findings'][name]} / {here['boxes'][name]}" for here in counts.values())])
    return datalist, ["".join(f"{cell:>16}" if place else f"{cell:20}" for place, cell in enumerate(r)) for r in table]


def _describe(datalist: dict[str, Any]) -> list[str]:
    lines = []
    for split, counts in datalist["counts"].items():
        counted = ", ".join(f"{count} {what}" for what, count in counts.items())
        lines.append(f"{split}: {counted}; width AUC {datalist['leak'][split]['width_auc']:.3f}")
    what = "how well the brain's width in a hemisphere alone tells its label (0.5: not at all, 1: fully)"
    return [*lines, f"width AUC: {what}"]


_BUILDERS = {"fdg": _fdg, "brats": _brats, "slices": _slices, "chestxray14": _chestxray14}


def add_parser(commands: Commands) -> None:
    """Add ``datalist`` with the kinds ``fdg``, ``brats``, ``slices`` and ``chestxray14``."""
    what = "write the data list of a data set, split by patients or groups"
    kinds = add_group(commands, "datalist", _EXAMPLES["fdg"], what)

    what = "FDG-PET studies: folders of DICOM series and a CSV of patients and labels"
    fdg = add_command(kinds, "fdg", run, _EXAMPLES["fdg"], what)
    fdg.add_argument("--labels", help="CSV: patient_id, series, label[, mask] (default: DATASET_DIR/labels.csv)")

    what = "MRI with tumor masks as in BraTS 2018 to 2023 or MSD Task01: hemispheres of axial slices"
    brats = add_command(kinds, "brats", run, _EXAMPLES["brats"], what)
    brats.add_argument("--slice_step", type=int, default=1, help="use each SLICE_STEP-th slice")
    brats.add_argument("--num_workers", type=int, default=0, help="processes that read; 0: this one reads")

    what = "2D slices with tumor masks, pictures and a CSV: hemispheres of them"
    slices = add_command(kinds, "slices", run, _EXAMPLES["slices"], what)
    slices.add_argument("--index_file", default="index.csv", help="CSV, a row for each slice in order")
    slices.add_argument(
        "--image_pattern",
        default="images/{slice:04d}.jpg",
        help="path of a picture, columns in braces; not used if the CSV has the columns image and mask",
    )
    slices.add_argument("--mask_pattern", default="masks/{slice:04d}.png", help="path of its mask")
    slices.add_argument(
        "--threshold", type=float, default=0.05, help="brain is what exceeds this fraction of the maximum"
    )
    what = "what must stay in one split (default: patient if the CSV has it, else block)"
    slices.add_argument("--group_column", metavar="COLUMN", help=what)
    what = "what all splits get in proportion, '' for nothing (default: diagnosis if the CSV has it)"
    slices.add_argument("--stratify_column", metavar="COLUMN", help=what)
    what = "use only rows with one of these values in a column, such as plane=axial,coronal"
    slices.add_argument("--where", nargs="+", default=[], type=_condition, metavar="COLUMN=VALUES", help=what)
    what = "shares of training, validation and test, in groups"
    slices.add_argument("--fractions", type=float, nargs=3, default=(0.6, 0.2, 0.2), help=what)
    slices.add_argument("--scattered", action="store_true", help="assign groups at random, neighbors or not")
    slices.add_argument("--gap", type=int, default=0, help="rows to leave out where two splits meet")

    what = "ChestX-ray14: chest X-rays with labels of fourteen findings and boxes"
    chest = add_command(kinds, "chestxray14", run, _EXAMPLES["chestxray14"], what)
    chest.add_argument("--classes", nargs="+", metavar="FINDING", help="findings to keep (default: all fourteen)")
    what = "share of the patients that are not in the test split"
    chest.add_argument("--val_fraction", type=float, default=0.1, help=what)
    what = "share of the test split, only without test_list.txt (default: 0.25)"
    chest.add_argument("--test_fraction", type=float, help=what)
    chest.add_argument("--skip_missing", action="store_true", help="leave out images that are not there")
    what = "leave out boxes of findings that the image's label lacks"
    chest.add_argument("--drop_unlabeled_boxes", action="store_true", help=what)

    for parser, min_area in ((brats, 1000), (slices, 100)):
        parser.add_argument("--mode", choices=MODES, default="boundary", help="the cut")
        what = "least tumor of a positive hemisphere, in pixels"
        parser.add_argument("--min_area", type=int, default=min_area, help=what)
        what = "least brain of a negative hemisphere, as a fraction of the slice"
        parser.add_argument("--min_brain_fraction", type=float, default=0.02, help=what)
        parser.add_argument("--skip_broken", action="store_true", help="leave broken ones out, with a warning each")
    for parser in (brats, chest):
        parser.add_argument("--quiet", action="store_true", help="show no progress bar")
    for parser in (fdg, brats):
        parser.add_argument("--val_fraction", type=float, default=0.2, help="share of the validation split")
    for parser in (fdg, brats, slices, chest):
        parser.add_argument("--dataset_dir", required=True, metavar="DIR", help="folder of the data set")
        parser.add_argument("--output", metavar="FILE", help="data list to write (default: DATASET_DIR/datalist.json)")
        parser.add_argument("--seed", type=int, default=0, help="seed of the split")
