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
"""Count the parameters of every variant of every bundle, as its configuration makes it, into networks/sizes.csv."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import torch
from monai.bundle import ConfigParser

HERE = Path(__file__).resolve().parent
BUNDLES = HERE.parents[1] / "bundles"
NAMES = {
    "fdg_pet_biodistribution_classification": "FDG PET",
    "brats_mri_tumor_classification": "BraTS",
    "chest_xray_pathology_classification": "chest X-ray",
}


def count_parameters(bundle: Path, overlay: Path) -> int:
    """Number of parameters of the network that ``inference.json`` and an overlay describe."""
    parser = ConfigParser()
    parser.read_config([str(bundle / "configs" / "inference.json"), str(overlay)])
    parser["bundle_root"] = str(bundle)
    with torch.device("meta"):  # the number needs no values
        network = parser.get_parsed_content("network_def")
    return sum(parameter.numel() for parameter in network.parameters())


def make_rows() -> list[list[str]]:
    """A row for each variant with the millions of parameters in each bundle that has it."""
    counts: dict[str, dict[str, str]] = {}
    for name in NAMES:
        for overlay in sorted((BUNDLES / name / "configs").glob("variant_*.json")):
            millions = f"{count_parameters(BUNDLES / name, overlay) / 1e6:.2f}"
            counts.setdefault(overlay.stem.removeprefix("variant_"), {})[name] = millions
    rows = [[variant, *(found.get(name, "") for name in NAMES)] for variant, found in sorted(counts.items())]
    return [["variant", *(f"{title}, M" for title in NAMES.values())], *rows]


def main() -> None:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file is not up to date")
    args = parser.parse_args()
    path = HERE / "networks" / "sizes.csv"
    rows = make_rows()
    if args.check:
        with open(path, newline="", encoding="utf-8") as file:
            if list(csv.reader(file)) != rows:
                sys.exit("not up to date: networks/sizes.csv; run python docs/results/network_sizes.py")
        return
    path.parent.mkdir(exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
