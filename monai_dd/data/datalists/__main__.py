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
"""Command line of the data lists: ``python -m monai_dd.data.datalists fdg --help``."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from monai_dd.data.datalists.fdg import CLASSES, build_fdg_datalist

__all__ = ["main"]


def _fdg(args: argparse.Namespace) -> None:
    root = Path(args.dataset_dir)
    output = Path(args.output or root / "datalist.json")
    datalist = build_fdg_datalist(root, args.labels or root / "labels.csv", args.val_fraction, args.seed)
    output.write_text(json.dumps(datalist, indent=2) + "\n")
    for section in ("training", "validation"):
        counts = Counter(CLASSES[item["label"]] for item in datalist[section])
        print(f"{section}: {len(datalist[section])} studies, " + ", ".join(f"{counts[c]} {c}" for c in CLASSES))
    print(f"written: {output}")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m monai_dd.data.datalists", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fdg = commands.add_parser("fdg", help="FDG-PET studies: folders of DICOM series and a CSV of patients and labels")
    fdg.add_argument("--dataset_dir", required=True, help="folder that holds the series folders")
    fdg.add_argument("--labels", help="CSV: patient_id, series, label[, mask] (default: DATASET_DIR/labels.csv)")
    fdg.add_argument("--output", help="data list to write (default: DATASET_DIR/datalist.json)")
    fdg.add_argument("--val_fraction", type=float, default=0.2, help="share of the validation part (default: 0.2)")
    fdg.add_argument("--seed", type=int, default=0, help="seed of the split (default: 0)")
    fdg.set_defaults(run=_fdg)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
