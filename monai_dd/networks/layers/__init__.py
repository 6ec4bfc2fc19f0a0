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
"""The mathematics of consistent attention, without weights (the witness has one)."""

from __future__ import annotations

from .consistent_attention import ConsistentAttention, consistent_attention, program_value, spatial_log_softmax
from .contribution import cell_contributions, contrast, sum_levels
from .dual_witness import DualWitness, witnessed_attention
from .marginalize import block_factor, broadcast_blocks, from_blocks, log_marginalize, marginalize, to_blocks

__all__ = [
    "ConsistentAttention",
    "DualWitness",
    "block_factor",
    "broadcast_blocks",
    "cell_contributions",
    "consistent_attention",
    "contrast",
    "from_blocks",
    "log_marginalize",
    "marginalize",
    "program_value",
    "spatial_log_softmax",
    "sum_levels",
    "to_blocks",
    "witnessed_attention",
]
