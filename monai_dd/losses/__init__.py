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
"""Losses of consistent and of loss-based attention."""

from __future__ import annotations

from .balanced_bce import BalancedBCELoss, compute_balance
from .consistency import ConsistencyLoss, compute_divergence
from .dual_decomposition import DualDecompositionLoss
from .elastic_net import ElasticNetLoss
from .evidence import EvidenceLoss, compute_evidence
from .loss_attention import LossAttentionLoss, compute_patch_loss

__all__ = [
    "BalancedBCELoss",
    "ConsistencyLoss",
    "DualDecompositionLoss",
    "ElasticNetLoss",
    "EvidenceLoss",
    "LossAttentionLoss",
    "compute_balance",
    "compute_divergence",
    "compute_evidence",
    "compute_patch_loss",
]
