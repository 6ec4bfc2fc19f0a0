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
"""A few images in the files in which CIFAR, SVHN and Tiny ImageNet are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from tests.data.datasets.pickled import dumps_python2

__all__ = ["BOX", "draw_cifar", "draw_svhn", "write_cifar10", "write_cifar100", "write_svhn", "write_tiny_imagenet"]

TEN = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
TINY_CLASSES = ["n02", "n01"]  # not sorted, as published
BOX = (10, 4, 59, 21)  # left, top, right, bottom: the last pixels of the object


def draw_cifar(count: int, seed: int) -> tuple[np.ndarray, list[int], list[int]]:
    """Rows of pixels, labels of 10 classes, and of 100."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
    return pixels, rng.integers(0, 10, count).tolist(), rng.integers(0, 100, count).tolist()


def write_cifar10(folder: Path, form: str = "py") -> None:
    """Batches of 3 images each, of the seeds 0 to 5; ``batches.meta`` is in the archive, too."""
    for seed, name in enumerate(TEN):
        pixels, labels, _ = draw_cifar(3, seed)
        if form == "bin":
            rows = np.concatenate([np.array(labels, dtype=np.uint8)[:, None], pixels], axis=1)
            rows.tofile(folder / f"{name}.bin")
        else:
            content = {"batch_label": f"batch {seed}", "labels": labels, "data": pixels, "filenames": ["a.png"] * 3}
            (folder / name).write_bytes(dumps_python2(content))


def write_cifar100(folder: Path, form: str = "py") -> None:
    """4 images for training and 4 for the test, of the seeds 0 and 1."""
    for seed, name in enumerate(("train", "test")):
        pixels, _, fine = draw_cifar(4, seed)
        coarse = [y // 5 for y in fine]
        if form == "bin":
            rows = np.concatenate([np.array([coarse, fine], dtype=np.uint8).T, pixels], axis=1)
            rows.tofile(folder / f"{name}.bin")
        else:
            content = {"filenames": ["a.png"] * 4, "fine_labels": fine, "coarse_labels": coarse, "data": pixels}
            (folder / name).write_bytes(dumps_python2(content))


def draw_svhn(count: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images ``(32, 32, 3, N)``, and the labels of five."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (32, 32, 3, count), dtype=np.uint8), np.array([[1], [10], [9], [2], [10]], np.uint8)


def write_svhn(folder: Path, part: str, compressed: bool = False) -> None:
    """``part``: ``train``, ``test`` or ``extra``."""
    images, labels = draw_svhn()
    savemat(folder / f"{part}_32x32.mat", {"X": images, "y": labels}, do_compression=compressed)


def write_tiny_imagenet(root: Path) -> None:
    """Two classes of two images each, and three for validation: black, the object in the box white."""
    (root / "val" / "images").mkdir(parents=True)
    (root / "wnids.txt").write_text("\n".join(TINY_CLASSES) + "\n")
    corners = "\t".join(map(str, BOX))
    rows = [f"val_{i}.JPEG\t{name}\t{corners}\n" for i, name in enumerate(["n01", "n02", "n01"])]
    (root / "val" / "val_annotations.txt").write_text("".join(rows))
    for i in range(3):
        _write_image(root / "val" / "images" / f"val_{i}.JPEG")
    for name in TINY_CLASSES:
        folder = root / "train" / name
        (folder / "images").mkdir(parents=True)
        (folder / f"{name}_boxes.txt").write_text("".join(f"{name}_{i}.JPEG\t{corners}\n" for i in range(2)))
        for i in range(2):
            _write_image(folder / "images" / f"{name}_{i}.JPEG")


def _write_image(path: Path) -> None:
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    left, top, right, bottom = BOX
    pixels[top : bottom + 1, left : right + 1] = 255
    Image.fromarray(pixels).save(path, "JPEG", quality=95)
