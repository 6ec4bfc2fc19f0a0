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
"""Command line of the data lists: ``python -m monai_dd.data.datalists fdg --help``, brats, slices or chestxray14."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from monai_dd.data.datalists.brats.build import build_brats_datalist
from monai_dd.data.datalists.chestxray14.build import FINDINGS, build_chestxray14_datalist
from monai_dd.data.datalists.fdg import CLASSES, build_fdg_datalist
from monai_dd.data.datalists.save import save_datalist
from monai_dd.data.datalists.slices import build_slices_datalist
from monai_dd.transforms.hemisphere.functional import MODES

__all__ = ["main"]


def _fdg(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    root = Path(args.dataset_dir)
    datalist = build_fdg_datalist(root, args.labels or root / "labels.csv", args.val_fraction, args.seed)
    lines = []
    for section in ("training", "validation"):
        counts = Counter(CLASSES[item["label"]] for item in datalist[section])
        lines.append(f"{section}: {len(datalist[section])} studies, " + ", ".join(f"{counts[c]} {c}" for c in CLASSES))
    return datalist, lines


def _brats(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    datalist = build_brats_datalist(
        args.dataset_dir,
        mode=args.mode,
        min_area=args.min_area,
        min_brain_fraction=args.min_brain_fraction,
        val_fraction=args.val_fraction,
        seed=args.seed,
        slice_step=args.slice_step,
        skip_broken=args.skip_broken,
        num_workers=args.num_workers,
        progress=not args.quiet,
    )
    channels = ", ".join(f"{channel} from {' or '.join(names)}" for channel, names in datalist["channels"].items())
    layout = f"layout: {', '.join(datalist['layout'])}"
    return datalist, [layout, f"channels: {channels}", *_describe(datalist)]


def _slices(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    datalist = build_slices_datalist(
        args.dataset_dir,
        index_file=args.index_file,
        image_pattern=args.image_pattern,
        mask_pattern=args.mask_pattern,
        mode=args.mode,
        min_area=args.min_area,
        min_brain_fraction=args.min_brain_fraction,
        threshold=args.threshold,
        group_column=args.group_column,
        stratify_column=args.stratify_column or None,
        fractions=args.fractions,
        seed=args.seed,
        contiguous=not args.scattered,
        gap=args.gap,
        skip_broken=args.skip_broken,
    )
    return datalist, _describe(datalist)


def _chestxray14(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    datalist = build_chestxray14_datalist(
        args.dataset_dir,
        classes=args.classes,
        val_fraction=args.val_fraction,
        test_fraction=args.test_fraction,
        seed=args.seed,
        skip_missing=args.skip_missing,
        drop_unlabeled_boxes=args.drop_unlabeled_boxes,
        progress=not args.quiet,
    )
    counts = datalist["counts"]
    table = [["images / boxes", *counts]]
    for what in ("patients", "images", "negative"):
        table.append([what, *(str(here[what]) for here in counts.values())])
    for name in datalist["class_names"]:
        table.append([name, *(f"{here['findings'][name]} / {here['boxes'][name]}" for here in counts.values())])
    return datalist, ["".join(f"{cell:>16}" if place else f"{cell:20}" for place, cell in enumerate(r)) for r in table]


def _describe(datalist: dict[str, Any]) -> list[str]:
    lines = []
    for section, counts in datalist["counts"].items():
        counted = ", ".join(f"{count} {what}" for what, count in counts.items())
        lines.append(f"{section}: {counted}; width AUC {datalist['leak'][section]['width_auc']:.3f}")
    return [*lines, "width AUC: how well the brain's width in a half alone tells its label (0.5: not at all, 1: fully)"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m monai_dd.data.datalists", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    default = "(default: %(default)s)"

    fdg = commands.add_parser("fdg", help="FDG-PET studies: folders of DICOM series and a CSV of patients and labels")
    fdg.add_argument("--dataset_dir", required=True, help="folder that holds the series folders")
    fdg.add_argument("--labels", help="CSV: patient_id, series, label[, mask] (default: DATASET_DIR/labels.csv)")
    fdg.set_defaults(run=_fdg)

    what = "MRI with tumor masks as in BraTS 2018 to 2023 or MSD Task01: halves of axial slices"
    brats = commands.add_parser("brats", help=what, description=what)
    brats.add_argument("--dataset_dir", required=True, help="folder of the studies, in sub-folders or not")
    brats.add_argument("--slice_step", type=int, default=1, help=f"use each SLICE_STEP-th slice {default}")
    brats.add_argument("--num_workers", type=int, default=0, help=f"processes that read; 0: this one reads {default}")
    brats.add_argument("--quiet", action="store_true", help="show no progress bar")
    brats.set_defaults(run=_brats)

    what = "2D slices with tumor masks, pictures and a CSV: halves of them"
    slices = commands.add_parser("slices", help=what, description=what)
    slices.add_argument("--dataset_dir", required=True, help="folder that all paths are relative to")
    slices.add_argument("--index_file", default="index.csv", help=f"CSV, a row for each slice in order {default}")
    slices.add_argument(
        "--image_pattern",
        default="images/{slice:04d}.jpg",
        help=f"path of a picture, columns in braces; not used if the CSV has the columns image and mask {default}",
    )
    slices.add_argument("--mask_pattern", default="masks/{slice:04d}.png", help=f"path of its mask {default}")
    slices.add_argument(
        "--threshold", type=float, default=0.05, help=f"brain is what exceeds this fraction of the maximum {default}"
    )
    slices.add_argument("--group_column", default="block", help=f"what must stay in one section {default}")
    slices.add_argument(
        "--stratify_column", default="diagnosis", help=f"what all sections get in proportion; '' for nothing {default}"
    )
    slices.add_argument(
        "--fractions",
        type=float,
        nargs=3,
        default=(0.6, 0.2, 0.2),
        help="shares of training, validation and test, in groups (default: 0.6 0.2 0.2)",
    )
    slices.add_argument("--scattered", action="store_true", help="deal groups out at random, neighbors or not")
    slices.add_argument("--gap", type=int, default=0, help=f"rows to leave out where two sections meet {default}")
    slices.set_defaults(run=_slices)

    what = "ChestX-ray14: chest X-rays with labels of fourteen findings and boxes"
    chest = commands.add_parser("chestxray14", help=what, description=what)
    chest.add_argument("--dataset_dir", required=True, help="folder of the tables (CSV, TXT) and of the image folders")
    chest.add_argument(
        "--classes", nargs="+", choices=FINDINGS, metavar="FINDING", help="findings to keep (default: all fourteen)"
    )
    chest.add_argument(
        "--val_fraction", type=float, default=0.1, help=f"share of the patients that are not in the test part {default}"
    )
    chest.add_argument(
        "--test_fraction", type=float, help="share of the test part, only without test_list.txt (default: 0.25)"
    )
    chest.add_argument("--skip_missing", action="store_true", help="leave out images that are not there")
    chest.add_argument(
        "--drop_unlabeled_boxes", action="store_true", help="leave out boxes of findings that the image's label lacks"
    )
    chest.add_argument("--quiet", action="store_true", help="show no progress bar")
    chest.set_defaults(run=_chestxray14)

    for command, min_area in ((brats, 1000), (slices, 100)):
        command.add_argument("--mode", choices=MODES, default="boundary", help=f"the cut {default}")
        command.add_argument(
            "--min_area", type=int, default=min_area, help=f"least tumor of a positive half, in pixels {default}"
        )
        command.add_argument(
            "--min_brain_fraction",
            type=float,
            default=0.02,
            help=f"least brain of a negative half, as a fraction of the slice {default}",
        )
        command.add_argument(
            "--skip_broken", "--skip-broken", action="store_true", help="leave broken ones out, with a warning each"
        )
    for command in (fdg, brats):
        command.add_argument("--val_fraction", type=float, default=0.2, help=f"share of the validation part {default}")
    for command in (fdg, brats, slices, chest):
        command.add_argument("--output", help="data list to write (default: DATASET_DIR/datalist.json)")
        command.add_argument("--seed", type=int, default=0, help=f"seed of the split {default}")
    return parser


def _print_warning(message: Warning, *_: object) -> None:
    print(f"warning: {message}", file=sys.stderr)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 2 for bad input."""
    args = _parser().parse_args(argv)
    output = Path(args.output or Path(args.dataset_dir) / "datalist.json")
    try:
        if args.output and not output.parent.is_dir():
            raise ValueError(f"output: expected a path in a folder, {output.parent.name!r} is not there")
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _print_warning
            datalist, lines = args.run(args)
        save_datalist(datalist, output)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join([*lines, f"written: {output}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
