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
from .blanked_prediction import BlankedPrediction
from .box_localization import BoxLocalizationStudy
from .broadcast_buffers import BroadcastBuffers
from .case_maps import CaseMaps
from .class_auroc import ClassAUROC
from .consistency_gap import ConsistencyGap
from .deletion_auc import DeletionAUC
from .explanation_maps import ExplanationMaps
from .explanation_study import ExplanationStudy
from .figure_saver import AttentionFigureSaver
from .insertion_auc import InsertionAUC
from .labeled_patches import LabeledPatches
from .multilabel_map import MultilabelMAP
from .patch_localization import PatchLocalization
from .patch_selection import PatchSelection
from .perturbation_auc import PerturbationAUC
from .perturbed_prediction import PerturbedPrediction
from .pixel_average_precision import PixelAveragePrecision
from .pointing_game import PointingGame
from .quantile_iou import QuantileIoU
from .ramp_up import GaussianRampUp, gaussian_ramp_up
from .rank_correlation import RankCorrelation
from .relevance_mass import RelevanceMassAccuracy
from .relevance_rank import RelevanceRankAccuracy
from .study_measures import LocalizationMeasure, Measure, PerturbationMeasure, RandomizationMeasure, StudyBatch
from .study_results import StudyResults
from .weights_loader import WeightsLoader

__all__ = [
    "AdamBetas",
    "AttentionEntropy",
    "AttentionFigureSaver",
    "BalancedAccuracy",
    "BlankedPrediction",
    "BoxLocalizationStudy",
    "BroadcastBuffers",
    "CaseMaps",
    "ClassAUROC",
    "ConsistencyGap",
    "DeletionAUC",
    "ExplanationMaps",
    "ExplanationStudy",
    "GaussianRampUp",
    "InsertionAUC",
    "LabeledPatches",
    "LocalizationMeasure",
    "Measure",
    "MultilabelMAP",
    "PatchLocalization",
    "PatchSelection",
    "PerturbationAUC",
    "PerturbationMeasure",
    "PerturbedPrediction",
    "PixelAveragePrecision",
    "PointingGame",
    "QuantileIoU",
    "RandomizationMeasure",
    "RankCorrelation",
    "RelevanceMassAccuracy",
    "RelevanceRankAccuracy",
    "StudyBatch",
    "StudyResults",
    "WeightsLoader",
    "gaussian_ramp_up",
]
