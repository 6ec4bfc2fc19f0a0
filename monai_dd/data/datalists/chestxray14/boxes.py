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
"""Boxes of ChestX-ray14: from pixels of the stored pictures to fractions of their height and width."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from monai_dd.data.datalists.chestxray14.tables import FINDINGS, ChestTables, first_three, read_table, unknown_findings

__all__ = ["PixelBox", "box_fractions", "read_chest_boxes"]

SPELLED = {"Infiltrate": "Infiltration"}  # as BBox_List_2017.csv has it
OTHERS = ("Calcification", "Fracture")  # ChestX-Det10 has boxes of these, ChestX-ray14 no labels
TOLERANCE = 0.01  # of the height or width: what a box drawn by hand may reach beyond the picture


@dataclass(frozen=True)
class PixelBox:
    """A box in pixels of the stored picture; ``left`` and ``top`` are its corner."""

    finding: str
    left: float
    top: float
    width: float
    height: float


def read_chest_boxes(tables: ChestTables) -> dict[str, list[PixelBox]]:
    """Boxes of each image that has any.

    Boxes of Calcification and Fracture, which ChestX-Det10 adds to images of ChestX-ray14, are left out with a
    warning, as ChestX-ray14 has no such labels.

    Raises:
        ValueError: for a table that is empty or lacks a column, an unknown finding, an image that the table of images
            does not have, or a box that is not four finite numbers with a width and height above 0.
    """
    path = tables.boxes_file
    if not path.is_file():
        warnings.warn(f"{path.name} is not there: no image gets a box, localization cannot be measured", stacklevel=3)
        return {}
    rows = [(name, SPELLED.get(f, f), *numbers) for name, f, *numbers in read_table(path, tables.box_columns)]
    unknown_findings(path.name, (finding for _, finding, *_ in rows if finding not in (*FINDINGS, *OTHERS)))
    strange = list(dict.fromkeys(name for name, *_ in rows if name not in tables.patients))
    if strange:
        raise ValueError(
            f"{path.name}: expected images of the table of images, got {len(strange)} others: {first_three(strange)}"
        )
    boxes: dict[str, list[PixelBox]] = {}
    for name, finding, *numbers in rows:
        try:
            box = PixelBox(finding, *map(float, numbers))
            sound = (
                all(map(math.isfinite, (box.left, box.top))) and 0 < box.width < math.inf and 0 < box.height < math.inf
            )
        except ValueError:
            sound = False
        if not sound:
            raise ValueError(
                f"{path.name}: expected x, y, a width and a height above 0 of each box, got {', '.join(numbers)} for "
                f"{finding} in {name}"
            )
        if finding not in OTHERS:
            boxes.setdefault(name, []).append(box)
    left_out = sum(finding in OTHERS for _, finding, *_ in rows)
    if left_out:
        warnings.warn(
            f"{path.name}: {left_out} of {len(rows)} boxes left out: ChestX-ray14 has no {' or '.join(OTHERS)}",
            stacklevel=3,
        )
    return boxes


def box_fractions(
    boxes: dict[str, list[PixelBox]], files: dict[str, Path], boxes_file: str
) -> dict[str, list[tuple[str, list[float]]]]:
    """Boxes as fractions of the picture, whose size is read from the header of its file.

    Args:
        boxes: of each image, in pixels.
        files: where the pictures are.
        boxes_file: where the boxes are from, for the message.

    Returns:
        finding and ``[top, left, bottom, right]`` in 0..1 of each box. What reaches less than 1 % of the height or
        width beyond the picture is cut off.

    Raises:
        ValueError: for pictures that cannot be read, and boxes outside of theirs: how many, and the first three images.
    """
    fractions: dict[str, list[tuple[str, list[float]]]] = {}
    outside: list[str] = []
    for name, own in boxes.items():
        try:
            with Image.open(files[name]) as picture:
                width, height = picture.size
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # PIL's, for broken files
            raise ValueError(f"{name}: expected a picture, the file is truncated or none") from error
        for box in own:
            sides = [box.top / height, box.left / width]
            sides += [sides[0] + box.height / height, sides[1] + box.width / width]
            cut = [round(min(max(side, 0.0), 1.0), 6) for side in sides]
            beyond = max(abs(side - kept) for side, kept in zip(sides, cut, strict=True)) > TOLERANCE
            if beyond or cut[0] >= cut[2] or cut[1] >= cut[3]:
                outside.append(f"{name} ({box.finding}, {width} x {height} pixels)")
            fractions.setdefault(name, []).append((box.finding, cut))
    if outside:
        raise ValueError(
            f"{boxes_file}: expected boxes inside their pictures, in pixels of the stored files, got {len(outside)} "
            f"outside: {first_three(outside)}"
        )
    return fractions
