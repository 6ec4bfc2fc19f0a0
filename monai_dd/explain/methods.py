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
"""Explainers by name: all that can serve a network, in one call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch

from monai_dd.explain.attention import AttentionExplainer, attended_levels
from monai_dd.explain.base import Explainer, UnsuitedError
from monai_dd.explain.cam import GradCAM, HiResCAM
from monai_dd.explain.captum import LRP, DeepLIFT, GradientXInput, IntegratedGradients
from monai_dd.explain.class_activation import ClassActivationMap
from monai_dd.explain.contribution import Contribution, contribution_levels
from monai_dd.explain.controls import CenteredGaussian, RandomControl, SmoothedIntensity
from monai_dd.explain.convex import ConvexProgram
from monai_dd.explain.occlusion import Occlusion
from monai_dd.explain.patch import PatchAttention
from monai_dd.explain.randomization import randomize_cascade
from monai_dd.explain.saliency import Saliency
from monai_dd.explain.vit import ViTAttention
from monai_dd.utils.checks import check_option

__all__ = ["METHODS", "make_explainers", "make_randomized_explainers"]

CONTROLS = ("random", "gaussian", "smoothed_intensity")
METHODS = (
    "attention",
    "contribution",
    "contribution_sum",
    "contribution_signed",
    "contribution_sum_signed",
    "consistent",
    "cvx",
    "gradcam",
    "hirescam",
    "cam",
    "saliency",
    "deeplift",
    "lrp",
    "gradient_x_input",
    "integrated_gradients",
    "occlusion",
    "vit_attention",
    "vit_rollout",
    "patch_attention",
    *CONTROLS,
)


def make_explainers(
    network: torch.nn.Module,
    methods: Sequence[str] = METHODS,
    fine: str = "block3",
    coarse: str = "block4",
    batch_size: int = 16,
    window: int = 16,
    channel: int | None = None,
    sigma: float = 3.0,
    seed: int = 0,
    contrasted: bool = True,
    skip_unsuited: bool = True,
    mean_window: int | None = None,
) -> dict[str, Explainer]:
    """Make explainers of a network by their names.

    A method that gives a map for each level has a key for each, such as ``gradcam/fine``; one that gives a single map
    has its name alone. Some explainers copy the network, so make them when its weights are there.

    Args:
        network: classifier, plain or in the form that gives a dictionary.
        methods: among ``METHODS``.
        fine: stage of the encoder, or module, whose grid the fine maps of gradient methods have.
        coarse: the same for the coarse maps.
        batch_size: images computed at once, whatever the batch of a call; the convex program solves that at once.
        window: pixels along each axis that are hidden at once for ``occlusion``, in steps of half of that.
        channel: channel whose intensity is a control; the mean of all when None.
        sigma: of that control, in pixels.
        seed: of the control ``random``.
        contrasted: whether ``contribution`` compares classes, see :class:`~monai_dd.explain.Contribution`. Its forms
            that end in ``_signed`` have negative values where a cell speaks against the class: they are for figures.
        skip_unsuited: leave out methods that cannot serve this network, and say in the log why; refuse them otherwise.
            An argument that is wrong is refused in any case.
        mean_window: of the control ``smoothed_intensity``: pixels of a mean filter instead of the Gaussian.

    Returns:
        explainers by their keys, in the order of ``methods``.

    Raises:
        UnsuitedError: for a method that cannot serve the network.
        ValueError: for an unknown name, an argument that is wrong, or no method that can serve the network.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), 2, ["block3", "block4"], "attention", "exact")
        >>> list(make_explainers(network, ["attention", "gradcam", "random"]))
        ['attention/fine', 'attention/coarse', 'gradcam/fine', 'gradcam/coarse', 'random']
    """

    def each_level(make: Callable[[str], Explainer]) -> Callable[[], dict[str, Explainer]]:
        return lambda: {level: make(level) for level in attended_levels(network)}

    def each_layer(kind: type[GradCAM | HiResCAM]) -> Callable[[], dict[str, Explainer]]:
        return lambda: {level: kind(network, layer) for level, layer in {"fine": fine, "coarse": coarse}.items()}

    def each_grid(kind: type[DeepLIFT | LRP | GradientXInput | IntegratedGradients]) -> dict[str, Explainer]:
        first = kind(network, fine, batch_size=batch_size)
        return {"fine": first, "coarse": first.at_layer(coarse)}

    def solve() -> dict[str, Explainer]:
        first = ConvexProgram(network, progress=True)
        return {level: first.at_level(level) for level in first.levels}

    def sum_contributions(signed: bool) -> dict[str, Explainer]:
        if not contribution_levels(network):
            raise UnsuitedError("network: expected two levels or more to sum, got a network with a single map")
        return {"": Contribution(network, None, contrasted, signed)}

    def each_contribution(signed: bool) -> dict[str, Explainer]:
        levels: list[str | None] = [*contribution_levels(network)] or [None]
        return {level or "": Contribution(network, level, contrasted, signed) for level in levels}

    def one(make: Callable[[], Explainer]) -> Callable[[], dict[str, Explainer]]:
        return lambda: {"": make()}

    makers: dict[str, Callable[[], dict[str, Explainer]]] = {
        "attention": each_level(lambda level: AttentionExplainer(network, level)),
        "contribution": lambda: each_contribution(signed=False),
        "contribution_sum": lambda: sum_contributions(signed=False),
        "contribution_signed": lambda: each_contribution(signed=True),
        "contribution_sum_signed": lambda: sum_contributions(signed=True),
        "consistent": each_level(lambda level: AttentionExplainer(network, level, consistent=True)),
        "cvx": solve,
        "gradcam": each_layer(GradCAM),
        "hirescam": each_layer(HiResCAM),
        "cam": one(lambda: ClassActivationMap(network)),
        "saliency": one(lambda: Saliency(network, batch_size=batch_size)),
        "deeplift": lambda: each_grid(DeepLIFT),
        "lrp": lambda: each_grid(LRP),
        "gradient_x_input": lambda: each_grid(GradientXInput),
        "integrated_gradients": lambda: each_grid(IntegratedGradients),
        "occlusion": one(lambda: Occlusion(network, window, window // 2, batch_size=batch_size)),
        "vit_attention": one(lambda: ViTAttention(network)),
        "vit_rollout": one(lambda: ViTAttention(network, rollout=True)),
        "patch_attention": one(lambda: PatchAttention(network)),
        "random": one(lambda: RandomControl(seed)),
        "gaussian": one(CenteredGaussian),
        "smoothed_intensity": one(lambda: SmoothedIntensity(sigma, channel, mean_window)),
    }
    result: dict[str, Explainer] = {}
    reasons = []
    for name in methods:
        try:
            found = makers[check_option("methods", name, METHODS)]()
        except UnsuitedError as error:
            if not skip_unsuited:
                raise
            reasons.append(f"{name}: {error}")
            continue
        for level, explainer in found.items():
            if not hasattr(explainer, "batch_size") and name != "cvx":
                explainer.images_at_once = batch_size
            result[f"{name}/{level}" if level else name] = explainer
    if not result:
        raise ValueError(f"methods: none of {list(methods)} serves this network: {'; '.join(reasons)}")
    for reason in reasons:
        logging.getLogger(__name__).info("not explained by %s", reason)
    return result


def make_randomized_explainers(
    network: torch.nn.Module, methods: Sequence[str] = METHODS, seed: int = 0, **options: Any
) -> list[tuple[str, dict[str, Explainer]]]:
    """Make the explainers of :func:`make_explainers` for ever more randomized copies of a network.

    They hold all copies, which take the memory of two networks together, see
    :func:`~monai_dd.explain.randomize_cascade`; and explaining by all of them takes the time of as many explanations.

    Args:
        network: see there.
        methods: see there; controls, signed maps and the convex program, which the closed form stands for, are left
            out.
        seed: of the random weights.
        options: see there.

    Returns:
        the last group of layers that lost its weights, and the explainers, from the output to the input.

    Raises:
        ValueError: see both; none when only controls are left.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), 2, ["block3", "block4"], "attention", "exact")
        >>> for layers, explainers in make_randomized_explainers(network, ["attention"]):
        ...     print(layers, list(explainers))
        ...     break
        head ['attention/fine', 'attention/coarse']
    """
    wanted = [name for name in methods if name not in (*CONTROLS, "cvx") and not name.endswith("_signed")]
    served = {key.partition("/")[0] for key in make_explainers(network, [*wanted, "random"], **options)}
    wanted = [name for name in wanted if name in served]
    if not wanted:
        return []
    return [(name, make_explainers(copy, wanted, **options)) for name, copy in randomize_cascade(network, seed)]
