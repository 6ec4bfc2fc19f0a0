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
"""Command line of the zoo: ``python -m monai_dd.commands.zoo --help``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from monai_dd.bundle.compose import compose_bundle
from monai_dd.evaluation.runs import RunSpec, collect_runs, read_runs, run_variants
from monai_dd.evaluation.tables.runs import format_table, summarize_runs

__all__ = ["main"]


def _compose(args: argparse.Namespace, _: list[str]) -> None:
    print(compose_bundle(args.bundle_root, args.overlays, args.output_dir, args.model_file, args.data_source))


def _runs(args: argparse.Namespace, options: list[str]) -> None:
    specs = [RunSpec.parse(text) for text in args.variants]
    path = run_variants(
        args.bundle_root, specs, args.seeds, args.output_dir, args.overlays, args.evaluate, args.split, options
    )
    _print_table(path, args.split)


def _table(args: argparse.Namespace, _: list[str]) -> None:
    variants = [RunSpec.parse(text).name for text in args.variants]
    _print_table(collect_runs(args.output_dir, variants, args.seeds, args.split), args.split)


def _print_table(path: Path, split: str) -> None:
    print(format_table(summarize_runs(read_runs(path))))
    print(f"percent, mean ± standard deviation over seeds, split {split}; every value: {path}")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m monai_dd.commands.zoo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    compose = commands.add_parser("compose", help="write one variant of a bundle as a bundle of its own")
    compose.add_argument("--bundle_root", required=True, help="bundle to start from")
    compose.add_argument("--overlays", nargs="*", default=[], help="configurations to put in, such as variant_exact")
    compose.add_argument("--output_dir", required=True, help="folder of the new bundle; must not exist")
    compose.add_argument("--model_file", help="weights to take along as models/model.pt")
    compose.add_argument("--data_source", help="what the weights were trained on, for metadata.json")
    compose.set_defaults(run=_compose)
    runs = commands.add_parser(
        "runs",
        help="train and evaluate several variants with several seeds, and print the table",
        description="Train and evaluate several variants with several seeds, one after the other, and print mean and "
        "standard deviation over the seeds. What is there already is not run again. Options that are not listed here, "
        "such as --epochs 3, go to every 'python -m monai.bundle run'.",
        allow_abbrev=False,
    )
    runs.add_argument("--bundle_root", default=".", help="the bundle (default: this folder)")
    runs.add_argument(
        "--variants",
        nargs="+",
        required=True,
        metavar="VARIANT[:WEIGHTS_OF][+OVERLAY...]",
        help="overlays in the order in which they run, the baseline first; behind ':' the variant whose weights are "
        "evaluated instead of training; behind '+' overlays for its evaluation; in quotes also options of this row "
        "alone, which are in its name: 'variant_dual --loss#alpha 1'",
    )
    runs.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="seeds (default: 0 1 2)")
    runs.add_argument("--overlays", nargs="*", default=[], help="configurations behind the variant, in order")
    runs.add_argument("--evaluate", nargs="+", default=["evaluate"], help="configurations that evaluate")
    runs.add_argument("--split", default="validation", help="section that is evaluated (default: validation)")
    runs.add_argument("--output_dir", required=True, help="folder of all runs")
    runs.set_defaults(run=_runs)
    table = commands.add_parser("table", help="print the table of runs that have been made")
    table.add_argument("--variants", nargs="+", required=True, metavar="VARIANT", help="rows in their order")
    table.add_argument("--seeds", nargs="+", type=int, help="seeds (default: all)")
    table.add_argument("--split", default="validation", help="section that was evaluated (default: validation)")
    table.add_argument("--output_dir", required=True, help="folder of all runs")
    table.set_defaults(run=_table)
    args, options = parser.parse_known_args(argv)
    if options and args.command != "runs":
        parser.error(f"unrecognized arguments: {' '.join(options)}")
    try:
        args.run(args, options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
