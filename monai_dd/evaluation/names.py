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
"""Names and order of what is compared: explainers of variants, and levels of maps."""

from __future__ import annotations

from collections.abc import Iterable

from monai_dd.evaluation.schema import IMAGE_LEVEL, NETWORK

__all__ = ["EXPLAINERS", "in_paper_protocol", "row_name", "row_order", "sort_levels"]

# controls and attributions
_OTHERS = (
    *("random", "gaussian", "smoothed_intensity", "saliency", "gradient_x_input", "integrated_gradients", "deeplift"),
    *("lrp", "occlusion", "gradcam", "hirescam", "cam", "vit_rollout"),
)
_OWN = (
    "vit_attention",
    "attention",
    "patch_attention",
    "contribution",
    "contribution_sum",
    "contribution_signed",
    "contribution_sum_signed",
    NETWORK,
)  # explanations that a network gives itself
_PROGRAM = ("consistent", "cvx")  # the convex program on their maps, in closed form and solved
EXPLAINERS = (*_OTHERS, *_OWN, *_PROGRAM)
_VARIANTS = (
    *(
        "nih",
        "chexnet",
        "baseline",
        "robust",
        "vit",
        "tau_fine_gated",
        "tau_coarse_gated",
        "unconstrained_gated",
        "cvx",
    ),
    "kl_fine_coarse_gated",
    *("kl_coarse_fine_gated", "dual_gated", "unconstrained", "dual", "exact"),
)


def row_name(variant: str, explainer: str) -> str:
    """Name of the variant where it explains itself, else ``variant: explainer``.

    ``cvx`` is the convex program on the maps of the unconstrained gates, and ``cvx: closed form`` the variant that has
    the same weights and solves it in closed form.

    Example:
        >>> row_name("exact", "attention"), row_name("baseline", "integrated_gradients")
        ('exact', 'baseline: integrated gradients')
    """
    if explainer == "cvx" and variant == "unconstrained_gated":
        return "cvx"
    if explainer == "attention" and variant == "cvx":
        return "cvx: closed form"
    if explainer in ("attention", "patch_attention", NETWORK):
        return variant
    if variant == "vit":
        explainer = explainer.removeprefix("vit_")
    return f"{variant}: {explainer.replace('_', ' ')}"


def row_order(variant: str, explainer: str) -> tuple:
    """Key that sorts rows: controls and attributions first, then the networks' own attention, by the variants' order.

    Names that are not known come last in their part, by the alphabet.

    Example:
        >>> rows = [("exact", "attention"), ("baseline", "gradcam"), ("baseline", "random")]
        >>> sorted(rows, key=lambda row: row_order(*row))
        [('baseline', 'random'), ('baseline', 'gradcam'), ('exact', 'attention')]
    """
    if explainer in _OTHERS:
        place = _OTHERS.index(explainer)
    else:
        place = len(_OTHERS) + (explainer in EXPLAINERS)
    rank = _VARIANTS.index(variant) if variant in _VARIANTS else len(_VARIANTS)
    return place, rank, variant, explainer


def in_paper_protocol(variant: str, explainer: str) -> bool:
    """Whether the paper compares such a row: explanations of the baseline, and the own attention of other networks.

    It solves the program for one network, ``unconstrained_gated``.

    Example:
        >>> in_paper_protocol("baseline", "gradcam"), in_paper_protocol("exact", "gradcam")
        (True, False)
    """
    if explainer in _PROGRAM:
        return variant == "unconstrained_gated"
    return variant == "baseline" or explainer in _OWN


def sort_levels(levels: Iterable[str]) -> list[str]:
    """Levels from fine to coarse; ``image``, of maps of the image's resolution, only where there is no other.

    Example:
        >>> sort_levels({"coarse", "level1", "fine", "image"}), sort_levels({"image"})
        (['fine', 'level1', 'coarse'], ['image'])
    """
    levels = set(levels)
    named = sorted(levels - {IMAGE_LEVEL}, key=lambda level: {"fine": -1, "coarse": 10**6}.get(level) or int(level[5:]))
    return named or sorted(levels)
