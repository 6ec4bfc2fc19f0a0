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
"""All that is to be measured on a GPU, in one run of less than eight minutes: prepared on the CPU, run where a card is.

Parts: ``phantoms`` are written (on the CPU); ``train`` is one epoch of each bundle by ``torchrun`` with the overlay
``multi_gpu_train``, in mixed precision and channels-last (BraTS at 256x256 in batches of 64); ``agreement`` evaluates
those weights on the CPU and on the device, in float32, and compares every metric; ``benchmarks`` are the other
benchmarks of this folder with their ratios. A part that fails is written down with its last line, and the rest runs.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import torch
from common import BenchmarkParser, write_rows

ROOT = Path(__file__).resolve().parents[1]
FIELDS = ["part", "case", "measured", "value"]
PARTS = ("phantoms", "train", "agreement", "benchmarks")
# float32 sums in another order move probabilities by about 1e-5, without TF32; a metric of ranks is a sum of steps, and
# moves only where two values are closer than that
TOLERANCE = 1e-3
LIMIT = 600  # seconds of one command
RATIOS = ("speedup", "share_percent", "times_peer", "times_peer_alike", "times_first", "times_plain", "network_share")
PEAK = "$print('peak_mib', torch.cuda.max_memory_allocated() // 2**20 if torch.cuda.is_available() else 0)"


class Bundle(NamedTuple):
    """A bundle, its phantoms, its data list, and what its configuration is given."""

    folder: str
    kind: str
    phantoms: Mapping[str, object]
    datalist: Sequence[str]
    overlays: Sequence[str]
    options: Mapping[str, object]


_FDG = ("fdg_pet_biodistribution_classification", "pet")
_BRATS = ("brats_mri_tumor_classification", "brain")
_CHEST = ("chest_xray_pathology_classification", "chest")
_CHEST_LIST = "chestxray14 --val_fraction 0.2 --quiet --classes"
_FINDINGS = "Atelectasis Cardiomegaly Effusion Infiltration Mass Nodule Pneumothorax"  # of phantoms.json
_SMALL = {"image_size": "[64,64]", "encoder#features": 4, "embed_dim": 8, "batch_size": 4, "val_batch_size": 4}
_SMALL |= {"num_workers": 0}
FULL = (
    Bundle(*_FDG, {"num_studies": 48, "voxel_size": 8}, ["fdg"], [], {"batch_size": 16, "val_batch_size": 8}),
    Bundle(
        *_BRATS,
        {"num_patients": 20, "spacing": 2},
        ["brats", "--min_area", "120"],
        [],
        {"image_size": "[256,256]", "batch_size": 64},
    ),
    Bundle(*_CHEST, {"num_patients": 120, "image_size": 256}, f"{_CHEST_LIST} {_FINDINGS}".split(), ["phantoms"], {}),
)
QUICK = (
    Bundle(*_FDG, {"num_studies": 12, "voxel_size": 12}, ["fdg", "--val_fraction", "0.25"], ["demo"], _SMALL),
    Bundle(
        *_BRATS,
        {"num_patients": 4, "spacing": 4},
        "brats --val_fraction 0.25 --min_area 60 --slice_step 4".split(),
        ["demo"],
        _SMALL,
    ),
    Bundle(
        *_CHEST,
        {"num_patients": 14, "image_size": 64, "test_fraction": 0.4},
        f"{_CHEST_LIST} {_FINDINGS}".replace("0.2", "0.4").split(),
        ["demo", "phantoms"],
        _SMALL,
    ),
)
# name: options on a card, and small ones
BENCHMARKS = {
    "closed_form": ("--parts network --batch 8", "--parts network --size 64 --batch 1"),
    "training_step": (
        "--image_size 256 --batch_size 64 --steps 2",
        "--image_size 32 --batch_size 2 --steps 1 --variants exact",
    ),
    "explanation_metrics": (
        "--curve_images 32 --batch_size 64",
        "--images 4 --map_size 16 --curve_images 2 --curve_size 32 --fractions 3 --batch_size 4",
    ),
    "patch_strides": ("--features 64 --batch_size 48", "--features 2 --batch_size 2"),
    "adversarial_step": (
        "--image_size 224 --batch_size 32 --amp --steps 2",
        "--image_size 32 --batch_size 2 --num_blocks 1 --steps 1",
    ),
}


class FailedError(Exception):
    """A command that did not end well; the message is its last line."""


def flags(options: Mapping[str, object]) -> list[str]:
    """Options of a command line."""
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]


def last_error(text: str) -> str:
    """The last line that names an exception: ``torchrun`` prints its own summary after it; else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it printed nothing"]
    named = [line for line in lines if re.match(r"(\[rank\d+\]: *)?[\w.]*(Error|Exception): ", line)]
    return ([line for line in named if "ChildFailedError" not in line] or lines)[-1]


