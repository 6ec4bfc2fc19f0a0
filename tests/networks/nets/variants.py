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
"""Every row of the map's table as options of the network and of its loss."""

from __future__ import annotations

__all__ = ["VARIANTS", "build"]

from monai_dd.losses import DualDecompositionLoss
from monai_dd.networks.encoders import ResNetEncoder, UNetEncoder
from monai_dd.networks.nets import AttentionClassifier

GATED = {"readout": "pool", "num_gates": 2}
POOLED = {"readout": "attention", "init_scale": 10.0, "smoothing": 2}
BOTH = ["block3", "block4"]

# name: options of the network, options of the loss
VARIANTS = {
    "baseline": ({}, {"alpha": 0.0}),
    "tau_fine_gated": ({"attend": "block3", **GATED}, {"alpha": 0.0}),
    "tau_coarse_gated": ({"attend": ["block4"], **GATED}, {"alpha": 0.0}),
    "unconstrained_gated": ({"attend": BOTH, **GATED}, {"alpha": 0.0}),
    "dual_gated": ({"attend": BOTH, "consistency": "dual", **GATED}, {"alpha": 10.0}),
    "kl_fine_coarse_gated": (
        {"attend": BOTH, **GATED},
        {"alpha": 10.0, "divergence": "kl_fine_coarse", "witness": False},
    ),
    "kl_coarse_fine_gated": (
        {"attend": BOTH, **GATED},
        {"alpha": 10.0, "divergence": "kl_coarse_fine", "witness": False},
    ),
    "unconstrained": ({"attend": BOTH, **POOLED}, {"alpha": 0.0, "evidence_weight": 0.5}),
    "dual": ({"attend": BOTH, "consistency": "dual", **POOLED}, {"alpha": 10.0, "evidence_weight": 0.5}),
    "exact": (
        {"attend": BOTH, "consistency": "exact", **POOLED},
        {"alpha": 1.0, "divergence": "program", "evidence_weight": 0.5},
    ),
}


def build(name: str, spatial_dims: int = 2, encoder: str = "resnet", img_size: int = 64, **changes):
    """Return a small network of a variant and its loss."""
    options, loss = VARIANTS[name]
    if encoder == "resnet":
        network = ResNetEncoder(spatial_dims, 1, 18, features=4)
    else:
        network = UNetEncoder(spatial_dims, 1, features=2)
    options = {"img_size": img_size, **options, **changes}
    return AttentionClassifier(network, 3, **options), DualDecompositionLoss(**loss)
