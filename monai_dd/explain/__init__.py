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
"""Explanations of a classifier, and the controls they are compared with; each is one call, see :class:`Explainer`."""

from __future__ import annotations

from .attention import AttentionExplainer
from .attribution import Attribution, CompletenessWarning, attribution_map
from .base import Explainer, UnsuitedError
from .cam import GradCAM, HiResCAM
from .captum import LRP, DeepLIFT, GradientXInput, IntegratedGradients
from .class_activation import ClassActivationMap
from .contribution import Contribution
from .controls import CenteredGaussian, RandomControl, SmoothedIntensity
from .convex import ConvexProgram
from .methods import METHODS, make_explainers, make_randomized_explainers
from .occlusion import Occlusion
from .patch import PatchAttention
from .randomization import randomize_cascade
from .safe_copy import make_safe_copy
from .saliency import Saliency, saliency_map
from .vit import ViTAttention

__all__ = [
    "AttentionExplainer",
    "Attribution",
    "CenteredGaussian",
    "ClassActivationMap",
    "CompletenessWarning",
    "Contribution",
    "ConvexProgram",
    "DeepLIFT",
    "Explainer",
    "GradCAM",
    "GradientXInput",
    "HiResCAM",
    "IntegratedGradients",
    "LRP",
    "METHODS",
    "Occlusion",
    "PatchAttention",
    "RandomControl",
    "Saliency",
    "SmoothedIntensity",
    "UnsuitedError",
    "ViTAttention",
    "attribution_map",
    "make_explainers",
    "make_randomized_explainers",
    "make_safe_copy",
    "randomize_cascade",
    "saliency_map",
]
