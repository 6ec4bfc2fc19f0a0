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
"""A network evaluated in passing and left in the mode it was in; the scores of its classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["class_scores", "evaluating"]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode for a while; every module gets its own mode back, also after an error."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def class_scores(
    logits: torch.Tensor, label: torch.Tensor, name: str = "label"
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return softmax probabilities and one-hot labels, each ``(K,)``, as MONAI's ``ROCAUC`` takes them.

    For two classes both are those of class 1, ``(1,)``, so that every average of ``ROCAUC`` gives the one number.

    Args:
        logits: ``(B, K)``.
        label: class indices ``(B,)``.
        name: of the labels, for the message.

    Raises:
        ValueError: for a label that is no class.
    """
    probabilities = logits.float().softmax(1)
    num_classes = probabilities.shape[1]
    if int(label.min()) < 0 or int(label.max()) >= num_classes:
        raise ValueError(
            f"{name}: expected classes 0 to {num_classes - 1}, got {int(label.min())} to {int(label.max())}"
        )
    one_hot = torch.nn.functional.one_hot(label, num_classes).float()
    if num_classes == 2:
        probabilities, one_hot = probabilities[:, 1:], one_hot[:, 1:]
    return list(probabilities), list(one_hot)
