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
"""Checks of arguments, each with one clear line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import torch

__all__ = ["check_finite", "check_option"]

T = TypeVar("T", str, int)


def check_finite(argument: str, values: torch.Tensor) -> None:
    """Check that a tensor holds no NaN and nothing infinite.

    Raises:
        ValueError: naming the argument and how many values are NaN or infinite.

    Example:
        >>> check_finite("image", torch.tensor([1.0, torch.nan]))
        Traceback (most recent call last):
        ValueError: image: expected finite numbers, got 1 NaN or infinite
    """
    finite = values.isfinite()
    if not bool(finite.all()):
        raise ValueError(f"{argument}: expected finite numbers, got {int((~finite).sum())} NaN or infinite")


def check_option(argument: str, value: T, options: Iterable) -> T:
    """Return ``value`` when it is one of ``options``; members of an enumeration count by their value.

    Args:
        argument: name of the argument, for the message.
        value: what the user gave.
        options: what is allowed: names, numbers or an enumeration.

    Raises:
        ValueError: naming the argument, the options and what came.

    Example:
        >>> check_option("side", "image_left", ("image_left", "image_right"))
        'image_left'
        >>> check_option("side", "top", ("image_left", "image_right"))
        Traceback (most recent call last):
        ValueError: side: expected one of ['image_left', 'image_right'], got 'top'
    """
    allowed = [getattr(option, "value", option) for option in options]
    if value not in allowed:
        raise ValueError(f"{argument}: expected one of {allowed}, got {value!r}")
    return allowed[allowed.index(value)]
