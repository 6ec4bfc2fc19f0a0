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
"""The levels of a network's dictionary, and its target as class indices."""

from __future__ import annotations

import torch

__all__ = ["check_labels", "class_indices", "map_levels"]


def map_levels(output: dict[str, torch.Tensor], prefix: str) -> list[torch.Tensor]:
    """Maps of all attended levels, finest first.

    Args:
        output: dictionary of :class:`~monai_dd.networks.nets.AttentionClassifier`.
        prefix: ``phi``, ``log_tau`` or ``log_mu``.

    Raises:
        ValueError: when ``output`` is not such a dictionary.
    """
    names = [f"{prefix}_fine", f"{prefix}_coarse"]
    if not isinstance(output, dict) or any(name not in output for name in names):
        got = sorted(output) if isinstance(output, dict) else type(output).__name__
        raise ValueError(f"expected the dictionary of a network with return_attention=True holding {names}, got {got}")
    middle = sorted((k for k in output if k.startswith(f"{prefix}_level")), key=lambda k: int(k.rpartition("level")[2]))
    return [output[name] for name in [names[0], *middle, names[1]]]


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
