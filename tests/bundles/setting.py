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
"""What the tests of the bundles share: the bundles, one small set of phantom studies, and runs in this process."""

from __future__ import annotations

import atexit
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from functools import cache
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.bundle import ConfigParser, ConfigWorkflow

from monai_dd.__main__ import main
from monai_dd.data.phantoms import write_brain_phantom_patients, write_chest_phantom_images, write_pet_phantom_studies

__all__ = [
    "BRATS",
    "BUNDLES",
    "CHEST",
    "EVALUATE",
    "FDG",
    "InFolder",
    "ROOT",
    "SMALL",
    "VARIANTS",
    "config_files",
    "launch",
    "parser",
    "phantoms",
    "prepare",
    "read_metrics",
    "run",
    "start_weights",
    "variants_of",
]

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = sorted(p.parents[1] for p in (ROOT / "bundles").glob("*/configs/metadata.json"))
FDG = ROOT / "bundles" / "fdg_pet_biodistribution_classification"
BRATS = ROOT / "bundles" / "brats_mri_tumor_classification"
CHEST = ROOT / "bundles" / "chest_xray_pathology_classification"
EVALUATE = ("train", "evaluate", "evaluate_localization")
# the smallest network and image of the demo overlay in which both levels still have several cells
SMALL = {
    "image_size": [64, 64],
    "encoder#features": 4,
    "embed_dim": 8,
    "augmentation_prob": 0.0,
    "epochs": 1,
    "batch_size": 4,
    "val_batch_size": 4,
}


def variants_of(root: Path) -> list[str]:
    """Names of the variant overlays of a bundle."""
    return sorted(p.stem for p in (root / "configs").glob("variant_*.json"))


VARIANTS = variants_of(FDG)


def config_files(*names: str, root: Path = FDG) -> list[str]:
    """Paths of configurations of a bundle, in the order in which they are merged."""
    return [str(root / "configs" / f"{name}.json") for name in names]


def parser(*names: str, root: Path = FDG, **override: Any) -> ConfigParser:
    """Configurations of a bundle, merged, with overrides, nothing instantiated yet."""
    config = ConfigParser()
    config.read_config(config_files(*names, root=root))
    config.update({"bundle_root": str(root), **override})
    return config


@cache
def phantoms(root: Path = FDG) -> Path:
    """A small data set of phantoms for a bundle with its data list, made once by each process."""
    folder = Path(tempfile.mkdtemp(prefix="monai_dd_phantoms_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    data = folder / "data"
    if root == FDG:
        write_pet_phantom_studies(data, num_studies=12, voxel_size=12, progress=False)
        status = main(["datalist", "fdg", "--dataset_dir", str(data), "--val_fraction", "0.25"])
    elif root == CHEST:
        # 8 images to train on, 7 to validate and 9 to test, of 5, 4 and 5 findings, 10 boxes in the last ones
        write_chest_phantom_images(data, num_patients=14, image_size=64, test_fraction=0.4, progress=False)
        classes = json.loads((root / "configs" / "phantoms.json").read_text())["class_names"]
        options = ["--val_fraction", "0.4", "--classes", *classes, "--quiet"]
        status = main(["datalist", "chestxray14", "--dataset_dir", str(data), *options])
    else:
        write_brain_phantom_patients(data, num_patients=4, spacing=4, progress=False)
        options = ["--val_fraction", "0.25", "--min_area", "60", "--slice_step", "4"]
        status = main(["datalist", "brats", "--dataset_dir", str(data), *options])
    if status != 0:
        raise RuntimeError("the data list of the phantoms could not be written")
    return data


def prepare(*names: str, work: Path, root: Path = FDG, **override: Any) -> ConfigWorkflow:
    """Configurations of a bundle over the phantoms, initialized, as ``monai.bundle run`` does, but not yet run.

    Args:
        names: configurations, in order; ``demo`` is put last.
        work: folder of models and results.
        root: the bundle.
        override: values of the configuration, on top of :data:`SMALL`.
    """
    folders = {"ckpt_dir": str(work / "models"), "output_dir": str(work / "eval")}
    data = {"dataset_dir": str(phantoms(root)), "cache_dir": str(phantoms(root).parent / "cache")}
    only_train = set() if "train" in names else {"epochs", "val_batch_size", "augmentation_prob"}
    small = {k: v for k, v in SMALL.items() if k not in only_train}
    workflow = ConfigWorkflow(
        config_files(*names, "demo", root=root),
        logging_file=False,
        workflow_type="train" if "train" in names else "infer",
        bundle_root=str(root),
        **{**folders, **data, **small, **override},
    )
    workflow.initialize()
    return workflow


def run(*names: str, work: Path, root: Path = FDG, **override: Any) -> ConfigWorkflow:
    """:func:`prepare` and run; ``workflow.parser.get_parsed_content(id)`` gives the parts afterwards."""
    workflow = prepare(*names, work=work, root=root, **override)
    workflow.run()
    workflow.finalize()
    return workflow


def launch(*names: str, work: Path, root: Path = FDG, **override: Any) -> subprocess.CompletedProcess:
    """Run configurations of a bundle in two processes, as ``torchrun`` does; arguments as in :func:`prepare`."""
    files = "[" + ",".join(f"'{f}'" for f in config_files(*names, "demo", root=root)) + "]"
    folders = {"ckpt_dir": work / "models", "output_dir": work / "eval", "cache_dir": phantoms(root).parent / "cache"}
    options = {"bundle_root": root, "dataset_dir": phantoms(root), **folders, **SMALL, **override}
    flags = [part for key, value in options.items() for part in (f"--{key}", str(value))]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    return subprocess.run(
        [*launcher, "-m", "monai.bundle", "run", "--config_file", files, *flags],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def start_weights(workflow: ConfigWorkflow) -> dict[str, torch.Tensor]:
    """Run a prepared training; the weights before its first step."""
    trainer = workflow.parser.get_parsed_content("train#trainer")
    start: dict[str, torch.Tensor] = {}

    def note() -> None:
        start.update({k: w.clone() for k, w in trainer.network.state_dict().items()})

    trainer.add_event_handler(Events.ITERATION_STARTED(once=1), note)
    workflow.run()
    return start


def read_metrics(path: Path) -> dict[str, float]:
    """Metrics as ``MetricsSaver`` writes them."""
    with open(path, newline="") as file:
        return {row[0]: float(row[1]) for row in csv.reader(file) if row}


class InFolder(unittest.TestCase):
    """Tests with a folder of their own, ``self.work``."""

    def setUp(self):
        self.work = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
