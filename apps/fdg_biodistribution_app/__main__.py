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
import contextlib
import importlib.util
import logging
import os
import sys
import warnings
from ctypes import CDLL, RTLD_GLOBAL
from pathlib import Path
from typing import NoReturn

import outcome

__all__ = ["main", "parse_arguments", "preload_cuda_runtime"]

CUDA_RUNTIME = "libcudart.so.13"

EXIT_CODES = """
exit codes: 0 results written; 1 unexpected error; 2 bad arguments; 3 input refused; 4 bundle refused;
5 output could not be written. status.json in the output folder says the same, with the reason in one line.
Research use only. Not for diagnosis.
"""


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit."""
        self.exit(outcome.BAD_ARGUMENTS, f"ERROR bad arguments: {message} (see --help)\n")


def preload_cuda_runtime() -> None:
    """Load the CUDA runtime library that Holoscan links to from its own package, so that no CUDA need be installed."""
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for library in Path(folder).glob(f"*/lib/{CUDA_RUNTIME}"):
            try:
                CDLL(str(library), mode=RTLD_GLOBAL)
            except OSError:
                continue  # Holoscan may still find one that is installed with CUDA
            return


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """MONAI Deploy's arguments; what is not given comes from the environment of a MONAI Application Package."""
    parser = OneLineParser(
        prog="fdg_biodistribution_app",
        description="Classify the muscular FDG biodistribution of a PET series and show where the network looked.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    text = "%s (default: the environment variable %s)"
    for short, name, what in (
        ("-i", "input", "folder of one PET series"),
        ("-o", "output", "folder of the results"),
        ("-m", "model", "folder of the bundle, or a folder with it somewhere below"),
    ):
        variable = f"HOLOSCAN_{name.upper()}_PATH"
        default = os.environ.get(variable) or None
        parser.add_argument(
            short, f"--{name}", type=Path, default=default, required=default is None, help=text % (what, variable)
        )
    parser.add_argument("-w", "--workdir", type=Path, help="accepted as MONAI Deploy does; the app needs none")
    levels = ("DEBUG", "INFO", "WARN", "ERROR", "CRITICAL")
    parser.add_argument("-l", "--log-level", type=str.upper, choices=levels, default="INFO", help="default: INFO")
    args = parser.parse_args(argv)
    args.input, args.output, args.model = (Path(p).resolve() for p in (args.input, args.output, args.model))
    if args.output.is_relative_to(args.input):
        parser.error("--output: expected a folder outside of --input, the results are DICOM too")
    return args


def configure_logging(level: str) -> None:
    """Only the app's own lines are shown, at ``level``: those of libraries may hold header values."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("fdg_biodistribution_app")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)
    logging.getLogger().setLevel(logging.CRITICAL)
    os.environ.setdefault("HOLOSCAN_LOG_LEVEL", "DEBUG" if level == "DEBUG" else "ERROR")
    warnings.simplefilter("ignore")  # of libraries; warnings about the series' SUV are in result.json


def main(argv: list[str] | None = None) -> int:
    """Run the app from the command line; returns the exit code."""
    args = parse_arguments(argv)
    configure_logging(args.log_level)
    preload_cuda_runtime()
    try:
        from app import run_app  # imports Holoscan, which must find the CUDA runtime
    except ImportError as error:
        hint = " (pip install nvidia-cuda-runtime)" if CUDA_RUNTIME in str(error) else ""
        reason = (str(error).splitlines() or ["an import failed"])[0]  # MONAI adds lines that guess at other causes
        with contextlib.suppress(OSError):
            args.output.mkdir(parents=True, exist_ok=True)
        return outcome.refuse(args.output, outcome.UNEXPECTED, f"the app cannot start, {reason}{hint}")
    return run_app(args.input, args.output, args.model)


if __name__ == "__main__":
    sys.exit(main())
