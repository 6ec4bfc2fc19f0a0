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
"""Attention gates and units, patches, and what weighs them."""

from __future__ import annotations

from .attention_unit import AttentionUnit
from .capsules import PatchCapsules, PrimaryCapsules, capsule_lengths
from .evidence_gate import EvidenceGate
from .inverted_residual import InvertedResidual, same_convolution
from .loss_attention import (
    CapsuleLossAttention,
    LossAttention,
    capsule_loss_attention,
    log_weights,
    loss_attention,
)
from .patch_attention import AttentionPooling, MeanPooling
from .patch_heads import CapsulePatchHead, ConvolutionalPatchHead, RoutingPatchHead
from .patch_layers import PatchLayers
from .potential_gate import PotentialGate, box_smooth
from .routing import RoutingCapsules, dynamic_routing, squash

__all__ = [
    "AttentionPooling",
    "AttentionUnit",
    "CapsuleLossAttention",
    "CapsulePatchHead",
    "ConvolutionalPatchHead",
    "EvidenceGate",
    "InvertedResidual",
    "LossAttention",
    "MeanPooling",
    "PatchCapsules",
    "PatchLayers",
    "PotentialGate",
    "PrimaryCapsules",
    "RoutingCapsules",
    "RoutingPatchHead",
    "box_smooth",
    "capsule_lengths",
    "capsule_loss_attention",
    "dynamic_routing",
    "log_weights",
    "loss_attention",
    "same_convolution",
    "squash",
]
