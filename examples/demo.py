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
"""The main job from end to end, on phantoms: write DICOM studies, train the baseline and then Dual, evaluate both, run
the app on an unseen series, and show what came out. Every step is a command that you can run yourself."""

from __future__ import annotations

import argparse
import csv
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pydicom
from matplotlib.image import imsave

from monai_dd.dicom import PETSeriesError, load_pet_suv

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "bundles" / "fdg_pet_biodistribution_classification"
APP = ROOT / "apps" / "fdg_biodistribution_app"
VARIANTS = {"baseline": "variant_baseline", "dual": "variant_dual", "exact": "variant_exact"}
EPOCHS = {"baseline": 24, "dual": 40, "exact": 40}


def step(title: str, command: list[str | Path], cwd: Path = ROOT) -> None:
    """Print a command and run it; its failure ends the demo with the same exit status."""
    words = [str(c) for c in command]
    print(f"\n== {title}\n$ {shlex.join(['python', *words])}", flush=True)
    status = subprocess.run([sys.executable, *words], cwd=cwd).returncode
    if status != 0:
        print(f"demo: '{title}' ended with exit status {status}", file=sys.stderr)
        sys.exit(status)


def bundle_run(title: str, configs: list[str], **options: object) -> None:
    """Run the bundle with a list of its configurations."""
    files = "[" + ",".join(f"'configs/{name}.json'" for name in configs) + "]"
    flags = [part for key, value in options.items() for part in (f"--{key}", str(value))]
    step(title, ["-m", "monai.bundle", "run", "--config_file", files, *flags], cwd=BUNDLE)


def read_metrics(path: Path) -> dict[str, float]:
    """Metrics as MONAI's ``MetricsSaver`` writes them: one name and value a line."""
    with open(path, newline="") as file:
        return {row[0]: float(row[1]) for row in csv.reader(file) if len(row) == 2}


def check_series(folder: Path) -> str:
    """What the app would refuse of a series, in one line; empty when it can be read."""
    sys.path.insert(0, str(APP))  # the app is a folder to run, no package
    from series import find_series_folder, without_file_names

    try:
        load_pet_suv(find_series_folder(folder))
    except PETSeriesError as error:
        return without_file_names(str(error), folder)
    return ""


def train_and_evaluate(out: Path, studies: int, seed: int) -> dict[str, dict[str, float]]:
    """Write phantom studies, train and evaluate each variant; the metrics of each."""
    data, models = out / "data", out / "models"
    phantoms = ["-m", "monai_dd", "phantoms", "pet", "--num_studies", studies, "--seed", seed, "--voxel_size", 8]
    step("Phantom PET studies as DICOM", [*map(str, phantoms), "--num_workers", "2", "--output_dir", data])
    step("Patient-disjoint data list", ["-m", "monai_dd", "datalist", "fdg", "--dataset_dir", data])
    common = {"dataset_dir": data, "cache_dir": out / "cache", "ckpt_dir": models, "seed": seed}
    metrics = {}
    for name, overlay in VARIANTS.items():
        options = {**common, "model_name": f"{name}.pt", "output_dir": out / name}
        bundle_run(f"Train {name}", ["train", overlay, "demo"], epochs=EPOCHS[name], **options)
        configs = ["train", "evaluate", "evaluate_localization", overlay, "demo"]
        bundle_run(f"Evaluate {name}", configs, **options)
        metrics[name] = read_metrics(out / name / "metrics.csv")
    return metrics


def print_table(metrics: dict[str, dict[str, float]]) -> None:
    """One line for each variant."""
    columns = {
        "balanced accuracy": "val_balanced_accuracy",
        "consistency gap": "val_consistency_gap",
        "mass in altered muscle, fine": "val_mass_fine",
        "mass in altered muscle, coarse": "val_mass_coarse",
    }
    print("\n== Validation studies (phantoms, patients not seen in training)")
    print(f"{'variant':10s}" + "".join(f"{title:>32s}" for title in columns))
    for name, values in metrics.items():
        print(f"{name:10s}" + "".join(f"{values[key]:32.4f}" for key in columns.values()))
    print("The baseline has no attention: its row is the uniform map, the share that chance gives.")


def main() -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output_dir", default="runs/demo", help="folder of everything the demo makes")
    parser.add_argument("--series", help="folder of your own PET series for the app, instead of the unseen phantom")
    parser.add_argument("--num_studies", type=int, default=96, help="phantom studies (default: 96)")
    parser.add_argument("--seed", type=int, default=0, help="seed of phantoms, split and training (default: 0)")
    args = parser.parse_args()
    out = Path(args.output_dir).resolve()
    series = Path(args.series).expanduser().resolve() if args.series else None
    if series is not None and not series.is_dir():
        print(f"demo: SERIES expected a folder, {args.series} is not one", file=sys.stderr)
        return 2
    refusal = check_series(series) if series is not None else ""  # before minutes of training
    if refusal:
        print(f"demo: SERIES refused: {refusal}", file=sys.stderr)
        return 2
    start = time.monotonic()
    bundle = out / "bundle"
    if series is None or not (bundle / "models" / "model.pt").is_file():
        metrics = train_and_evaluate(out, args.num_studies, args.seed)
        shutil.rmtree(bundle, ignore_errors=True)
        compose = ["-m", "monai_dd", "compose", "--bundle_root", BUNDLE, "--overlays", "variant_dual", "demo"]
        compose += ["--model_file", out / "models" / "dual.pt", "--data_source", "phantoms, no patient data"]
        step("The trained Dual variant as a bundle of its own", [*compose, "--output_dir", bundle])
    else:
        print(f"Using the Dual bundle trained before: {bundle} (remove {out} to train again)")
        metrics = {name: read_metrics(out / name / "metrics.csv") for name in VARIANTS}
    if series is None:
        unseen = ["--num_studies", "1", "--seed", str(args.seed + 10_000), "--label_fractions", "0", "0", "1"]
        phantom = ["-m", "monai_dd", "phantoms", "pet", *unseen, "--voxel_size", "8", "--output_dir", out / "unseen"]
        step("A phantom patient nobody has seen, severely altered", phantom)
        with open(out / "unseen" / "labels.csv", newline="") as file:
            series = out / "unseen" / next(csv.DictReader(file))["series"]
    step("The app", [APP, "-i", series, "-o", out / "app", "-m", bundle])
    picture = out / "app_picture.png"
    imsave(picture, pydicom.dcmread(out / "app" / "attention.dcm").pixel_array)
    print_table(metrics)
    print("\n== What to look at")
    folders = [out / name / "figures" for name in VARIANTS]
    for path in [picture, *sorted((out / "app").iterdir()), *folders, out / "dual" / "tensorboard"]:
        print(f"  {os.path.relpath(path)}")
    print(f"\nTrained on phantoms: nothing here is clinical. {time.monotonic() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
