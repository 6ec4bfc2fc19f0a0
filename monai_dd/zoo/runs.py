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
"""Several variants, several seeds, one command: each run is ``python -m monai.bundle run``, one after the other.

Command line: ``python -m monai_dd.zoo runs --help``.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

__all__ = ["RunSpec", "collect_runs", "run_variants"]

RUNS_FILE = "runs.csv"
COLUMNS = ("variant", "seed", "metric", "value")


@dataclass(frozen=True)
class RunSpec:
    """One row of a table of runs.

    Attributes:
        variant: overlay of the variant, such as ``variant_exact``.
        weights_of: variant whose weights are evaluated; this one is then not trained.
        extra: overlays that go over its evaluation only.
    """

    variant: str
    weights_of: str | None = None
    extra: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> RunSpec:
        """Read ``VARIANT[:WEIGHTS_OF][+OVERLAY...]``."""
        name, *extra = text.split("+")
        variant, _, weights_of = name.partition(":")
        return cls(variant, weights_of or None, tuple(extra))

    @property
    def name(self) -> str:
        """Name of the row: the variant without its prefix."""
        return self.variant.removeprefix("variant_")


def run_variants(
    bundle_root: str | Path,
    specs: Sequence[RunSpec],
    seeds: Sequence[int],
    output_dir: str | Path,
    overlays: Sequence[str] = (),
    evaluate: Sequence[str] = ("evaluate",),
    split: str = "validation",
    options: Sequence[str] = (),
    progress: bool = True,
) -> Path:
    """Train each variant with each seed and evaluate it; what is there already is not run again.

    A run has the folder ``output_dir/seed<seed>/<variant>``, with a log of each step; the weights of one seed lie
    together in ``output_dir/seed<seed>/models``, so variants start from the baseline of their seed if it comes first.
    A training that was stopped goes on where it stopped.

    Args:
        bundle_root: the bundle.
        specs: variants in the order in which they run.
        seeds: of weights, order and augmentation.
        output_dir: folder of all runs and of ``runs.csv``.
        overlays: configurations behind the variant, in training and evaluation.
        evaluate: configurations that turn training into evaluation.
        split: section of the data list that is evaluated.
        options: further options of ``monai.bundle run``, such as ``--image_size [96,96]``.
        progress: show a progress bar.

    Returns:
        path of ``runs.csv``: variant, seed, metric, value.

    Raises:
        ValueError: for configurations or weights that are not there, or when a run fails; the message names its log.
    """
    root, out = Path(bundle_root).resolve(), Path(output_dir).resolve()
    names = {"train", *evaluate, *overlays, *(name for spec in specs for name in (spec.variant, *spec.extra))}
    absent = sorted(name for name in names if not (root / "configs" / f"{name}.json").is_file())
    if absent:
        raise ValueError(f"expected configurations of the bundle {root.name!r}, these are not there: {absent}")
    steps = [(seed, spec) for seed in seeds for spec in specs]
    for seed, spec in tqdm(steps, desc="runs", unit="run", disable=not progress):
        place = out / f"seed{seed}"
        source = RunSpec(spec.weights_of).name if spec.weights_of else spec.name
        folders = {"ckpt_dir": place / "models", "output_dir": place / spec.name}
        flags = [part for key, value in folders.items() for part in (f"--{key}", str(value))]
        flags += ["--seed", str(seed), "--model_name", f"{source}.pt", *options]
        trained = place / spec.name / "trained"
        if spec.weights_of is None and not trained.is_file():
            _bundle_run(root, ["train", spec.variant, *overlays], [*flags, "--resume", "True"], place / spec.name)
            trained.touch()
        if not (place / "models" / f"{source}.pt").is_file():
            raise ValueError(f"{spec.variant}: expected the weights {source}.pt of seed {seed}; train that one first")
        results = place / spec.name / split
        if not (results / "metrics.csv").is_file():
            flags[flags.index("--output_dir") + 1] = str(results)
            configs = ["train", *evaluate, *spec.extra, spec.variant, *overlays]
            _bundle_run(root, configs, [*flags, "--split", split], results)
    return collect_runs(out, split)


def _bundle_run(root: Path, names: Sequence[str], flags: Sequence[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    files = repr([str(root / "configs" / f"{name}.json") for name in names])
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", files, "--bundle_root", str(root), *flags]
    with open(log, "w", encoding="utf-8") as file:
        status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode
    if status != 0:
        raise ValueError(f"{' + '.join(names)} ended with exit status {status}; its log is {os.path.relpath(log)}")


def collect_runs(output_dir: str | Path, split: str = "validation") -> Path:
    """Gather the metrics of all runs of one split below ``output_dir`` in ``runs.csv``; returns its path.

    Raises:
        ValueError: when there are none.
    """
    out = Path(output_dir)
    rows = []
    for path in sorted(out.glob(f"seed*/*/{split}/metrics.csv")):
        variant, seed = path.parents[1].name, path.parents[2].name.removeprefix("seed")
        with open(path, newline="", encoding="utf-8") as file:
            rows += [(variant, seed, line[0], line[1]) for line in csv.reader(file) if len(line) == 2]
    if not rows:
        raise ValueError(f"output_dir: expected metrics of the split {split!r} below {out.name!r}, found none")
    target = out / f"{split}_{RUNS_FILE}"
    with open(target, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return target
