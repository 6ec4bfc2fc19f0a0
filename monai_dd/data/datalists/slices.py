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
"""Data lists of 2D slices with tumor masks: pictures, masks and a table become hemispheres in disjoint splits.

Command line: ``monai-dd datalist slices --help``.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from monai_dd.data.datalists.hemispheres import LABELS, label_halves
from monai_dd.data.datalists.pictures import find_pictures
from monai_dd.data.datalists.splits import describe_split, refuse_broken, split_groups
from monai_dd.transforms.hemisphere.functional import MODES, SIDES
from monai_dd.utils.checks import check_option

__all__ = ["build_slices_datalist", "find_slices"]

SPLITS = ("training", "validation", "test")
ITEM = ("image", "mask", "side", "window", "label", "group")


def build_slices_datalist(
    dataset_dir: str | Path,
    index_file: str = "index.csv",
    image_pattern: str = "images/{slice:04d}.jpg",
    mask_pattern: str = "masks/{slice:04d}.png",
    mode: str = "boundary",
    min_area: int = 100,
    min_brain_fraction: float = 0.02,
    threshold: float = 0.05,
    group_column: str | None = None,
    stratify_column: str | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    contiguous: bool = True,
    gap: int = 0,
    skip_broken: bool = False,
) -> dict[str, Any]:
    r"""Hemispheres of 2D slices, split into training, validation and test with no group in two splits.

    The table has a row for each slice, in the order of the data. Its columns ``image`` and ``mask``, if it has both,
    hold paths; if not, the patterns make the paths out of its columns. Where groups are blocks of consecutive slices,
    the patient at the edge of a block may go on in the next one: ``contiguous`` gives each split neighboring blocks,
    so that few edges lie between splits, and ``gap`` leaves out the slices at those.

    Args:
        dataset_dir: folder that all paths are relative to.
        index_file: the table (CSV).
        image_pattern: path of the picture, with columns of the table in braces; whole numbers count as such.
        mask_pattern: path of the mask; tumor is what is not zero.
        mode: the cut, ``"boundary"``, ``"midline"`` or ``"matched"``, see ``hemisphere_windows``.
        min_area: least tumor of a hemisphere with label 1, in pixels of the picture. The default, 100 pixels, is 0.15 %
            of a picture of 256x256; the paper's 1000 pixels are for masks with edema.
        min_brain_fraction: least brain of a hemisphere with label 0, as a fraction of the pixels of the picture.
        threshold: brain is what exceeds this fraction of the picture's maximum; compression leaves noise around it.
        group_column: column of what must stay together: patients, or blocks of neighboring slices. By default
            ``patient`` where the table has that column, else ``block``.
        stratify_column: column whose values are to be in all splits in the same proportions; a group counts as what
            most of its slices are, and values with too few groups count as the next one. ``""`` for no stratification;
            by default ``diagnosis`` where the table has that column.
        where: values that a row must have in a column to be used, such as ``{"plane": ["axial", "coronal"]}``.
        fractions: shares of training, validation and test, in groups.
        seed: of the split.
        contiguous: whether a split gets groups that follow one another in the table, rather than any.
        gap: rows of the table to leave out where two splits meet; training loses them to validation and test, and
            validation to test.
        skip_broken: leave out slices with a missing or broken file with a warning, rather than refuse all.

    Returns:
        MONAI data list with the splits ``training``, ``validation`` and ``test``; items hold ``image``, ``mask``,
        ``side``, ``window``, ``label`` and ``group``. Further keys: ``labels``, ``mode``, ``min_area``, ``seed``,
        ``counts`` and ``leak`` of each split (see ``width_auc``), ``skipped`` (number of slices).

    Raises:
        ValueError: for a table without the columns, broken slices, or too few groups for all splits and both classes in
            each.

    Example:
        >>> import tempfile
        >>> tumor = np.zeros((8, 8), np.uint8)
        >>> tumor[3:5, 1:3] = 255
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "index.csv").write_text("slice,block\n1,a\n2,b\n3,c")
        ...     for i in (1, 2, 3):
        ...         Image.new("L", (8, 8), 200).save(f"{folder}/{i}.png")
        ...         Image.fromarray(tumor).save(f"{folder}/mask{i}.png")
        ...     files = {"image_pattern": "{slice}.png", "mask_pattern": "mask{slice}.png"}
        ...     datalist = build_slices_datalist(folder, **files, min_area=4)
        >>> [(item["side"], item["window"], item["label"]) for item in datalist["test"]]
        [('image_left', [0, 3], 1), ('image_right', [3, 8], 0)]
    """
    check_option("mode", mode, MODES)
    if min_area < 1:
        raise ValueError(f"min_area: expected 1 pixel or more, got {min_area}")
    if len(fractions) != len(SPLITS):
        raise ValueError(f"fractions: expected one for each of {', '.join(SPLITS)}, got {tuple(fractions)}")
    root = Path(dataset_dir)
    names, table = _read_table(root, index_file, where or {})
    group_column = group_column or ("patient" if "patient" in names else "block")
    if stratify_column is None:
        stratify_column = "diagnosis" if "diagnosis" in names else ""
    columns = [group_column] + ([stratify_column] if stratify_column else [])
    rows = _check_rows(index_file, names, table, columns, image_pattern, mask_pattern)
    broken: dict[str, str] = {}
    halves: list[list[dict[str, Any]]] = []
    for row in rows:
        try:
            image, tumor = _read_slice(root / row["image"], root / row["mask"])
        except ValueError as error:
            broken[row["image"]] = str(error)
            halves.append([])
            continue
        halves.append(label_halves(mode, image, tumor, min_area, min_brain_fraction, threshold))
    refuse_broken(broken, len(rows), "slices", skip_broken)

    members: dict[str, Counter] = {}
    for row in rows:
        members.setdefault(row[group_column], Counter())[row[stratify_column] if stratify_column else ""] += 1
    strata = [counts.most_common(1)[0][0] for counts in members.values()]
    split_of = split_groups(list(members), fractions, seed, strata, contiguous, join_small=True)
    splits = np.array([split_of[row[group_column]] for row in rows])
    kept = ~_near_later_split(splits, gap)

    datalist: dict[str, Any] = {"labels": LABELS, "mode": mode, "min_area": min_area, "seed": seed}
    datalist |= {"skipped": len(broken), "counts": {}, "leak": {}}
    for index, name in enumerate(SPLITS):
        here = [
            half | {"place": row["image"], "image": row["image"], "mask": row["mask"], "group": row[group_column]}
            for row, pair, wanted in zip(rows, halves, kept & (splits == index))
            for half in pair
            if wanted
        ]
        datalist["counts"][name], datalist["leak"][name] = describe_split(name, here, "groups")
        datalist[name] = [{key: half[key] for key in ITEM} for half in here]
    return datalist


def find_slices(dataset_dir: str | Path, pattern: str = "images/*") -> list[dict[str, str]]:
    """Every picture (JPEG, PNG) of a folder, twice: an item for each side, without window or label.

    Args:
        dataset_dir: folder with the pictures.
        pattern: which files, relative to it, with wildcards.

    Raises:
        ValueError: when the folder is absent or holds no pictures.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Path(folder, "1.png").touch()
        ...     [(Path(item["image"]).name, item["side"]) for item in find_slices(folder, "*.png")]
        [('1.png', 'image_left'), ('1.png', 'image_right')]
    """
    return [{**item, "side": side} for item in find_pictures(dataset_dir, pattern) for side in SIDES]


def _read_table(
    root: Path, index_file: str, where: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[tuple[int, dict[str, Any]]]]:
    """Names of the columns, and the rows that have the wanted values, each with its line."""
    path = root / index_file
    if not path.is_file():
        raise ValueError(f"index_file: expected a CSV file, {path.name} is not in the folder {root.name!r}")
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or [])
        rows = list(enumerate(reader, start=2))
    if not rows:
        raise ValueError(f"{path.name}: expected a row for each slice, got none")
    everything = rows
    for column, wanted in where.items():
        if column not in names:
            raise ValueError(f"where: expected a column of {path.name}, {', '.join(names)}, got {column!r}")
        there = sorted({row[column] or "" for _, row in everything})
        unknown = sorted(set(wanted) - set(there))
        if unknown:
            raise ValueError(f"where: expected values of {column} among {', '.join(there)}, got {', '.join(unknown)}")
        rows = [(line, row) for line, row in rows if row[column] in wanted]
    if not rows:
        raise ValueError(f"where: expected rows of {path.name} with all of the values, got none")
    return names, rows


def _check_rows(
    index_file: str,
    names: list[str],
    table: list[tuple[int, dict[str, Any]]],
    columns: list[str],
    image: str,
    mask: str,
) -> list[dict[str, Any]]:
    """The rows, each with the paths ``image`` and ``mask``."""
    path = Path(index_file)
    missing = [c for c in columns if c not in names]
    if missing:
        raise ValueError(f"{path.name}: expected the columns {', '.join(columns)}, missing {', '.join(missing)}")
    patterns = {} if {"image", "mask"} <= set(names) else {"image": image, "mask": mask}
    seen: dict[str, int] = {}
    for line, row in table:
        if not all((row[c] or "").strip() for c in columns):
            raise ValueError(f"{path.name}, line {line}: expected values of {', '.join(columns)}, got an empty one")
        values = {k: int(v) if isinstance(v, str) and v.strip().isdigit() else v for k, v in row.items() if k}
        for key, pattern in patterns.items():
            try:
                row[key] = pattern.format(**values)
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(
                    f"{key}_pattern: expected one for the columns {', '.join(names)}, got {pattern!r}, which does "
                    f"not fit line {line} of {path.name}: {type(error).__name__} {error}"
                ) from error
        if row["image"] in seen:
            raise ValueError(
                f"{path.name}: expected each slice once, got the same in the lines {seen[row['image']]} and {line}"
            )
        seen[row["image"]] = line
    return [row for _, row in table]


def _read_slice(image_path: Path, mask_path: Path) -> tuple[np.ndarray, np.ndarray]:
    image, mask = _read_picture(image_path, "image"), _read_picture(mask_path, "mask")
    if image.shape != mask.shape:
        raise ValueError(f"mask: expected the shape {image.shape} of the image, got {mask.shape}")
    return image.astype(np.float32), mask > 0


def _read_picture(path: Path, what: str) -> np.ndarray:
    if not path.is_file():
        raise ValueError(f"{what}: expected a picture, got no file of this name")
    try:
        with Image.open(path) as picture:
            kind, values = picture.mode, np.asarray(picture.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:  # PIL raises all three for broken files
        raise ValueError(f"{what}: expected a picture, got a truncated or another file") from error
    if kind not in ("1", "L", "RGB"):  # of others the conversion to gray changes the values
        raise ValueError(f"{what}: expected 8-bit gray (L), black and white (1) or RGB, got the mode {kind}")
    return values


def _near_later_split(splits: np.ndarray, gap: int) -> np.ndarray:
    """Rows that have a row of a later split within ``gap`` rows."""
    near = np.zeros(len(splits), dtype=bool)
    for distance in range(1, min(gap, len(splits) - 1) + 1):
        near[:-distance] |= splits[distance:] > splits[:-distance]
        near[distance:] |= splits[:-distance] > splits[distance:]
    return near
