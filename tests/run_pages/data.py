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
"""Made-up data sets in the layout of the real ones, for pages whose data are not phantoms."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["MAKERS", "main", "make_cifar10", "make_slices", "make_tiny_imagenet"]

SIZE = 64
BLOCKS, BLOCK = 12, 4  # blocks of neighboring slices


def make_slices(folder: Path) -> None:
    """Slices as ``monai-dd datalist slices`` reads them: an ellipse of noise, and a bright disk in it with its mask."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    table = []
    for number in range(1, BLOCKS * BLOCK + 1):
        brain = ((rows - 32) / 28) ** 2 + ((columns - 32) / 24) ** 2 < 1
        center = 32 + rng.integers(-12, 13), 32 + rng.choice([-12, 12])
        tumor = (rows - center[0]) ** 2 + (columns - center[1]) ** 2 < 49
        image = np.where(brain, rng.integers(60, 120, brain.shape), 0) + np.where(tumor, 120, 0)
        for kind, pixels, end in (("images", image, "jpg"), ("masks", 255 * tumor, "png")):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / kind / f"{number:04d}.{end}")
        block = (number - 1) // BLOCK
        plane, site = ("axial", "coronal")[block // 2 % 2], "AB"[block // 4 % 2]
        table.append((number, ("glioma", "meningioma")[block % 2], block, plane, site))
    with open(folder / "index.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("slice", "diagnosis", "block", "plane", "institution"), *table])


def make_cifar10(folder: Path) -> None:
    """Eighteen images of noise in the files of CIFAR-10."""
    from tests.data.datasets.published import write_cifar10

    folder.mkdir(parents=True, exist_ok=True)
    write_cifar10(folder)


def make_tiny_imagenet(folder: Path) -> None:
    """Seven images of two classes in the files of Tiny ImageNet."""
    from tests.data.datasets.published import write_tiny_imagenet

    write_tiny_imagenet(folder)


MAKERS = {"slices": make_slices, "cifar10": make_cifar10, "tiny_imagenet": make_tiny_imagenet}


def main(kind: str, folder: str) -> None:
    """Make a data set of a kind of :data:`MAKERS` in a folder."""
    MAKERS[kind](Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