def execute(command: Sequence[object], more: Mapping[str, str] | None = None) -> tuple[str, float]:
    """What a command prints, and its seconds.

    Raises:
        FailedError: when it fails, or takes longer than ``LIMIT``.
    """
    start = perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(more or {})}
    words = [str(word) for word in command]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=ROOT, env=environment, start_new_session=True, **streams) as process:
        try:
            printed, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)  # torchrun's processes, too
            raise FailedError(f"expected less than {LIMIT} s") from error
    if process.returncode != 0:
        raise FailedError(last_error(errors or printed))
    return printed, perf_counter() - start


def bundle_run(
    bundle: Bundle, work: Path, names: Sequence[str], device: str, torchrun: bool, **options: object
) -> list:
    """The command that runs configurations of a bundle on a device."""
    configs = ROOT / "bundles" / bundle.folder / "configs"
    files = [str(configs / f"{name}.json") for name in names]
    own = work / bundle.kind
    if torchrun:
        files.append(str(own / "peak.json"))
        Path(files[-1]).write_text(json.dumps({"+finalize": [PEAK]}))
    given = {
        "bundle_root": ROOT / "bundles" / bundle.folder,
        "dataset_dir": own / "data",
        "cache_dir": own / "cache",
        "ckpt_dir": own / "models",
        "output_dir": own / "eval",
        **bundle.options,
        "device": f"$torch.device('{'cuda:0' if device == 'cuda' else device}')",  # torchrun's process needs a number
        **options,
    }
    start = ["torch.distributed.run", "--standalone", "--nproc_per_node", "1", "-m"] if torchrun else []
    return [sys.executable, "-m", *start, "monai.bundle", "run", "--config_file", str(files), *flags(given)]


def compare_metrics(one: Mapping[str, float], two: Mapping[str, float]) -> tuple[str, float]:
    """The metric that differs most, and by how much: infinity where one side lacks it, nothing where both are NaN."""
    if set(one) != set(two) or not one:
        return str(sorted(set(one) ^ set(two))), float("inf")
    apart = {
        name: 0.0 if value != value and two[name] != two[name] else abs(value - two[name])
        for name, value in one.items()
    }
    worst = max(apart, key=lambda name: float("inf") if apart[name] != apart[name] else apart[name])
    return worst, apart[worst] if apart[worst] == apart[worst] else float("inf")


def read_metrics(path: Path) -> dict[str, float]:
    """Metrics as ``MetricsSaver`` writes them."""
    with path.open(newline="") as stream:
        return {row[0]: float(row[1]) for row in csv.reader(stream) if row}


def write_phantoms(bundle: Bundle, work: Path) -> Iterator[tuple[str, object]]:
    data, command = work / bundle.kind / "data", [sys.executable, "-m", "monai_dd"]
    workers = {"num_workers": os.cpu_count() or 1}
    _, first = execute([*command, "phantoms", bundle.kind, *flags({**bundle.phantoms, **workers, "output_dir": data})])
    kind, *rest = bundle.datalist
    _, second = execute([*command, "datalist", kind, "--dataset_dir", data, *rest])
    yield "seconds", f"{first + second:.1f}"


def train(bundle: Bundle, work: Path, device: str) -> Iterator[tuple[str, object]]:
    names = ["train", *bundle.overlays, "variant_exact", "multi_gpu_train"]
    cuda = device.startswith("cuda")
    printed, taken = execute(bundle_run(bundle, work, names, device, True, epochs=1, amp=cuda))
    yield "seconds of an epoch, start and validation included", f"{taken:.1f}"
    found = re.search(r"^peak_mib (\d+)$", printed, re.MULTILINE)
    if cuda:
        yield "peak_mib", found[1] if found else "not found"


