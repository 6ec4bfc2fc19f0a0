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
"""Dictionaries as a network returns them, from random potentials."""

from __future__ import annotations

import torch

from monai_dd.networks.layers import spatial_log_softmax, witnessed_attention

__all__ = ["network_output"]

NAMES = {2: ["fine", "coarse"], 3: ["fine", "level1", "coarse"]}


def network_output(sizes, batch=3, classes=3, scale=1.0, seed=0, requires_grad=False, dtype=torch.float64):
    """Return the dictionary of a network with levels of these spatial sizes, and the list of its potentials."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return (scale * torch.randn(*shape, generator=generator, dtype=dtype)).requires_grad_(requires_grad)

    potentials = [draw(batch, 1, *size) for size in sizes]
    witness = [draw(1, 1, *size).detach() for size in sizes[1:]]
    output = {"logits": draw(batch, classes)}
    for name, phi, log_mu in zip(NAMES[len(sizes)], potentials, witnessed_attention(potentials, witness), strict=True):
        output[f"phi_{name}"] = phi
        output[f"log_tau_{name}"] = spatial_log_softmax(phi)
        output[f"log_mu_{name}"] = log_mu
    return output, potentials
