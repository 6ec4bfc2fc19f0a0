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
"""Data lists of ChestX-ray14: images, labels of fourteen findings and boxes, in splits with no patient in two.

Command line: ``monai-dd datalist chestxray14 --help``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from monai_dd.data.datalists.chestxray14.boxes import PixelBox, box_fractions, read_chest_boxes
from monai_dd.data.datalists.chestxray14.tables import FINDINGS, ChestTables, first_three, read_chest_tables
from monai_dd.data.datalists.splits import split_groups
from monai_dd.utils.checks import check_option

__all__ = ["FINDINGS", "build_chestxray14_datalist"]

SPLITS = ("training", "validation", "test")
TEST_FRACTION = 0.25


def build_chestxray14_datalist(
    dataset_dir: str | Path,
    classes: Sequence[str] | None = None,
    val_fraction: float = 0.1,
    test_fraction: float | None = None,
    seed: int = 0,
    skip_missing: bool = False,
    drop_unlabeled_boxes: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    r"""Images of ChestX-ray14 with their labels and boxes, split into training, validation and test by patient.

    In the published layout the test part is the published one, which has all images with boxes; the patients of
    ``train_val_list.txt`` are dealt out to training and validation at random. A data set with ``labels.csv`` has no
    split: there, likewise, all patients with boxes are in the test part, others fill it up to ``test_fraction``, and
    patients with and without findings are in all splits in the same proportions, those with boxes aside.

    Args:
        dataset_dir: folder with the tables (see ``read_chest_tables``) and the images in ``images_001/images`` and so
            on, or in ``images``.
        classes: findings to keep, in the order of the labels; all fourteen if ``None``. An image with none of them has
            a label of zeros, whatever else it shows.
        val_fraction: share of the validation part, of the patients that are not in the test part; 0.1 in the paper.
        test_fraction: share of the test part, of the patients, where there is no published one; 0.25 if ``None``.
        seed: of the split.
        skip_missing: leave out images that are not there with a warning, rather than refuse all.
        drop_unlabeled_boxes: leave out boxes of a finding that the label of the image does not have. The labels are
            mined from reports, the boxes are drawn by radiologists, so the boxes stay by default, with a warning.
        progress: whether to show a progress bar.

    Returns:
        MONAI data list with the splits ``training``, ``validation`` and ``test``; items hold ``image``, ``label`` (a
        zero or one for each class), ``patient`` and ``boxes`` (``[class, top, left, bottom, right]`` each, fractions of
        the height and width). Further keys: ``class_names``, ``seed``, ``counts`` of each split (patients, images,
        ``negative`` for labels of zeros, images of each finding and boxes of each), ``skipped`` (images that are not
        there) and ``unlabeled_boxes`` (boxes kept or left out whose finding is not in the label).

    Raises:
        ValueError: for tables and boxes as ``read_chest_tables``, ``read_chest_boxes`` and ``box_fractions`` say,
            images that are not there or twice, or too few patients for all splits.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rows = [f"{i}.png,{i},{'Mass' if i % 2 else 'No Finding'}" for i in range(9)]
        ...     _ = Path(folder, "labels.csv").write_text("\n".join(["image,patient,findings", *rows]))
        ...     _ = Path(folder, "boxes.csv").write_text("image,finding,x,y,width,height\n1.png,Mass,5,2,5,4")
        ...     Path(folder, "images").mkdir()
        ...     for i in range(9):
        ...         Image.new("L", (20, 10)).save(f"{folder}/images/{i}.png")
        ...     datalist = build_chestxray14_datalist(folder, classes=["Mass"], val_fraction=0.4)
        >>> [item["boxes"] for item in datalist["test"] if item["boxes"]], datalist["counts"]["validation"]["images"]
        ([[[0, 0.2, 0.25, 0.6, 0.5]]], 3)
    """
    names = list(FINDINGS if classes is None else classes)
    for name in names:
        check_option("classes", name, FINDINGS)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"classes: expected one or more findings, each once, got {', '.join(names) or 'none'}")
    root = Path(dataset_dir)
    tables = read_chest_tables(root)
    boxes = read_chest_boxes(tables)
    wanted = list(tables.patients) if tables.train_val is None else [*tables.train_val, *tables.test]
    if len(wanted) < len(tables.patients):
        warnings.warn(f"{len(tables.patients) - len(wanted)} images left out: they are in neither list", stacklevel=2)
    files = _find_images(root, set(wanted), progress)
    kept = _present(wanted, files, skip_missing)
    split_of = _split(tables, kept, set(boxes), val_fraction, test_fraction, seed)

    boxes = {name: [box for box in boxes[name] if box.finding in names] for name in kept if boxes.get(name)}
    unlabeled = _unlabeled(tables, boxes, drop_unlabeled_boxes)
    if drop_unlabeled_boxes:
        boxes = {name: [box for box in own if box not in unlabeled.get(name, [])] for name, own in boxes.items()}
    fractions = box_fractions(boxes, {name: root / files[name] for name in boxes}, tables.boxes_file.name)
    datalist: dict[str, Any] = {"class_names": names, "seed": seed, "counts": {}}
    datalist |= {"skipped": len(wanted) - len(kept), "unlabeled_boxes": sum(map(len, unlabeled.values()))}
    for index, split in enumerate(SPLITS):
        datalist[split] = [
            {
                "image": files[name],
                "label": [int(finding in tables.findings[name]) for finding in names],
                "patient": tables.patients[name],
                "boxes": [[names.index(finding), *sides] for finding, sides in fractions.get(name, [])],
            }
            for name in kept
            if split_of[tables.patients[name]] == index
        ]
        if not datalist[split]:
            raise ValueError(f"{split}: expected images, none is left: more data or another val_fraction is needed")
        datalist["counts"][split] = _counts(datalist[split], names)
    return datalist


def _find_images(root: Path, wanted: set[str], progress: bool) -> dict[str, str]:
    """Path of each wanted image that is there, relative to the data set."""
    folders = [folder for folder in (root / "images", *sorted(root.glob("images_*/images"))) if folder.is_dir()]
    if not folders:
        raise ValueError(f"dataset_dir: expected the folder images, or images_001/images and more, in {root.name!r}")
    files: dict[str, str] = {}
    twice: list[str] = []
    with tqdm(total=len(wanted), desc="images", disable=not progress) as bar:
        for folder in folders:
            place = folder.relative_to(root).as_posix()
            with os.scandir(folder) as entries:
                for name in (entry.name for entry in entries if entry.name in wanted):
                    if name in files:
                        twice.append(name)
                    files[name] = f"{place}/{name}"
                    bar.update()
    if twice:
        raise ValueError(
            f"dataset_dir: expected each image in one folder, got {len(twice)} in several: {first_three(sorted(twice))}"
        )
    return files


def _present(wanted: list[str], files: dict[str, str], skip_missing: bool) -> list[str]:
    """Names of the images that are there."""
    absent = [name for name in wanted if name not in files]
    if absent:
        what = f"{len(absent)} of {len(wanted)} images are not there: {first_three(absent)}"
        if not skip_missing or len(absent) == len(wanted):
            raise ValueError(f"dataset_dir: expected all images of the tables, {what} (skip_missing leaves them out)")
        warnings.warn(f"skipped: {what}", stacklevel=3)
    return [name for name in wanted if name in files]


def _split(
    tables: ChestTables,
    names: list[str],
    boxed: set[str],
    val_fraction: float,
    test_fraction: float | None,
    seed: int,
) -> dict[str, int]:
    """Split of each patient, as its place in ``SPLITS``."""
    for argument, value in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        if value is not None and not 0 < value < 1:
            raise ValueError(f"{argument}: expected a number between 0 and 1, got {value}")
    patients = sorted({tables.patients[name] for name in names})
    if tables.test is not None:
        if test_fraction is not None:
            raise ValueError("test_fraction: expected none, as the data set has its own test_list.txt")
        test = {tables.patients[name] for name in tables.test}
        others = [patient for patient in patients if patient not in test]
        return dict.fromkeys(test, 2) | split_groups(others, (1 - val_fraction, val_fraction), seed)
    test = {tables.patients[name] for name in names if name in boxed}
    ill = {tables.patients[name] for name in names if tables.findings[name]}
    others = [patient for patient in patients if patient not in test]
    wanted = round((test_fraction or TEST_FRACTION) * len(patients)) - len(test)
    share = wanted / len(others) if wanted > 0 else 0.0
    fractions = [(1 - share) * (1 - val_fraction), (1 - share) * val_fraction, *([share] if share else [])]
    strata = ["patients with findings" if patient in ill else "patients without" for patient in others]
    return dict.fromkeys(test, 2) | split_groups(others, fractions, seed, strata)


def _unlabeled(tables: ChestTables, boxes: dict[str, list[PixelBox]], drop: bool) -> dict[str, list[PixelBox]]:
    """Boxes of a finding that the label of their image does not have, of each image with such."""
    odd = {name: [box for box in own if box.finding not in tables.findings[name]] for name, own in boxes.items()}
    odd = {name: own for name, own in odd.items() if own}
    if odd:
        warnings.warn(
            f"{tables.boxes_file.name}: {sum(map(len, odd.values()))} of {sum(map(len, boxes.values()))} boxes show a "
            f"finding that the label of their image does not have, {'left out' if drop else 'kept'}: "
            f"{first_three(list(odd))}",
            stacklevel=3,
        )
    return odd


def _counts(items: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    labels = [item["label"] for item in items]
    classes = [box[0] for item in items for box in item["boxes"]]
    return {
        "patients": len({item["patient"] for item in items}),
        "images": len(items),
        "negative": sum(not any(label) for label in labels),
        "findings": dict(zip(names, map(sum, zip(*labels, strict=True)), strict=True)),
        "boxes": {name: classes.count(index) for index, name in enumerate(names)},
    }