def agree(bundle: Bundle, work: Path, device: str) -> Iterator[tuple[str, object]]:
    names, metrics = ["train", "evaluate", *bundle.overlays, "variant_exact"], []
    for where in ("cpu", device):
        folder = work / bundle.kind / f"eval_{len(metrics)}"
        more = {"amp": False, "max_figures": 0, "output_dir": folder}
        # without TF32, which has the precision of half floats; all cores, as the CPU is not measured
        threads = {"NVIDIA_TF32_OVERRIDE": "0", "OMP_NUM_THREADS": str(os.cpu_count() or 1)}
        _, taken = execute(bundle_run(bundle, work, names, where, False, **more), threads)
        yield f"seconds of the evaluation on {where}", f"{taken:.1f}"
        metrics.append(read_metrics(folder / "metrics.csv"))
    name, difference = compare_metrics(*metrics)
    yield f"largest difference of {len(metrics[0])} metrics: {name}", f"{difference:.1e}"
    if not difference <= TOLERANCE:
        raise FailedError(f"metrics differ: expected at most {TOLERANCE}, got {difference:.1e} of {name}")


def read_ratios(path: Path) -> Iterator[tuple[str, str]]:
    """Ratios and peak memory of a benchmark's rows, each under what its row says that it is."""
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            ends = next(i for i, field in enumerate(row) if "seconds" in field)
            words = [*list(row.values())[:ends], row.get("compared_with")]
            name = ", ".join(word for word in words if word)
            for field in (*RATIOS, "peak_mib"):
                if row.get(field):
                    yield f"{name}: {field}", row[field]


def benchmark(name: str, args: argparse.Namespace, work: Path) -> Iterator[tuple[str, object]]:
    output = work / f"{name}.csv"
    options = ["--device", args.device, "--repeats", args.repeats, "--output", output]
    chosen = BENCHMARKS[name][args.quick].split()
    _, taken = execute([sys.executable, ROOT / "benchmarks" / f"{name}.py", *chosen, *options])
    yield "seconds", f"{taken:.1f}"
    yield from read_ratios(output)


def measure(args: argparse.Namespace, work: Path, failed: list[str]) -> Iterator[dict]:
    """A row for each value; what failed is appended to ``failed``."""
    cuda = args.device.startswith("cuda")
    yield dict(zip(FIELDS, ("machine", args.device, "card", torch.cuda.get_device_name() if cuda else "none")))
    yield dict(zip(FIELDS, ("machine", args.device, "torch", f"{torch.__version__}, CUDA {torch.version.cuda}")))
    steps = {
        "phantoms": lambda bundle: write_phantoms(bundle, work),
        "train": lambda bundle: train(bundle, work, args.device),
        "agreement": lambda bundle: agree(bundle, work, args.device),
    }
    start = perf_counter()
    for part in args.parts:
        begin = perf_counter()
        of_bundles = part in steps
        for one in (QUICK if args.quick else FULL) if of_bundles else BENCHMARKS:
            name = one.folder if of_bundles else one
            try:
                for measured, value in steps[part](one) if of_bundles else benchmark(one, args, work):
                    yield dict(zip(FIELDS, (part, name, measured, value), strict=True))
            except FailedError as error:
                failed.append(f"{part} {name}")
                yield dict(zip(FIELDS, (part, name, "failed", error), strict=True))
        yield dict(zip(FIELDS, (part, "all", "seconds", f"{perf_counter() - begin:.1f}"), strict=True))
    yield dict(zip(FIELDS, ("all", "all", "seconds", f"{perf_counter() - start:.1f}"), strict=True))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts; returns 1 when one failed."""
    parser = BenchmarkParser("gpu", __doc__, repeats=3)
    parser.set_defaults(device="cuda")
    parser.add_argument("--quick", action="store_true", help="small networks and data: what a test runs on the CPU")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to run (default: all)")
    parser.add_argument("--work_dir", type=Path, help="phantoms and weights of a run before (default: a new folder)")
    args = parser.read(argv)
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        write_rows(args.output, FIELDS, measure(args, args.work_dir or Path(folder), failed))
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
