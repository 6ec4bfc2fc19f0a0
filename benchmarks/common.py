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
"""What the benchmarks share: options, the clock, measurements in turns, and the CSV file."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NoReturn

import torch


class BenchmarkParser(argparse.ArgumentParser):
    """Options that every benchmark has; each says what is wrong in one line."""

    def __init__(self, name: str, description: str | None, repeats: int) -> None:
        example = f"example:\n  python benchmarks/{name}.py --repeats {repeats} --output runs/{name}.csv"
        style = argparse.RawDescriptionHelpFormatter
        super().__init__(name, description=description, epilog=example, formatter_class=style)
        self.add_argument("--repeats", type=int, default=repeats, help="turns; medians count (default: %(default)s)")
        self.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
        self.add_argument("--threads", type=int, default=1, help="threads of torch on the CPU (default: 1)")
        self.add_argument("--output", type=Path, default=Path(f"runs/{name}.csv"), help="CSV (default: %(default)s)")

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")

    def read(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Parse and check: every whole number is 1 or more, and the device is there."""
        args = self.parse_args(argv)
        for name, value in vars(args).items():
            for number in value if isinstance(value, list) else [value]:
                if type(number) is int and number < 1:
                    self.error(f"--{name}: expected 1 or more, got {number}")
        if args.device.partition(":")[0] not in ("cpu", "cuda"):
            self.error(f"--device: expected cpu or cuda, got {args.device!r}")
        if args.device.startswith("cuda") and not torch.cuda.is_available():
            self.error(f"--device: expected a device that is there, got {args.device!r} and torch sees no CUDA")
        torch.set_num_threads(args.threads)
        return args


def seconds(function: Callable[[], object], device: str) -> float:
    """Time of one call."""
    start = perf_counter()
    function()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return perf_counter() - start


def in_turns(clocks: Sequence[Callable[[], float]], repeats: int) -> list[list[float]]:
    """Times of each; every second turn goes backwards, so that what else the machine does hits all."""
    times: list[list[float]] = [[] for _ in clocks]
    for repeat in range(repeats):
        for k in range(len(clocks)) if repeat % 2 == 0 else reversed(range(len(clocks))):
            times[k].append(clocks[k]())
    return times


def ratio(ours: Iterable[float], theirs: Iterable[float]) -> float:
    """Median of the ratios of the turns: both times of a turn are neighbors on the clock."""
    return median(own / other for own, other in zip(ours, theirs, strict=True))


def write_rows(path: Path, fields: Sequence[str], rows: Iterable[dict[str, Any]], show: bool = True) -> None:
    """Write each row as soon as it is measured, and print it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fields)
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            stream.flush()
            if show:
                print(", ".join(f"{key} {value}" for key, value in row.items() if value != ""), flush=True)
    print(f"written to {path}")
