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
"""``monai-dd runs``: train and evaluate several variants with several seeds."""

from __future__ import annotations

import argparse

from monai_dd.commands.parser import Commands, add_command
from monai_dd.commands.table import print_runs

__all__ = ["add_parser", "run"]

_EXAMPLE = (
    "runs --bundle_root bundles/brats_mri_tumor_classification --variants variant_baseline variant_exact --seeds 0 1 "
    "--overlays demo --output_dir runs/brats --dataset_dir data/brain --epochs 2"
)


def run(args: argparse.Namespace) -> None:
    """Run what is not there yet and print the table."""
    from monai_dd.evaluation.runs import RunSpec, run_variants

    specs = [RunSpec.parse(text) for text in args.variants]
    path = run_variants(
        args.bundle_root, specs, args.seeds, args.output_dir, args.overlays, args.evaluate, args.split, args.options
    )
    print_runs(path, args.split)


def add_parser(commands: Commands) -> None:
    """Add ``runs``, which hands options that it does not know on to ``monai.bundle run``."""
    parser = add_command(
        commands,
        "runs",
        run,
        _EXAMPLE,
        "train and evaluate several variants with several seeds, and print the table",
        "The runs come one after the other, the table has mean and standard deviation over the seeds. What is there "
        "already is not run again. Options that are not listed here, such as --epochs 3, go to each 'python -m "
        "monai.bundle run'.",
    )
    parser.add_argument("--bundle_root", default=".", metavar="DIR", help="the bundle")
    parser.add_argument(
        "--variants",
        nargs="+",
        required=True,
        metavar="VARIANT[:WEIGHTS_OF][+OVERLAY...]",
        help="overlays in the order in which they run, the baseline first; after ':' the variant whose weights are "
        "evaluated instead of training; after '+' overlays for its evaluation; in quotes also options of this row "
        "alone, which are in its name: 'variant_dual --loss#alpha 1'",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="seeds")
    parser.add_argument("--overlays", nargs="*", default=[], help="configurations after the variant, in order")
    parser.add_argument("--evaluate", nargs="+", default=["evaluate"], help="configurations that evaluate")
    parser.add_argument("--split", default="validation", help="split that is evaluated")
    parser.add_argument("--output_dir", required=True, metavar="DIR", help="folder of all runs")
    parser.set_defaults(options=[])
