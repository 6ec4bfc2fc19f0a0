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
"""Small networks whose features are of the size of 1, as after training."""

from __future__ import annotations

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from monai_dd.networks.nets import AttentionClassifier
from tests.networks.nets.variants import build

__all__ = ["settled"]


def settled(
    name: str = "baseline", spatial_dims: int = 2, size: int = 32, seed: int = 0, **changes
) -> AttentionClassifier:
    """Return a network of a variant; its batch normalization has the statistics of a batch of noise."""
    torch.manual_seed(seed)
    network = build(name, spatial_dims, "unet", size, **changes)[0].train()
    units = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    for unit in units:
        unit.momentum = 1.0
    with torch.no_grad():
        network(torch.randn(4, 1, *[size] * spatial_dims))
    for unit in units:
        unit.momentum = 0.1
    return network.eval()
