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
"""Street View House Numbers (Netzer et al. 2011), cropped digits, in the published MATLAB files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from monai_dd.data.datasets.folders import find_folder
from monai_dd.data.datasets.matlab import read_matlab_arrays
from monai_dd.utils.checks import check_option

__all__ = ["load_svhn"]

FILES = {"training": "train_32x32.mat", "test": "test_32x32.mat", "extra": "extra_32x32.mat"}
SOURCE = "it from http://ufldl.stanford.edu/housenumbers (format 2, cropped digits)"


def load_svhn(dataset_dir: str | Path, split: str = "training") -> list[dict[str, Any]]:
    """Images and labels of SVHN: 73,257 digits for training, 26,032 for the test, 531,131 extra ones.

    Args:
        dataset_dir: folder of ``train_32x32.mat``, ``test_32x32.mat`` and ``extra_32x32.mat``.
        split: ``training``, ``test`` or ``extra``.

    Returns:
        items with ``image``, unsigned bytes ``(3, 32, 32)`` as red, green and blue ``[C, H, W]``, ``label`` 0 to 9 (the
        file has 10 for the digit 0), and ``case``, file and number that tell it from the others.

    Raises:
        ValueError: when the file is absent (with where to get it) or broken.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from scipy.io import savemat
        >>> images, labels = np.zeros((32, 32, 3, 2), dtype=np.uint8), np.array([[10], [7]], dtype=np.uint8)
        >>> with TemporaryDirectory() as folder:
        ...     savemat(f"{folder}/test_32x32.mat", {"X": images, "y": labels})
        ...     items = load_svhn(folder, "test")
        >>> [(item["image"].shape, item["label"]) for item in items]
        [((3, 32, 32), 0), ((3, 32, 32), 7)]
    """
    check_option("split", split, FILES)
    folder, name = find_folder(dataset_dir, (), [FILES[split]], SOURCE)
    content = read_matlab_arrays(folder / name, ("X", "y"))
    images, labels = content.get("X"), content.get("y")
    found = {key: None if value is None else value.shape for key, value in (("X", images), ("y", labels))}
    if not _fits(images, labels):
        raise ValueError(f"{name}: expected bytes X (32, 32, 3, N) and y (N, 1), got {found['X']} and {found['y']}")
    digits = labels.ravel().astype(int)
    if digits.min() < 1 or digits.max() > 10:
        raise ValueError(f"{name}: expected labels 1 to 10, got {digits.min()} to {digits.max()}")
    images = np.ascontiguousarray(images.transpose(3, 2, 0, 1))
    pairs = zip(images, (digits % 10).tolist(), strict=True)
    return [{"image": image, "label": y, "case": f"{name}:{i}"} for i, (image, y) in enumerate(pairs)]


def _fits(images: Any, labels: Any) -> bool:
    if images is None or labels is None or images.dtype != np.uint8 or images.ndim != 4:
        return False
    count = images.shape[3]
    return images.shape[:3] == (32, 32, 3) and count > 0 and labels.shape == (count, 1) and labels.dtype.kind in "iuf"
