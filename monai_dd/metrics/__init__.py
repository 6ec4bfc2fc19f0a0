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
from .box_localization import BoxLocalizationMetric, compute_box_iou, compute_box_localization
from .class_auroc import ClassAUROCMetric, compute_class_auroc
from .consistency_gap import ConsistencyGapMetric, compute_consistency_gap
from .deletion_insertion import (
    compute_deletion_auc,
    compute_insertion_auc,
)
from .localization import compute_localization
from .patch_localization import PatchLocalizationMetric, compute_patch_box_iou, mask_boxes, selected_boxes
from .patch_selection import (
    PatchSelectionMetric,
    compute_patch_selection,
    count_patches,
    patches_of_label,
    select_patches,
)
from .perturbation_curve import compute_perturbation_curve
from .pixel_average_precision import PixelAveragePrecisionMetric, compute_pixel_average_precision
from .pointing_game import PointingGameMetric, compute_pointing_game
from .quantile_iou import compute_quantile_iou
from .rank_correlation import compute_rank_correlation
from .relevance_mass import RelevanceMassAccuracyMetric, compute_relevance_mass_accuracy
from .relevance_rank import compute_relevance_rank_accuracy
from .utils.areas import compute_area
from .utils.patch_grid import boxes_to_mask, patch_boxes, patch_shares
from .utils.perturbation import perturb_logits

__all__ = [
    "AttentionEntropyMetric",
    "BalancedAccuracyMetric",
    "BoxLocalizationMetric",
    "ClassAUROCMetric",
    "ConsistencyGapMetric",
    "PatchLocalizationMetric",
    "PatchSelectionMetric",
    "PixelAveragePrecisionMetric",
    "PointingGameMetric",
    "RelevanceMassAccuracyMetric",
    "boxes_to_mask",
    "compute_area",
    "compute_attention_entropy",
    "compute_balanced_accuracy",
    "compute_box_iou",
    "compute_box_localization",
    "compute_class_auroc",
    "compute_consistency_gap",
    "compute_deletion_auc",
    "compute_insertion_auc",
    "compute_localization",
    "compute_patch_box_iou",
    "compute_patch_selection",
    "compute_perturbation_curve",
    "compute_pixel_average_precision",
    "compute_pointing_game",
    "compute_quantile_iou",
    "compute_rank_correlation",
    "compute_relevance_mass_accuracy",
    "compute_relevance_rank_accuracy",
    "count_patches",
    "mask_boxes",
    "patch_boxes",
    "patch_shares",
    "patches_of_label",
    "perturb_logits",
    "select_patches",
    "selected_boxes",
]
