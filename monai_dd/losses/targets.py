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
"""Targets as class indices, or as any number of labels."""

from __future__ import annotations

import torch

__all__ = ["check_labels", "class_indices"]


def class_indices(target: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Class indices ``(B,)`` of a target given as ``(B,)``, ``(B, 1)`` or one-hot ``(B, K)``.

    Raises:
        ValueError: for a target of another shape.
    """
    if target.dim() == 2 and target.shape[1] == num_classes and num_classes > 1:
        return target.argmax(dim=1)
    if target.dim() == 1 or (target.dim() == 2 and target.shape[1] == 1):
        return target.reshape(-1).long()
    raise ValueError(f"target: expected (B,), (B, 1) or one-hot (B, {num_classes}), got {tuple(target.shape)}")


def check_labels(target: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Return the target ``(B, K)`` of images with any number of labels.

    Raises:
        ValueError: for a target of another shape, or with other values than zeros and ones.
    """
    if target.dim() != 2 or target.shape[1] != num_classes:
        raise ValueError(f"target: expected (B, {num_classes}), got {tuple(target.shape)}")
    if not bool(((target == 0) | (target == 1)).all()):
        raise ValueError("target: expected zeros and ones, got other values")
    return target
