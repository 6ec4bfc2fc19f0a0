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
"""Where the blocks of each page run, what is there before, and which commands are not run, and why."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["NOT_RUN", "PLACES", "Place", "reason_not_to_run"]

FDG, BRATS, CHEST = (
    f"bundles/{name}"
    for name in (
        "fdg_pet_biodistribution_classification",
        "brats_mri_tumor_classification",
        "chest_xray_pathology_classification",
    )
)
FINDINGS = "Atelectasis Cardiomegaly Effusion Infiltration Mass Nodule Pneumothorax"

# what a command starts with (a regular expression): why it is not run, or what runs it
NOT_RUN = {
    r"make demo SERIES=": "tests/examples/test_demo.py",
    r"make bench": "its commands are in benchmarks/README.md",
    r"make (setup|test|test-slow|lint|docs)": "installs into .venv; continuous integration runs it",
    r"pip install": "installs; make setup is the same with the tested versions",
    r"\. \.venv/bin/activate": "needs make setup",
    r"pre-commit install": "changes the git checkout",
    r"python -m pytest -q tests/losses$": "make test",
    r"pytest tests/": "make test",
    r"monai-deploy (package|run)": "needs Docker; tests/apps/test_packaging.py reads what it reads",
    r"tensorboard --logdir": "a server that does not end",
    r"cd bundles/<bundle>": "a placeholder",
    r"monai-dd phantoms {pet,brain,chest}": "three commands in one; each is in docs/commands.rst",
    r"python docs/images/make_overview.py$": "tests/test_docs.py",
    r"python examples/pictures.py (phantoms|consistency)": "tests/examples/test_pictures.py",
    r"python examples/phantoms_and_patients.py": "tests/examples/test_phantoms_and_patients.py",
}


class Place(NamedTuple):
    """Where one block runs.

    Attributes:
        copy: name of a copy of the project; blocks of one copy run in the order of :data:`PLACES`, one after the other,
            with the files and the variables that those before left.
        folder: in the copy.
        before: shell commands that make what the page takes for granted.
    """

    copy: str
    folder: str = "."
    before: str = ""


# page: its places, one for each block, or one for all
PLACES = {
    "CONTRIBUTING.md": [Place("none")],
    "README.md": [
        Place("fdg"),
        Place("fdg", FDG, "monai-dd phantoms pet --output_dir DATA; monai-dd datalist fdg --dataset_dir DATA"),
    ],
    "docs/getting_started.rst": [Place("fdg")],
    "docs/bundles.rst": [
        Place("fdg"),
        Place("fdg", FDG),
        Place("fdg", ".", "monai-dd phantoms brain --output_dir DATA; monai-dd datalist brats --dataset_dir DATA"),
        Place("fdg"),
    ],
    "docs/explanations.rst": [
        Place("fdg", FDG),
        Place(
            *("fdg", FDG),
            "python -m monai.bundle run --config_file \"['configs/train.json','configs/evaluate.json',"
            "'configs/explain.json','configs/variant_baseline.json']\" --dataset_dir DATA --model_name baseline.pt "
            "--output_dir eval/baseline",
        ),
        Place("fdg", FDG),
        Place(
            *("fdg", FDG),
            "python -m monai.bundle run --config_file \"['configs/train.json','configs/evaluate.json',"
            "'configs/explain.json','configs/variant_exact.json']\" --dataset_dir DATA --model_name exact.pt "
            "--output_dir eval/randomized --randomization True --seed 1",
        ),
        Place("fdg", FDG),
    ],
    "docs/app.rst": [
        Place("fdg", ".", "monai-dd phantoms pet --num_studies 1 --output_dir SERIES; cp -r runs/demo/bundle BUNDLE"),
        Place("fdg"),
    ],
    "apps/fdg_biodistribution_app/README.md": [Place("fdg")],
    f"{FDG}/docs/README.md": [Place("fdg_pages", FDG, "monai-dd phantoms pet --num_studies 12 --output_dir data")],
    f"{FDG}/docs/options.md": [
        *(Place("fdg_pages", FDG) for _ in range(7)),
        *(Place("fdg_pictures", FDG) for _ in range(3)),
    ],
    f"{BRATS}/docs/README.md": [
        Place("brats_pages", BRATS, "monai-dd phantoms brain --num_patients 4 --output_dir data"),
        Place("brats_pages", BRATS),
        Place("brats_performance", BRATS, "python -m tests.run_pages.data slices DATA"),
        *(Place("brats_pages", BRATS) for _ in range(3)),
    ],
    f"{BRATS}/docs/options.md": [
        Place("brats_slices_list", BRATS, "python -m tests.run_pages.data slices DATA"),
        Place("brats_slices_list", BRATS),
        *(Place("brats_pages", BRATS) for _ in range(6)),
        Place("brats_pictures", BRATS),
    ],
    f"{CHEST}/docs/README.md": [
        Place("chest_pages", CHEST, "monai-dd phantoms chest --num_patients 14 --output_dir data"),
        Place("chest_pages", CHEST),
        Place("chest_performance", CHEST),
        *(Place("chest_pages", CHEST) for _ in range(2)),
        Place("chest_pages", CHEST, "mkdir -p pictures; cp data/images_*/images/*_000.png pictures"),
        Place("chest_pages", CHEST),
    ],
    f"{CHEST}/docs/options.md": [*(Place("chest_pages", CHEST) for _ in range(5)), Place("chest_pictures", CHEST)],
    "docs/results/fdg_phantoms.rst": [Place("fdg_phantoms", FDG)],
    "docs/results/brats_phantoms.rst": [Place("brats_phantoms", BRATS)],
    "docs/results/brats_slices.rst": [Place("brats_slices", BRATS, "python -m tests.run_pages.data slices DATA")],
    "docs/results/brats_explanations.rst": [Place("brats_slices", BRATS)],
    "docs/results/brats_sanity.rst": [Place("brats_slices", BRATS)],
    "docs/results/patches.rst": [
        Place("brats_slices", BRATS),
        Place("brats_phantoms", BRATS),
        Place("scripts"),
    ],
    "docs/results/chest_phantoms.rst": [Place("chest_phantoms", CHEST)],
    "docs/explainers.rst": [Place("chest_phantoms", CHEST)],
    "docs/results/networks.rst": [Place("scripts")],
    "docs/results/index.rst": [Place("scripts")],
    "docs/patches.rst": [
        Place(
            "scripts",
            ".",
            "python -m tests.run_pages.data cifar10 data/cifar-10-batches-py\n"
            "python -m tests.run_pages.data tiny_imagenet data/tiny-imagenet-200",
        )
    ],
    "benchmarks/README.md": [Place("scripts")],
    "docs/commands.rst": [
        Place("commands"),
        Place("commands", ".", "python -m tests.run_pages.data slices DATA"),
        Place("commands", ".", "monai-dd datalist brats --dataset_dir DATA"),
        Place(
            "commands",
            ".",
            f"monai-dd datalist chestxray14 --dataset_dir DATA --classes {FINDINGS}\n"
            f"monai-dd runs --bundle_root {CHEST} --variants variant_baseline+evaluate_localization "
            "--split test --output_dir runs/chest --dataset_dir DATA\n"
            "monai-dd datalist brats --dataset_dir DATA\n"
            f"monai-dd runs --bundle_root {BRATS} --variants variant_baseline+explain variant_exact+explain "
            "--randomization True --output_dir runs/brats --dataset_dir DATA",
        ),
        Place("commands"),
        Place("commands", ".", "mkdir models; cp runs/seed0/models/exact.pt models"),
    ],
}


def reason_not_to_run(command: str) -> str:
    """Why a command is not run; empty when it is."""
    found = [reason for start, reason in NOT_RUN.items() if re.match(start, command)]
    return found[0] if found else ""
