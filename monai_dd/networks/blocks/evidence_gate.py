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
"""The potential that is the class evidence of a cell."""

from __future__ import annotations

import math

import torch
from torch import nn

__all__ = ["EvidenceGate"]


class EvidenceGate(nn.Module):
    r"""Potential of a cell from what the classifier makes of it: :math:`\phi_i = a \, e_i`.

    :math:`e_i` is the evidence for a class, such as :math:`\langle w_1 - w_0, v_i \rangle`. Attention and class then
    cannot disagree. With :math:`a = 0` pooling by this attention is the mean, with a large one the maximum: the
    learned pooling of McFee et al. (2018, Eq. 5), where the scale of the evidence is that of a logit.

    Args:
        init_scale: start of :math:`a`. Small: with 1 the attention of an untrained network may settle on few cells.
        max_scale: what :math:`a` never exceeds, None for no limit: sharp attention lets the evidence sit anywhere in
            the receptive field.
        learned: learn :math:`a`; else it stays as it is, and is stored with the weights.

    Raises:
        ValueError: for scales that are not positive, or a start above the limit.

    Example:
        >>> gate = EvidenceGate(init_scale=0.5)
        >>> gate(torch.full((1, 1, 2, 2), 4.0)).flatten().tolist()
        [2.0, 2.0, 2.0, 2.0]
    """

    def __init__(self, init_scale: float = 0.1, max_scale: float | None = None, learned: bool = True) -> None:
        super().__init__()
        limit = math.inf if max_scale is None else float(max_scale)
        if not 0 < init_scale <= limit or math.isinf(init_scale):
            raise ValueError(f"init_scale: expected a positive number up to max_scale {max_scale}, got {init_scale}")
        self.max_log_scale = math.log(limit)
        log_scale = torch.tensor(math.log(init_scale))
        if learned:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale)

    def forward(self, evidence: torch.Tensor) -> torch.Tensor:
        """Return the potential of evidence ``(B, K, *spatial)``, in its shape."""
        return evidence * self.log_scale.clamp(max=self.max_log_scale).exp()
