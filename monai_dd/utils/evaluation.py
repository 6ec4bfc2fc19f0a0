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
"""A network evaluated in passing: left in the mode it was in, and read whatever form its output has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from monai_dd.utils.enums import AttentionKeys

__all__ = ["evaluating", "read_logits"]


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


def read_logits(output: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the logits ``(B, K)`` of a network that gives them alone, or as ``logits`` in a dictionary."""
    return output[AttentionKeys.LOGITS] if isinstance(output, Mapping) else output
