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
"""Tiny ImageNet (Yao and Miller 2015) in the layout of its published folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monai_dd.data.datasets.folders import find_folder
from monai_dd.utils.checks import check_option

__all__ = ["load_tiny_imagenet"]

SPLITS = ("training", "validation")
SOURCE = "tiny-imagenet-200.zip from http://cs231n.stanford.edu/tiny-imagenet-200.zip and unpack it"


def load_tiny_imagenet(dataset_dir: str | Path, split: str = "training") -> list[dict[str, Any]]:
    r"""Images, labels and boxes of Tiny ImageNet: 200 classes, 500 images each for training, 50 for validation.

    The published test images have no labels.

    Args:
        dataset_dir: folder of ``wnids.txt``, ``train`` and ``val``, or the one that ``tiny-imagenet-200`` lies in.
        split: ``training`` or ``validation``.

    Returns:
        items with ``image``, the path of a JPEG of 64x64 pixels, ``label``, the line of its class in ``wnids.txt``
        from 0, ``box``, and ``case``, the path in the folder. The box is ``[top, left, bottom, right]`` in pixels, the
        ends not included, for images read as ``[C, H, W]``, which MONAI's ``PILReader`` does with
        ``reverse_indexing=False``.

    Raises:
        ValueError: when files or images are absent (with where to get them), or a table is broken.

    Example:
        One class with one image, whose object lies in the columns 10 to 59 and the rows 4 to 21:

        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     images = Path(folder, "train", "n01", "images")
        ...     images.mkdir(parents=True)
        ...     for path, text in {
        ...         Path(folder, "wnids.txt"): "n01",
        ...         images.parent / "n01_boxes.txt": "n01_0.JPEG\t10\t4\t59\t21",
        ...         images / "n01_0.JPEG": "",
        ...     }.items():
        ...         _ = path.write_text(text)
        ...     items = load_tiny_imagenet(folder)
        >>> [(item["label"], item["box"], item["case"]) for item in items]
        [(0, [4, 10, 22, 60], 'train/n01/images/n01_0.JPEG')]
    """
    check_option("split", split, SPLITS)
    root, _ = find_folder(dataset_dir, ("tiny-imagenet-200",), ["wnids.txt"], SOURCE)
    names = [line.strip() for line in _read_lines(root / "wnids.txt") if line.strip()]
    label_of = {name: i for i, name in enumerate(names)}
    if not names or len(label_of) < len(names):
        raise ValueError(f"wnids.txt: expected a class in each line, got {len(names)} lines, {len(label_of)} classes")
    if split == "validation":
        return _read_validation(root, label_of)
    return [item for name in names for item in _read_class(root, name, label_of[name])]


def _read_class(root: Path, name: str, label: int) -> list[dict[str, Any]]:
    folder = root / "train" / name
    rows = _read_table(folder / f"{name}_boxes.txt", 5)
    items = [_item(root, folder / "images" / row[0], label, row[1:], place) for place, row in rows]
    return _present(items, folder / "images")


def _read_validation(root: Path, label_of: dict[str, int]) -> list[dict[str, Any]]:
    folder = root / "val"
    items = []
    for place, row in _read_table(folder / "val_annotations.txt", 6):
        if row[1] not in label_of:
            raise ValueError(f"{place}: expected a class of wnids.txt, got {row[1]!r}")
        items.append(_item(root, folder / "images" / row[0], label_of[row[1]], row[2:], place))
    return _present(items, folder / "images")


def _item(root: Path, image: Path, label: int, corners: list[str], place: str) -> dict[str, Any]:
    """An item; the file has the first and last column and row as ``left top right bottom``."""
    if not all(corner.isdecimal() for corner in corners):
        raise ValueError(f"{place}: expected four whole numbers, got {', '.join(map(repr, corners))}")
    left, top, right, bottom = map(int, corners)
    if right < left or bottom < top:
        raise ValueError(f"{place}: expected left and top before right and bottom, got {left} {top} {right} {bottom}")
    box = [top, left, bottom + 1, right + 1]
    return {"image": str(image), "label": label, "box": box, "case": image.relative_to(root).as_posix()}


def _present(items: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    there = set(os.listdir(folder)) if folder.is_dir() else set()
    absent = sum(Path(item["image"]).name not in there for item in items)
    if absent:
        place = folder.relative_to(folder.parents[2] if folder.parent.name != "val" else folder.parents[1]).as_posix()
        raise ValueError(f"dataset_dir: expected {len(items)} images in {place}, {absent} are not there; get {SOURCE}")
    return items


def _read_table(path: Path, columns: int) -> Iterator[tuple[str, list[str]]]:
    """Rows of a table with tabs between its columns, each with its place for messages."""
    for number, line in enumerate(_read_lines(path), start=1):
        row = line.split("\t")
        place = f"{path.name}, line {number}"
        if len(row) != columns:
            raise ValueError(f"{place}: expected {columns} columns with tabs between them, got {len(row)}")
        if Path(row[0]).name != row[0] or not row[0]:
            raise ValueError(f"{place}: expected the name of a file, got {row[0]!r}")
        yield place, row


def _read_lines(path: Path) -> list[str]:
    if not path.is_file():
        raise ValueError(f"dataset_dir: expected {path.name} in the folder {path.parent.name!r}; get {SOURCE}")
    try:
        return path.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: expected plain text, got other bytes") from None
