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
"""Metrics of classifiers and their explanations, each as function and class."""

from __future__ import annotations

from .attention_entropy import AttentionEntropyMetric, compute_attention_entropy
from .balanced_accuracy import BalancedAccuracyMetric, compute_balanced_accuracy
from .consistency_gap import ConsistencyGapMetric, compute_consistency_gap
from .pixel_average_precision import PixelAveragePrecisionMetric, compute_pixel_average_precision
from .pointing_game import PointingGameMetric, compute_pointing_game
from .relevance_mass import RelevanceMassAccuracyMetric, compute_relevance_mass_accuracy

__all__ = [
    "AttentionEntropyMetric",
    "BalancedAccuracyMetric",
    "ConsistencyGapMetric",
    "PixelAveragePrecisionMetric",
    "PointingGameMetric",
    "RelevanceMassAccuracyMetric",
    "compute_attention_entropy",
    "compute_balanced_accuracy",
    "compute_consistency_gap",
    "compute_pixel_average_precision",
    "compute_pointing_game",
    "compute_relevance_mass_accuracy",
]
