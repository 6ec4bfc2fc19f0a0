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
"""Several variants, several seeds: each run is ``python -m monai.bundle run``, one after the other.

Command line: ``monai-dd runs --help``.
"""

from __future__ import annotations

import csv
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from monai_dd.evaluation.files import read_csv, write_csv
from monai_dd.evaluation.schema import METRICS_FILE, RUNS_COLUMNS, RUNS_FILE

__all__ = ["RunSpec", "collect_runs", "read_runs", "run_variants"]

Runs = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class RunSpec:
    """One row of a table of runs.

    Attributes:
        variant: overlay of the variant, such as ``variant_exact``.
        weights_of: variant whose weights are evaluated; this one is then not trained.
        extra: overlays that go over its evaluation only.
        options: further options of this row alone, each a name such as ``--loss#gamma`` followed by its value.

    Example:
        >>> spec = RunSpec.parse("variant_cvx:variant_unconstrained_gated+evaluate_patches")
        >>> spec.name, spec.weights_of, spec.extra
        ('cvx', 'variant_unconstrained_gated', ('evaluate_patches',))
    """

    variant: str
    weights_of: str | None = None
    extra: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> RunSpec:
        """Read ``VARIANT[:WEIGHTS_OF][+OVERLAY...]``, with options after it such as ``--loss#gamma 0``.

        Raises:
            ValueError: for options that are not pairs of ``--name`` and value.
        """
        configurations, *options = shlex.split(text)
        if len(options) % 2 or not all(option.startswith("--") for option in options[::2]):
            raise ValueError(f"variants: expected options as --name value after {configurations!r}, got {options}")
        name, *extra = configurations.split("+")
        variant, _, weights_of = name.partition(":")
        return cls(variant, weights_of or None, tuple(extra), tuple(options))

    @property
    def name(self) -> str:
        """Name of the row: the variant without its prefix, and its own options, as in ``loss_attention,gamma=0``."""
        pairs = zip(self.options[::2], self.options[1::2])
        own = "".join(f",{option.split('#')[-1].lstrip('-')}={value}" for option, value in pairs)
        return self.variant.removeprefix("variant_") + own.replace(os.sep, "_")


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

    A run has the folder ``output_dir/seed<seed>/<variant>``, with the log and the command of each step; the weights of
    one seed lie together in ``output_dir/seed<seed>/models``, so variants start from the baseline of their seed if it
    comes first. A training that was stopped goes on where it stopped. Results of another command are refused rather
    than mixed in.

    Args:
        bundle_root: the bundle.
        specs: variants in the order in which they run.
        seeds: of weights, order and augmentation.
        output_dir: folder of all runs and of the table.
        overlays: configurations after the variant, in training and evaluation.
        evaluate: configurations that turn training into evaluation.
        split: of the data list that is evaluated.
        options: further options of ``monai.bundle run``, such as ``--image_size [96,96]``.
        progress: show a progress bar.

    Returns:
        path of ``<split>_runs.csv``, with the columns variant, seed, metric, value.

    Raises:
        ValueError: for configurations or weights that are not there, results of another command, or when a run fails;
            the message names its log.

    Example:
        >>> specs = [RunSpec("variant_baseline"), RunSpec("variant_exact")]
        >>> bundle = "bundles/fdg_pet_biodistribution_classification"
        >>> run_variants(bundle, specs, seeds=(0, 1, 2), output_dir="runs")  # doctest: +SKIP
        PosixPath('.../runs/validation_runs.csv')
        >>> run_variants("no_bundle", specs, seeds=(0, 1, 2), output_dir="runs", evaluate=())
        Traceback (most recent call last):
        ValueError: variants, overlays: expected configurations of the bundle 'no_bundle', got unknown
        ones: train, variant_baseline, variant_exact
    """
    root, out = Path(bundle_root).resolve(), Path(output_dir).resolve()
    names = {"train", *evaluate, *overlays, *(name for spec in specs for name in (spec.variant, *spec.extra))}
    absent = sorted(name for name in names if not (root / "configs" / f"{name}.json").is_file())
    if absent:
        raise ValueError(
            f"variants, overlays: expected configurations of the bundle {root.name!r}, got unknown ones: "
            f"{', '.join(absent)}"
        )
    steps = [(seed, spec) for seed in seeds for spec in specs]
    for seed, spec in tqdm(steps, desc="runs", unit="run", disable=not progress):
        models, folder = out / f"seed{seed}" / "models", out / f"seed{seed}" / spec.name
        source = RunSpec(spec.weights_of).name if spec.weights_of else spec.name
        flags = ["--seed", str(seed), "--model_name", f"{source}.pt", *options, *spec.options]
        if spec.weights_of is None:
            _bundle_run(root, ["train", spec.variant, *overlays], [*flags, "--resume", "True"], models, folder)
        if not (models / f"{source}.pt").is_file():
            raise ValueError(f"{spec.variant}: expected the weights {source}.pt of seed {seed}; train that one first")
        configs = ["train", *evaluate, *spec.extra, spec.variant, *overlays]
        _bundle_run(root, configs, [*flags, "--split", split], models, folder / split)
    return collect_runs(out, [spec.name for spec in specs], seeds, split)


def _bundle_run(root: Path, names: Sequence[str], flags: Sequence[str], models: Path, folder: Path) -> None:
    """Run configurations, unless ``folder/done.txt`` has the same command, which then has been run to its end.

    ``folder/command.txt`` has the command that has been begun there: another one does not go on with it.
    """
    log, begun, done = folder / "log.txt", folder / "command.txt", folder / "done.txt"
    command = " ".join([*names, *flags])
    for file in (done, begun):
        if file.is_file() and file.read_text(encoding="utf-8") != command:
            where = os.path.relpath(folder)
            raise ValueError(
                f"output_dir: expected results of this command or none in {where}, got others, see its {file.name}"
            )
    if done.is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    begun.write_text(command, encoding="utf-8")
    files = repr([str(root / "configs" / f"{name}.json") for name in names])
    folders = ["--bundle_root", str(root), "--ckpt_dir", str(models), "--output_dir", str(folder)]
    status = _execute(["-m", "monai.bundle", "run", "--config_file", files, *folders, *flags], log)
    if status != 0:
        raise ValueError(f"{' + '.join(names)} ended with exit status {status}; its log is {os.path.relpath(log)}")
    done.write_text(command, encoding="utf-8")


def _execute(arguments: Sequence[str], log: Path) -> int:
    with open(log, "w", encoding="utf-8") as file:
        return subprocess.run([sys.executable, *arguments], stdout=file, stderr=subprocess.STDOUT).returncode


def collect_runs(
    output_dir: str | Path, variants: Sequence[str], seeds: Sequence[int] | None = None, split: str = "validation"
) -> Path:
    """Gather the metrics of runs of one split in ``output_dir/<split>_runs.csv``; returns its path.

    Args:
        output_dir: folder of all runs.
        variants: rows in their order, without ``variant_``.
        seeds: seeds; all that ``output_dir`` has by default.
        split: that was evaluated.

    Raises:
        ValueError: when a run has no metrics, or there is none.

    Example:
        >>> from tempfile import mkdtemp
        >>> out = Path(mkdtemp())
        >>> _ = write_csv(out / "seed0/exact/test/metrics.csv", ("val_auc", 0.9), [])
        >>> print(collect_runs(out, ["exact"], split="test").read_text(), end="")
        variant,seed,metric,value
        exact,0,val_auc,0.9
    """
    out = Path(output_dir)
    if seeds is None:
        seeds = sorted(int(path.name.removeprefix("seed")) for path in out.glob("seed*"))
    if not seeds:
        raise ValueError(f"output_dir: expected runs in {out.name!r}, found none")
    rows = []
    for variant in variants:
        for seed in seeds:
            path = out / f"seed{seed}" / variant / split / METRICS_FILE
            if not path.is_file():
                raise ValueError(f"output_dir: expected metrics in {os.path.relpath(path)}, found none")
            with open(path, newline="", encoding="utf-8") as file:
                rows += [(variant, seed, line[0], line[1]) for line in csv.reader(file) if len(line) == 2]
    return write_csv(out / RUNS_FILE.format(split), RUNS_COLUMNS, rows)


def read_runs(path: str | Path) -> Runs:
    """Read ``<split>_runs.csv`` as the values of each variant's metrics, one a seed.

    Metrics lose the prefix ``val_``.

    Raises:
        ValueError: one line when the file or one of the columns is not there, or a line has no number.

    Example:
        >>> from tempfile import mkdtemp
        >>> rows = [("exact", 0, "val_auc", 0.9), ("exact", 1, "val_auc", 0.8)]
        >>> path = write_csv(mkdtemp() + "/test_runs.csv", RUNS_COLUMNS, rows)
        >>> read_runs(path)
        {'exact': {'auc': [0.9, 0.8]}}
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"runs: expected a CSV file, {path.name} is not there")
    runs: Runs = {}
    for where, (variant, _, metric, text) in read_csv(path, RUNS_COLUMNS):
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{where}: value: expected a number, got {text!r}") from None
        runs.setdefault(variant, {}).setdefault(metric.removeprefix("val_"), []).append(value)
    return runs
