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
"""One split of a data list, ready for a data set."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["load_datalist", "load_findings", "split_volume"]

PATHS = ("image", "mask")
VOLUME = re.compile(r"(?P<path>.+\.nii(\.gz)?)#(?P<volume>\d+)", re.IGNORECASE)


def load_datalist(
    datalist_file: str | Path, split: str, dataset_dir: str | Path, class_names: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Items of one split with the paths of images and masks made absolute.

    Args:
        datalist_file: JSON file that ``monai-dd datalist`` has written.
        split: ``"training"``, ``"validation"`` or what else the file has.
        dataset_dir: folder that the paths in the file are relative to.
        class_names: classes that labels ``(K,)`` must mean, in their order; not checked by default.

    Returns:
        the items; ``image`` and ``mask`` are paths or lists of paths, with the volume of a 4D file as in ``FILE#1``.
        Each has a ``case`` that tells it from the others on every machine: the (first) image as the file has it, slice
        and side where there are any, such as ``images/0001.png:image_left``; and a ``group``, whose images are not
        independent of one another: the item's own, else its ``patient``, else the file of its (first) image.

    Raises:
        ValueError: when the file or the split is not there, its classes are others, or images or masks are not in
            ``dataset_dir``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Path(folder, "1.png").touch()
        ...     _ = Path(folder, "datalist.json").write_text('{"validation": [{"image": "1.png", "label": 1}]}')
        ...     (item,) = load_datalist(f"{folder}/datalist.json", "validation", folder)
        >>> item["case"], item["label"], Path(item["image"]).is_absolute()
        ('1.png', 1, True)
    """
    path, root = Path(datalist_file), Path(dataset_dir).absolute()
    if not path.is_file():
        raise ValueError(
            f"datalist_file: expected a file that monai-dd datalist makes (--help), {path.name} is not there"
        )
    try:
        datalist = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"datalist_file: expected JSON, got {path.name}: {error}") from error
    items = datalist.get(split) if isinstance(datalist, dict) else None
    if not isinstance(items, list):
        lists = sorted(k for k, v in datalist.items() if isinstance(v, list)) if isinstance(datalist, dict) else []
        raise ValueError(f"{path.name}: expected the split {split!r}, got {lists}")
    if class_names is not None and datalist.get("class_names") != list(class_names):
        raise ValueError(
            f"class_names: expected those of {path.name}, {datalist.get('class_names')}, got {list(class_names)}"
        )
    names = {split_volume(name)[0] for item in items for key in PATHS for name in _listed(item.get(key, []))}
    absent = sum(not (root / name).exists() for name in names)
    if absent:
        raise ValueError(
            f"dataset_dir: expected the {len(names)} images and masks of the split {split!r} of {path.name} below "
            f"{root.name!r}, {absent} are not there"
        )
    absolute = [{k: _absolute(root, v) if k in PATHS else v for k, v in item.items()} for item in items]
    return [{**found, "case": _case(item), "group": _group(item)} for found, item in zip(absolute, items, strict=True)]


def load_findings(
    datalist_file: str | Path, split: str, dataset_dir: str | Path, class_names: Sequence[str]
) -> list[dict[str, Any]]:
    """Items of one split as :func:`load_datalist` gives them, one for each class that has a box in an image.

    Returns:
        the items; ``finding`` is the index of the class, ``boxes`` are those of this class alone, and ``case`` ends in
        its name, as in ``images/0001.png:Mass``. Images without boxes have none.

    Raises:
        ValueError: see :func:`load_datalist`, and when no image of the split has a box.

    Example:
        >>> import tempfile
        >>> item = {"image": "1.png", "label": [1, 1], "boxes": [[0, 0.1, 0.1, 0.5, 0.5], [1, 0.2, 0.2, 0.4, 0.4]]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Path(folder, "1.png").touch()
        ...     file = Path(folder, "datalist.json")
        ...     _ = file.write_text(json.dumps({"class_names": ["Mass", "Nodule"], "test": [item]}))
        ...     [(found["case"], found["boxes"]) for found in load_findings(file, "test", folder, ["Mass", "Nodule"])]
        [('1.png:Mass', [[0, 0.1, 0.1, 0.5, 0.5]]), ('1.png:Nodule', [[1, 0.2, 0.2, 0.4, 0.4]])]
    """
    found = []
    for item in load_datalist(datalist_file, split, dataset_dir, class_names):
        boxes = item.get("boxes", [])
        for index in sorted({int(box[0]) for box in boxes}):
            own = [box for box in boxes if box[0] == index]
            found.append({**item, "finding": index, "boxes": own, "case": f"{item['case']}:{class_names[index]}"})
    if not found:
        raise ValueError(f"{Path(datalist_file).name}: expected images with boxes in {split!r}, found none")
    return found


def _case(item: dict[str, Any]) -> str:
    parts = [_listed(item["image"])[0], *(str(item[key]) for key in ("slice", "side") if key in item)]
    return ":".join(parts)


def _group(item: dict[str, Any]) -> str:
    return str(item.get("group", item.get("patient", split_volume(_listed(item["image"])[0])[0])))


def split_volume(name: str) -> tuple[str, int | None]:
    """Path of the file and, for a volume of a 4D file, its index: ``"a.nii.gz#1"`` is volume 1 of ``a.nii.gz``."""
    match = VOLUME.fullmatch(name)
    return (match["path"], int(match["volume"])) if match else (name, None)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _absolute(root: Path, value: str | list[str]) -> str | list[str]:
    return str(root / value) if isinstance(value, str) else [str(root / name) for name in value]
