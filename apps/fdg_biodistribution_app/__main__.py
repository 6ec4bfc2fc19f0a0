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
"""Command line of the app: ``python apps/fdg_biodistribution_app -i SERIES -o OUT -m BUNDLE``."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import sys
import warnings
from ctypes import CDLL, RTLD_GLOBAL
from pathlib import Path

EXIT_CODES = """
exit codes: 0 results written; 1 unexpected error; 2 bad arguments; 3 input refused; 4 bundle refused;
5 output could not be written. status.json in the output folder says the same, with the reason in one line.
Research use only. Not for diagnosis.
"""


def preload_cuda_runtime() -> None:
    """Load the CUDA runtime library that Holoscan links to from its own package, so that no CUDA need be installed."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or [] if spec else []:
        for library in sorted(Path(folder).glob("cu*/lib/libcudart.so.*")):
            CDLL(str(library), mode=RTLD_GLOBAL)
            return


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """MONAI Deploy's arguments; what is not given comes from the environment of a MONAI Application Package."""
    parser = argparse.ArgumentParser(
        prog="fdg_biodistribution_app",
        description="Classify the muscular FDG biodistribution of a PET series and show where the network looked.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    text = "%s (default: the environment variable %s)"
    for short, name, what in (
        ("-i", "input", "folder of one PET series"),
        ("-o", "output", "folder of the results"),
        ("-m", "model", "folder of the bundle"),
    ):
        variable = f"HOLOSCAN_{name.upper()}_PATH"
        default = os.environ.get(variable)
        parser.add_argument(
            short, f"--{name}", type=Path, default=default, required=default is None, help=text % (what, variable)
        )
    levels = ("DEBUG", "INFO", "WARN", "ERROR", "CRITICAL")
    parser.add_argument("-l", "--log-level", type=str.upper, choices=levels, default="INFO", help="default: INFO")
    args = parser.parse_args(argv)
    for name in ("input", "model"):
        if not getattr(args, name).is_dir():
            parser.error(f"--{name}: expected a folder, {getattr(args, name).name!r} is not one")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the app from the command line; returns the exit code."""
    args = parse_arguments(argv)
    level = logging.DEBUG if args.log_level == "DEBUG" else logging.ERROR
    logging.basicConfig(level=level, format="%(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("fdg_biodistribution_app").setLevel(args.log_level)
    os.environ.setdefault("HOLOSCAN_LOG_LEVEL", "DEBUG" if args.log_level == "DEBUG" else "ERROR")
    warnings.simplefilter("ignore")  # of libraries; warnings about the series' SUV are in result.json
    preload_cuda_runtime()
    from app import run_app  # imports MONAI and with it Holoscan, which must find the CUDA runtime

    return run_app(args.input.resolve(), args.output.resolve(), args.model.resolve())


if __name__ == "__main__":
    sys.exit(main())
