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
"""Patches, capsules and their weights by loops, in float64 with gradients."""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["capsule_loss_attention", "dynamic_routing", "ilse_potential", "lengths_above", "loss_attention"]


def _length(vector: torch.Tensor) -> torch.Tensor:
    return sum(x * x for x in vector) ** 0.5


def loss_attention(p: torch.Tensor, xi: float) -> torch.Tensor:
    """Eq. 5a and 5b of Shi et al. (2021) for patch logits ``(B, K, *S)``, where neither is 0/0."""
    cells = list(np.ndindex(*p.shape[2:]))
    weights = torch.zeros_like(p[:, :1])
    for sample in range(p.shape[0]):
        lengths = [_length(p[(sample, slice(None), *at)]) for at in cells]
        alpha = [length / sum(lengths) for length in lengths]
        above = [max(a - xi / len(cells), 0.0 * a) for a in alpha]
        for at, value in zip(cells, above, strict=True):
            weights[(sample, 0, *at)] = value / sum(above)
    return weights


def capsule_loss_attention(p: torch.Tensor, xi: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Eq. 6a to 6e of Shi et al. (2021) for capsule logits ``(B, C, K, *S)``: Eq. 6b, 6c, and the image's logits."""
    cells = list(np.ndindex(*p.shape[3:]))
    channels = range(p.shape[1])
    patches, capsules = torch.zeros_like(p[:, :1, 0]), torch.zeros_like(p[:, :, 0])
    z = torch.zeros_like(p[:, 0].flatten(2)[..., 0])
    for n in range(p.shape[0]):
        length = {(c, at): _length(p[(n, c, slice(None), *at)]) for c in channels for at in cells}
        a = {key: value / sum(length.values()) for key, value in length.items()}
        above = {at: max(sum(a[c, at] for c in channels) - xi / len(cells), 0.0 * a[0, at]) for at in cells}
        alpha = {at: value / sum(above.values()) for at, value in above.items()}
        kept = {(c, at): a[c, at] if alpha[at] > 0 else 0.0 * a[c, at] for c in channels for at in cells}
        for at in cells:
            patches[(n, 0, *at)] = alpha[at]
            for c in channels:
                weight = kept[c, at] / sum(kept.values())
                capsules[(n, c, *at)] = weight
                z[n] = z[n] + weight * p[(n, c, slice(None), *at)]
    return patches, capsules, z


def ilse_potential(pooling, h: torch.Tensor) -> torch.Tensor:
    """Eq. 8 and 9 of Ilse et al. (2018) before the softmax, with biases, for features ``(B, C, *S)``."""
    V, v, w = pooling.embed.weight.flatten(1), pooling.embed.bias, pooling.project.weight.flatten()
    phi = torch.zeros_like(h[:, :1])
    for n in range(h.shape[0]):
        for at in np.ndindex(*h.shape[2:]):
            patch = h[(n, slice(None), *at)]
            embedding = torch.tanh(V @ patch + v)
            if pooling.gate is not None:
                U, u = pooling.gate[0].weight.flatten(1), pooling.gate[0].bias
                embedding = embedding / (1 + torch.exp(-(U @ patch + u)))
            phi[(n, 0, *at)] = w @ embedding + pooling.project.bias[0]
    return phi


def lengths_above(capsules: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Eq. 11 of Shi et al. (2021) for capsules ``(B, C, D, *S)``."""
    result = torch.zeros_like(capsules[:, :, 0])
    for n, c in np.ndindex(*capsules.shape[:2]):
        for at in np.ndindex(*capsules.shape[3:]):
            value = _length(capsules[(n, c, slice(None), *at)]) - b[c]
            result[(n, c, *at)] = value if value > 0 else 0.0 * value
    return result


def dynamic_routing(votes: torch.Tensor, iterations: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Procedure 1 of Sabour et al. (2017) for votes ``(B, N, K, D)``: ``s``, ``v`` and the couplings."""
    batch, below, above, _ = votes.shape
    all_s, all_v, all_c = torch.zeros_like(votes[:, 0]), torch.zeros_like(votes[:, 0]), torch.zeros_like(votes[..., 0])
    for n in range(batch):
        b = [[torch.zeros((), dtype=votes.dtype) for _ in range(above)] for _ in range(below)]
        for _ in range(iterations):
            c = [[x.exp() / sum(y.exp() for y in row) for x in row] for row in b]
            s = [sum(c[i][k] * votes[n, i, k] for i in range(below)) for k in range(above)]
            v = [_length(x) ** 2 / (1 + _length(x) ** 2) * x / _length(x) for x in s]
            b = [[b[i][k] + votes[n, i, k] @ v[k] for k in range(above)] for i in range(below)]
        all_s[n], all_v[n] = torch.stack(s), torch.stack(v)
        all_c[n] = torch.stack([torch.stack(row) for row in c])
    return all_s, all_v, all_c
