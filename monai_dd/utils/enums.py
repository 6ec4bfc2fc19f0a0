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
"""Options that several packages name."""

from __future__ import annotations

from monai.utils import StrEnum

__all__ = ["Consistency", "PatchPooling", "Readout"]


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
