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
"""Command line: write a data set of phantoms, ``pet``, ``brain`` or ``chest``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from monai_dd.data.phantoms.brain.dataset import write_brain_phantom_patients
from monai_dd.data.phantoms.chest.dataset import write_chest_phantom_images
from monai_dd.data.phantoms.pet.dataset import write_pet_phantom_studies

__all__ = ["main"]

_DEFAULTS = {"formatter_class": argparse.ArgumentDefaultsHelpFormatter}


def main(argv: Sequence[str] | None = None) -> int:
    """Parse ``argv`` and write the phantoms; the exit status is 0, or 2 with one line on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m monai_dd.data.phantoms",
        description="Write data sets of phantoms: artificial images that show no patient. Interrupted runs continue "
        "where they stopped.",
    )
    commands = parser.add_subparsers(dest="kind", required=True)
    pet = commands.add_parser("pet", help="whole-body FDG-PET as DICOM", description=_PET, **_DEFAULTS)
    _add_pet(pet)
    brain = commands.add_parser("brain", help="brain MRI as BraTS-named NIfTI", description=_BRAIN, **_DEFAULTS)
    _add_brain(brain)
    chest = commands.add_parser("chest", help="chest radiographs as ChestX-ray14", description=_CHEST, **_DEFAULTS)
    _add_chest(chest)
    for command in (pet, brain, chest):
        command.add_argument("--output_dir", required=True, help="folder of the data set")
        command.add_argument("--seed", type=int, default=0, help="the same seed gives the same files")
        command.add_argument("--num_workers", type=int, default=1, help="processes writing at the same time")
    arguments = vars(parser.parse_args(argv))
    try:
        kind = arguments.pop("kind")
        if kind == "pet":
            if len(arguments["voxel_size"]) not in (1, 3):
                pet.error(f"--voxel_size: expected one or three numbers, got {len(arguments['voxel_size'])}")
            print(write_pet_phantom_studies(**arguments))
        elif kind == "chest":
            print(write_chest_phantom_images(**arguments))
        else:
            print(write_brain_phantom_patients(**arguments)[-1].parent)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


_PET = (
    "Write whole-body FDG-PET phantom studies (normal, mildly and severely altered muscular biodistribution) as DICOM "
    "series, with labels.csv and masks of the altered muscle."
)
_BRAIN = (
    "Write brain phantoms with a tumor in four co-registered modalities (T1, T1ce, T2, FLAIR), skull-stripped, with "
    "the mask of the tumor (1 necrotic core, 2 edema, 4 enhancing rim), as NIfTI files named as in BraTS."
)

_CHEST = (
    "Write frontal chest radiographs of phantoms with none to three findings (atelectasis, cardiomegaly, effusion, "
    "infiltration, mass, nodule, pneumothorax) and boxes around them, as PNG files with the tables of ChestX-ray14."
)


def _add_pet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num_studies", type=int, default=60, help="number of studies")
    parser.add_argument(
        "--voxel_size", type=float, nargs="+", default=[4.0], metavar="MM", help="one number, or three along x, y, z"
    )
    parser.add_argument(
        "--label_fractions",
        type=float,
        nargs=3,
        default=[1.0, 1.0, 1.0],
        metavar=("NORMAL", "MILD", "SEVERE"),
        help="relative frequencies of the classes",
    )
    parser.add_argument("--arms", choices=["up", "down"], help="posture of all studies; without it, drawn for each")
    parser.add_argument("--coverage", choices=["whole_body", "head_to_thigh"], default="whole_body", help="scan range")


def _add_brain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num_patients", type=int, default=20, help="number of patients")
    parser.add_argument("--spacing", type=float, default=1.0, metavar="MM", help="edge of a voxel, 0.5 to 8")


def _add_chest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num_patients", type=int, default=200, help="number of patients, with one to four images")
    parser.add_argument("--image_size", type=int, default=256, metavar="PIXELS", help="edge of an image, 32 to 2048")
    parser.add_argument("--test_fraction", type=float, default=0.25, help="share of the patients in test_list.txt")
    parser.add_argument(
        "--boxes", choices=["test", "all"], default="test", help="images with boxes: of the test part as published"
    )


if __name__ == "__main__":
    sys.exit(main())
