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
"""The gate of Ron et al. (2022) cell by cell, in float64 with gradients."""

from __future__ import annotations

import numpy as np
import torch

from monai_dd.networks.blocks import PotentialGate

__all__ = ["box_filter", "gate_features", "potential"]


def box_filter(phi: torch.Tensor) -> torch.Tensor:
    """Mean of the 3-wide neighborhood of each cell of ``(B, 1, *spatial)``, edges repeated."""
    shape = phi.shape[2:]
    cells = []
    for at in np.ndindex(*shape):
        near = []
        for step in np.ndindex(*[3] * len(shape)):
            place = [min(max(i + s - 1, 0), n - 1) for i, s, n in zip(at, step, shape, strict=True)]
            near.append(phi[(slice(None), slice(None), *place)])
        cells.append(torch.stack(near).mean(0))
    return torch.stack(cells, dim=-1).reshape(phi.shape)


def potential(gate: PotentialGate, v: torch.Tensor) -> torch.Tensor:
    """Eq. 1 with biases: ``phi_i = <u, relu((U v_i + b) / |U v_i + b|)> + c``, times the scale, then the filters."""
    U, b = gate.embed.weight.flatten(1), gate.embed.bias
    u, c = gate.project.weight.flatten(), gate.bias
    cells = []
    for at in np.ndindex(*v.shape[2:]):
        column = v[(slice(None), slice(None), *at)]
        rows = []
        for sample in column:
            embedding = U @ sample + b
            unit = embedding / (embedding**2).sum().sqrt()
            rows.append(u @ torch.where(unit > 0, unit, torch.zeros_like(unit)) + c[0])
        cells.append(torch.stack(rows))
    phi = torch.stack(cells, dim=-1).reshape(v.shape[0], 1, *v.shape[2:])
    if gate.log_scale is not None:
        phi = phi * gate.log_scale.exp()
    for _ in range(gate.smoothing):
        phi = box_filter(phi)
    return phi


def gate_features(phi: torch.Tensor, v: torch.Tensor, rescale: bool) -> torch.Tensor:
    """Eq. 2 and 3: ``tau_i v_i``, times the number of cells for ``rescale``."""
    gated = torch.empty_like(v)
    for sample in range(v.shape[0]):
        total = sum(phi[(sample, 0, *at)].exp() for at in np.ndindex(*v.shape[2:]))
        for at in np.ndindex(*v.shape[2:]):
            tau = phi[(sample, 0, *at)].exp() / total
            factor = float(np.prod(v.shape[2:])) if rescale else 1.0
            gated[(sample, slice(None), *at)] = v[(sample, slice(None), *at)] * tau * factor
    return gated
