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
"""The images that ``patch_attention.py`` trains on, as tensors, with what of the network depends on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import TensorDataset

from monai_dd.data.datasets import load_cifar10, load_cifar100, load_svhn, load_tiny_imagenet

__all__ = ["IMAGE_SETS", "ImageSet", "load_image_set"]


class ImageSet(NamedTuple):
    """What differs between the data sets; the defaults are those of the paper for images of 32x32 pixels."""

    num_classes: int
    reader: Callable[..., list[dict[str, Any]]] | None = None
    test_split: str = "test"
    in_channels: int = 3
    img_size: int = 32
    brightest: float = 255.0
    encoder_strides: Sequence[int] | int = 1
    kernel_size: int = 9
    stride: int = 4
    features: int = 64
    capsules_per_feature: float = 0.5
    capsule_dims: tuple[int, int] = (16, 128)
    epochs: int = 200


IMAGE_SETS = {
    "digits": ImageSet(
        10,
        in_channels=1,
        img_size=8,
        brightest=16.0,
        kernel_size=3,
        stride=1,
        features=4,
        capsules_per_feature=1.0,
        capsule_dims=(8, 16),
        epochs=20,
    ),
    "cifar10": ImageSet(10, load_cifar10),
    "cifar100": ImageSet(100, load_cifar100),
    "svhn": ImageSet(10, load_svhn),
    # stride 2 in the fourth convolution of VGG-11 (Section V-D)
    "tiny_imagenet": ImageSet(200, load_tiny_imagenet, "validation", 3, 64, encoder_strides=(1, 1, 1, 2, 1, 1, 1, 1)),
}


def load_image_set(name: str, dataset_dir: Path | None, seed: int) -> tuple[TensorDataset, TensorDataset]:
    """Training and test images as bytes ``(N, C, H, W)``, with their labels ``(N,)``.

    The published split; scikit-learn's digits have none, there the seed draws a stratified one of 70 % and 30 %.

    Raises:
        ValueError: when files are absent or broken, or images have another size.
        OSError: when an image cannot be read.
    """
    if IMAGE_SETS[name].reader is None:
        images, labels = load_digits(return_X_y=True)
        images = images.astype(np.uint8).reshape(-1, 1, 8, 8)
        parts = train_test_split(images, labels, test_size=0.3, stratify=labels, random_state=seed)
        train_x, test_x, train_y, test_y = map(torch.from_numpy, parts)
        return TensorDataset(train_x, train_y), TensorDataset(test_x, test_y)
    return _read(name, dataset_dir, "training"), _read(name, dataset_dir, IMAGE_SETS[name].test_split)


@cache
def _read(name: str, dataset_dir: Path | None, split: str) -> TensorDataset:
    """One copy for all seeds."""
    items = IMAGE_SETS[name].reader(dataset_dir, split)
    shape = (IMAGE_SETS[name].in_channels, IMAGE_SETS[name].img_size, IMAGE_SETS[name].img_size)
    images = np.empty((len(items), *shape), dtype=np.uint8)
    for place, item in zip(images, items, strict=True):
        pixels = _read_rgb(item["image"]) if isinstance(item["image"], str) else item["image"]
        if pixels.shape != shape:
            raise ValueError(f"{item['case']}: expected an image of the shape {shape}, got {pixels.shape}")
        place[...] = pixels
    return TensorDataset(torch.from_numpy(images), torch.tensor([item["label"] for item in items]))


def _read_rgb(path: str) -> np.ndarray:
    """``(3, H, W)``; some images of Tiny ImageNet are gray."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
