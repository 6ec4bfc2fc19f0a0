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
"""Command line: write a data set of PET phantom studies."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from monai_dd.data.phantoms.pet_studies import write_pet_phantom_studies

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Parse ``argv`` and write the studies; the exit status is 0, or 2 with one line on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m monai_dd.data.phantoms",
        description="Write whole-body FDG-PET phantom studies (normal, mildly and severely altered muscular "
        "biodistribution) as DICOM series, with labels.csv and masks of the altered muscle. "
        "They are artificial and show no patient. Interrupted runs continue where they stopped.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--output_dir", required=True, help="folder of the data set")
    parser.add_argument("--num_studies", type=int, default=60, help="number of studies")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files")
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
    parser.add_argument("--num_workers", type=int, default=1, help="processes writing at the same time")
    arguments = vars(parser.parse_args(argv))
    if len(arguments["voxel_size"]) not in (1, 3):
        parser.error(f"--voxel_size: expected one or three numbers, got {len(arguments['voxel_size'])}")
    try:
        table = write_pet_phantom_studies(**arguments)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
