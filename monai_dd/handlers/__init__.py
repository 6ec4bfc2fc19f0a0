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
"""Ignite handlers: maps of explainers, loading of weights, a figure saver, and what MONAI's metric handler leaves."""

from __future__ import annotations

from .broadcast_buffers import BroadcastBuffers
from .explanation_maps import ExplanationMaps
from .figure_saver import AttentionFigureSaver
from .metrics import AttentionEntropy, ClassAUROC
from .ramp_up import gaussian_ramp_up
from .weights_loader import WeightsLoader

__all__ = [
    "AttentionEntropy",
    "AttentionFigureSaver",
    "BroadcastBuffers",
    "ClassAUROC",
    "ExplanationMaps",
    "WeightsLoader",
    "gaussian_ramp_up",
]
