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
"""A small network with all that an attack must not touch, and images for it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

__all__ = ["EPSILON", "LABELS", "ROUNDING", "Linear", "Small", "images", "loss_of_each"]

EPSILON = 0.05
ROUNDING = 1e-6  # float32 near 1 has steps of 6e-8 to 1.2e-7; an addition and a difference make a few

LABELS = torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 0], [1, 0, 1]])


class Small(nn.Module):
    """Convolution, batch normalization, dropout and a head, in evaluation and in training mode very different."""

    def __init__(self, seed: int = 0, dictionary: bool = False, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(6, classes)
        self.dictionary = dictionary

    def forward(self, x):
        logits = self.head(self.body(x).flatten(2).mean(-1))
        return {"logits": logits, "map": x} if self.dictionary else logits


class Linear(nn.Module):
    """Logit of a weighted sum of the pixels."""

    def __init__(self, weight: torch.Tensor, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = bias

    def forward(self, x):
        return (x.flatten(1) @ self.weight + self.bias)[:, None]


def images(count: int = 4, size: int = 6, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Images in 0.1 to 0.9."""
    generator = torch.Generator().manual_seed(seed)
    return 0.1 + 0.8 * torch.rand(count, 1, size, size, generator=generator, dtype=dtype)


def loss_of_each(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of each label, with nothing shared in the batch."""
    return binary_cross_entropy_with_logits(output, target, reduction="none")
