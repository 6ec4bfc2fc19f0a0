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
"""``monai-dd phantoms``: write a data set of phantoms."""

from __future__ import annotations

import argparse
from pathlib import Path

from monai_dd.commands.parser import Commands, add_command, add_group

__all__ = ["add_parser", "run"]

_EXAMPLES = {
    "pet": "phantoms pet --num_studies 12 --voxel_size 8 --output_dir data/pet",
    "brain": "phantoms brain --num_patients 6 --spacing 4 --output_dir data/brain",
    "chest": "phantoms chest --num_patients 40 --image_size 64 --output_dir data/chest",
}


def run(args: argparse.Namespace) -> None:
    """Write the phantoms of ``args.kind`` and print the path of the data set or of its labels."""
    options = {k: v for k, v in vars(args).items() if k not in ("command", "kind", "run", "parser")}
    print(_WRITERS[args.kind](options))


def _write_pet(options: dict[str, object]) -> Path:
    from monai_dd.data.phantoms.pet.dataset import write_pet_phantom_studies

    if len(options["voxel_size"]) not in (1, 3):
        raise ValueError(f"voxel_size: expected one or three numbers, got {len(options['voxel_size'])}")
    return write_pet_phantom_studies(**options)


def _write_brain(options: dict[str, object]) -> Path:
    from monai_dd.data.phantoms.brain.dataset import write_brain_phantom_patients

    return write_brain_phantom_patients(**options)[-1].parent


def _write_chest(options: dict[str, object]) -> Path:
    from monai_dd.data.phantoms.chest.dataset import write_chest_phantom_images

    return write_chest_phantom_images(**options)


_WRITERS = {"pet": _write_pet, "brain": _write_brain, "chest": _write_chest}


def add_parser(commands: Commands) -> None:
    """Add ``phantoms`` with the kinds ``pet``, ``brain`` and ``chest``."""
    what = "write a data set of phantoms, artificial images that show no patient"
    kinds = add_group(commands, "phantoms", _EXAMPLES["pet"], what, "An interrupted run continues where it stopped.")

    pet = add_command(
        kinds,
        "pet",
        run,
        _EXAMPLES["pet"],
        "whole-body FDG-PET as DICOM",
        "Writes studies with normal, mildly and severely altered muscular biodistribution as DICOM series, labels.csv "
        "and masks of the altered muscle.",
    )
    pet.add_argument("--num_studies", type=int, default=60, help="number of studies")
    pet.add_argument(
        "--voxel_size", type=float, nargs="+", default=[4.0], metavar="MM", help="one number, or three along x, y, z"
    )
    pet.add_argument(
        "--label_fractions",
        type=float,
        nargs=3,
        default=[1.0, 1.0, 1.0],
        metavar=("NORMAL", "MILD", "SEVERE"),
        help="relative frequencies of the classes",
    )
    pet.add_argument("--arms", choices=["up", "down"], help="posture of all studies; without it, drawn for each")
    pet.add_argument("--coverage", choices=["whole_body", "head_to_thigh"], default="whole_body", help="scan range")

    brain = add_command(
        kinds,
        "brain",
        run,
        _EXAMPLES["brain"],
        "brain MRI as BraTS-named NIfTI",
        "Writes brains with a tumor in four co-registered modalities (T1, T1ce, T2, FLAIR), skull-stripped, with the "
        "mask of the tumor (1 necrotic core, 2 edema, 4 enhancing rim).",
    )
    brain.add_argument("--num_patients", type=int, default=20, help="number of patients")
    brain.add_argument("--spacing", type=float, default=1.0, metavar="MM", help="edge of a voxel, 0.5 to 8")

    chest = add_command(
        kinds,
        "chest",
        run,
        _EXAMPLES["chest"],
        "chest radiographs as ChestX-ray14",
        "Writes frontal radiographs with none to three findings (atelectasis, cardiomegaly, effusion, infiltration, "
        "mass, nodule, pneumothorax) and boxes around them, as PNG files with the tables of ChestX-ray14.",
    )
    chest.add_argument("--num_patients", type=int, default=200, help="number of patients, with one to four images")
    chest.add_argument("--image_size", type=int, default=256, metavar="PIXELS", help="edge of an image, 32 to 2048")
    chest.add_argument("--test_fraction", type=float, default=0.25, help="share of the patients in test_list.txt")
    chest.add_argument(
        "--boxes", choices=["test", "all"], default="test", help="images with boxes: of the test part as published"
    )

    for parser in (pet, brain, chest):
        parser.add_argument("--output_dir", required=True, metavar="DIR", help="folder of the data set")
        parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files")
        parser.add_argument("--num_workers", type=int, default=1, help="processes writing at the same time")
