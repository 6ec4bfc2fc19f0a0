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
"""Ignite handlers: adapters of the metrics, maps of explainers, loading of weights, and a figure saver."""

from __future__ import annotations

from .adam_betas import AdamBetas
from .attention_entropy import AttentionEntropy
from .balanced_accuracy import BalancedAccuracy
from .broadcast_buffers import BroadcastBuffers
from .class_auroc import ClassAUROC
from .consistency_gap import ConsistencyGap
from .deletion_auc import DeletionAUC
from .explanation_maps import ExplanationMaps
from .figure_saver import AttentionFigureSaver
from .insertion_auc import InsertionAUC
from .multilabel_map import MultilabelMAP
from .patch_localization import PatchLocalization
from .patch_selection import PatchSelection
from .perturbation_auc import PerturbationAUC
from .pixel_average_precision import PixelAveragePrecision
from .pointing_game import PointingGame
from .quantile_iou import QuantileIoU
from .ramp_up import GaussianRampUp, gaussian_ramp_up
from .rank_correlation import RankCorrelation
from .relevance_mass import RelevanceMassAccuracy
from .relevance_rank import RelevanceRankAccuracy
from .weights_loader import WeightsLoader

__all__ = [
    "AdamBetas",
    "AttentionEntropy",
    "AttentionFigureSaver",
    "BalancedAccuracy",
    "BroadcastBuffers",
    "ClassAUROC",
    "ConsistencyGap",
    "DeletionAUC",
    "ExplanationMaps",
    "GaussianRampUp",
    "InsertionAUC",
    "MultilabelMAP",
    "PatchLocalization",
    "PatchSelection",
    "PerturbationAUC",
    "PixelAveragePrecision",
    "PointingGame",
    "QuantileIoU",
    "RankCorrelation",
    "RelevanceMassAccuracy",
    "RelevanceRankAccuracy",
    "WeightsLoader",
    "gaussian_ramp_up",
]
