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
"""Gray pictures of a few pixels in the layouts of ChestX-ray14, for the tests of the data lists."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.datalists.brats.small import InFolder

WIDTH, HEIGHT = 40, 20  # as no X-ray is, so that exchanged axes show
ENTRY = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
ENTRY += "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
BOXES = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
KINDS = ("No Finding", "Mass", "Effusion|Infiltration", "Hernia")


def save_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((HEIGHT, WIDTH), 9, np.uint8)).save(path)


class InChest(InFolder):
    """A folder for a data set; ``published`` and ``small`` fill it."""

    def lines(self, name: str, lines: Iterable[str], end: str = "\n") -> None:
        (self.root / name).write_text("".join(line + end for line in lines), encoding="utf-8", newline="")

    def append(self, name: str, line: str) -> None:
        with open(self.root / name, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def published(self, entry: str = "Data_Entry_2017.csv") -> None:
        """Twelve patients with two images each, in two folders; patients 11 and 12 are the test part, 11 has boxes."""
        names = [(patient, f"{patient:08d}_{number:03d}.png") for patient in range(1, 13) for number in (0, 1)]
        rows = [f"{name},{KINDS[p % 4]},0,{p},058Y,M,PA,2682,2749,0.143,0.143," for p, name in names]
        self.lines(entry, [ENTRY, *rows], end="\r\n")
        self.lines("train_val_list.txt", [name for patient, name in names if patient <= 10])
        self.lines("test_list.txt", [name for patient, name in names if patient > 10])
        # patient 11 has a hernia in both images
        self.lines("BBox_List_2017.csv", [BOXES, "00000011_000.png,Hernia,10,5,20,10,,,"])
        for patient, name in names:
            save_picture(self.root / f"images_{1 + patient // 7:03d}" / "images" / name)

    def small(self) -> None:
        """Twenty patients with an image each, every other without findings; the first two with findings have boxes."""
        names = [(patient, f"{patient:08d}_000.png") for patient in range(20)]
        rows = [f"{name},{patient:08d},{'Mass|Nodule' if patient % 2 else 'No Finding'}" for patient, name in names]
        self.lines("labels.csv", ["image,patient,findings", *rows])
        boxes = ["00000001_000.png,Mass,10,5,20,10,NIH", "00000003_000.png,Nodule,1,2,3.5,4,ChestX-Det10"]
        self.lines("boxes.csv", ["image,finding,x,y,width,height,source", *boxes])
        for _, name in names:
            save_picture(self.root / "images" / name)
