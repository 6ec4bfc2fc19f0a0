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
"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in both published formats: Python's pickle, and binary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monai_dd.data.datasets.folders import find_folder
from monai_dd.data.datasets.pickles import read_byte_pickle
from monai_dd.utils.checks import check_option

__all__ = ["load_cifar10", "load_cifar100"]

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
SPLITS = ("training", "test")
TEN = {"training": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
HUNDRED = {"training": ["train"], "test": ["test"]}
CLASSES = {"coarse": 20, "fine": 100}
SOURCE = "{name}-python.tar.gz or {name}-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it"


def load_cifar10(dataset_dir: str | Path, split: str = "training") -> list[dict[str, Any]]:
    """Images and labels of CIFAR-10: 50,000 for training, 10,000 for the test.

    Args:
        dataset_dir: folder of ``data_batch_1`` to ``data_batch_5`` and ``test_batch`` (Python), of the same with
            ``.bin`` (binary), or the one that ``cifar-10-batches-py`` or ``cifar-10-batches-bin`` lies in.
        split: ``training`` or ``test``.

    Returns:
        items with ``image``, unsigned bytes ``(3, 32, 32)`` as red, green and blue ``[C, H, W]``, ``label`` 0 to 9, and
        ``case``, file and number that tell it from the others.

    Raises:
        ValueError: when the files are absent (with where to get them) or broken.

    Example:
        Five binary files of two black images each, a byte of the label before 3072 of the pixels:

        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     for i in range(1, 6):
        ...         np.zeros((2, 3073), dtype=np.uint8).tofile(f"{folder}/data_batch_{i}.bin")
        ...     items = load_cifar10(folder)
        >>> len(items), items[9]["image"].shape, items[9]["label"], items[9]["case"]
        (10, (3, 32, 32), 0, 'data_batch_5.bin:1')
    """
    check_option("split", split, SPLITS)
    folders, source = ("cifar-10-batches-py", "cifar-10-batches-bin"), SOURCE.format(name="cifar-10")
    return _load(dataset_dir, folders, TEN[split], source, ["labels"], [10], 0)


def load_cifar100(dataset_dir: str | Path, split: str = "training", labels: str = "fine") -> list[dict[str, Any]]:
    """Images and labels of CIFAR-100: 50,000 for training, 10,000 for the test.

    Args:
        dataset_dir: folder of ``train`` and ``test`` (Python), of ``train.bin`` and ``test.bin`` (binary), or the one
            that ``cifar-100-python`` or ``cifar-100-binary`` lies in.
        split: ``training`` or ``test``.
        labels: ``fine``, 100 classes, or ``coarse``, 20.

    Returns:
        items as of :func:`load_cifar10`.

    Raises:
        ValueError: when the files are absent (with where to get them) or broken.

    Example:
        A binary file of two black images with both labels, 4 of 20 and 31 of 100:

        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     np.array([[4, 31] + [0] * 3072] * 2, dtype=np.uint8).tofile(f"{folder}/test.bin")
        ...     fine, coarse = (load_cifar100(folder, "test", labels) for labels in ("fine", "coarse"))
        >>> fine[0]["label"], coarse[0]["label"]
        (31, 4)
    """
    check_option("split", split, SPLITS)
    check_option("labels", labels, CLASSES)
    folders, source = ("cifar-100-python", "cifar-100-binary"), SOURCE.format(name="cifar-100")
    keys = [f"{name}_labels" for name in CLASSES]
    return _load(
        dataset_dir, folders, HUNDRED[split], source, keys, list(CLASSES.values()), list(CLASSES).index(labels)
    )


def _load(
    dataset_dir: str | Path,
    folders: Sequence[str],
    batches: Sequence[str],
    source: str,
    keys: Sequence[str],
    classes: Sequence[int],
    chosen: int,
) -> list[dict[str, Any]]:
    """Items of all batches; ``keys`` and ``classes`` are those of each label in a file, ``chosen`` the one to take."""
    folder, first = find_folder(dataset_dir, folders, [batches[0], f"{batches[0]}.bin"], source)
    items = []
    for batch in batches:
        path = folder / (batch + Path(first).suffix)
        if not path.is_file():
            raise ValueError(f"dataset_dir: expected {path.name} next to {first}; get {source}")
        images, labels = _read_binary(path, keys) if path.suffix else _read_python(path, keys)
        label = labels[:, chosen]
        if label.size and (label.min() < 0 or label.max() >= classes[chosen]):
            last = classes[chosen] - 1
            raise ValueError(f"{path.name}: expected labels 0 to {last}, got {label.min()} to {label.max()}")
        pairs = zip(images.reshape(-1, *SHAPE), label.tolist(), strict=True)
        items += [{"image": image, "label": y, "case": f"{path.name}:{i}"} for i, (image, y) in enumerate(pairs)]
    return items


def _read_binary(path: Path, keys: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the label, or the labels, and the pixels, a byte each."""
    values = np.fromfile(path, dtype=np.uint8)
    length = len(keys) + PIXELS
    if values.size == 0 or values.size % length:
        raise ValueError(f"{path.name}: expected rows of {length} bytes, got {values.size} bytes in all")
    rows = values.reshape(-1, length)
    return rows[:, len(keys) :], rows[:, : len(keys)].astype(int)


def _read_python(path: Path, keys: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """A dictionary of the pixels ``data`` and lists of labels."""
    content = read_byte_pickle(path)
    images = content.get("data")
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != PIXELS:
        got = "none" if images is None else str(getattr(images, "shape", type(images).__name__))
        raise ValueError(f"{path.name}: expected 'data' with the shape (N, {PIXELS}), got {got}")
    for key in keys:
        labels = content.get(key)
        if not isinstance(labels, list) or len(labels) != len(images) or not all(type(y) is int for y in labels):
            raise ValueError(f"{path.name}: expected {key!r} with a whole number for each of {len(images)} images")
    return images, np.array([content[key] for key in keys], dtype=int).T
