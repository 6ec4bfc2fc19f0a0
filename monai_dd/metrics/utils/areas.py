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
"""Areas under curves over a growing fraction of the pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["check_fractions", "check_logits", "compute_area"]


def check_fractions(fractions: Sequence[float] | torch.Tensor) -> torch.Tensor:
    """Return fractions as a tensor ``(F,)`` of float64.

    Raises:
        ValueError: unless there is one or more, each from 0 to 1 and each larger than the one before.
    """
    checked = torch.as_tensor(fractions, dtype=torch.float64).cpu()
    fits = checked.dim() == 1 and len(checked) > 0 and bool((checked.diff() > 0).all())
    if not fits or not (checked[0] >= 0 and checked[-1] <= 1):
        raise ValueError(f"fractions: expected increasing numbers from 0 to 1, got {checked.tolist()}")
    return checked


def compute_area(curve: torch.Tensor, fractions: Sequence[float] | torch.Tensor) -> torch.Tensor:
    """Area under curves by the trapezoid rule.

    Over all fractions from 0 to 1 it is the mean height of the curve.

    Args:
        curve: values ``(..., F)``.
        fractions: two or more increasing numbers from 0 to 1.

    Returns:
        tensor of shape ``(...)``.

    Raises:
        ValueError: for other fractions, or another number of them.

    Example:
        >>> import torch
        >>> compute_area(torch.tensor([1.0, 1.0, 0.0]), fractions=[0, 0.5, 1])
        tensor(0.7500)
    """
    checked = check_fractions(fractions)
    if curve.dim() < 1 or curve.shape[-1] != len(checked) or len(checked) < 2:
        raise ValueError(f"curve: expected (..., {max(2, len(checked))}), a value a fraction, got {tuple(curve.shape)}")
    return torch.trapezoid(curve, checked.to(curve), dim=-1)


def check_logits(logits: torch.Tensor, label: torch.Tensor, name: str) -> torch.Tensor:
    """Check logits of perturbed images and the class of each image.

    Args:
        logits: ``(B, F, K)``.
        label: classes ``(B,)`` or ``(B, 1)``.
        name: of the classes, for the message.

    Returns:
        classes ``(B,)`` on the device of the logits.

    Raises:
        ValueError: for other shapes, or classes outside ``0 .. K - 1``.
    """
    label = label.reshape(-1).to(logits.device)
    if logits.dim() != 3 or len(label) != len(logits):
        raise ValueError(
            f"logits, {name}: expected (B, F, K) and (B,), got {tuple(logits.shape)} and {tuple(label.shape)}"
        )
    last = logits.shape[2] - 1
    if len(label) and not 0 <= int(label.min()) <= int(label.max()) <= last:
        raise ValueError(f"{name}: expected classes 0 to {last}, got {int(label.min())} to {int(label.max())}")
    return label.long()
