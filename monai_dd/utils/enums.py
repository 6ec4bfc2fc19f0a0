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
"""Names that travel between the rooms of the package."""

from __future__ import annotations

from monai.utils import StrEnum

__all__ = ["AttentionKeys", "Consistency", "PatchKeys", "PatchPooling", "Readout"]


class AttentionKeys(StrEnum):
    """Keys of the dictionary of a network built with ``return_attention=True``; maps are ``(B, 1, *spatial)``."""

    LOGITS = "logits"
    PHI_FINE = "phi_fine"
    PHI_COARSE = "phi_coarse"
    LOG_TAU_FINE = "log_tau_fine"
    LOG_TAU_COARSE = "log_tau_coarse"
    LOG_MU_FINE = "log_mu_fine"
    LOG_MU_COARSE = "log_mu_coarse"


class PatchKeys(StrEnum):
    """Further keys of the dictionary of a patch classifier: weights ``(B, 1, *grid)`` and logits ``(B, K, *grid)``."""

    PATCH_WEIGHTS = "patch_weights"
    PATCH_LOGITS = "patch_logits"


class PatchPooling(StrEnum):
    """How patches become the decision about the image."""

    MEAN = "mean"
    ATTENTION = "attention"
    GATED_ATTENTION = "gated_attention"
    LOSS_ATTENTION = "loss_attention"
    CAPSULE_LOSS_ATTENTION = "capsule_loss_attention"
    CAPSULE_DYNAMIC_ROUTING = "capsule_dynamic_routing"


class Readout(StrEnum):
    """How features become logits: the paper's gates before global pooling, or attention as the pooling."""

    POOL = "pool"
    ATTENTION = "attention"


class Consistency(StrEnum):
    """What makes the levels agree: nothing, the learned dual witness, or the closed form."""

    NONE = "none"
    DUAL = "dual"
    EXACT = "exact"
