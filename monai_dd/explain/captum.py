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
"""Attribution methods of Captum (Kokhlikyan et al. 2020), on networks they are right for."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

import torch
from torch import nn

from monai_dd.explain.attribution import Attribution
from monai_dd.explain.propagation import LINEAR_MODULES, MAXIMA, MOVING_MODULES, NORMALIZATIONS, prepare_propagation
from monai_dd.explain.rescaled_pooling import rescale_pooling

__all__ = ["DeepLIFT", "GradientXInput", "IntegratedGradients", "LRP"]

_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.Softplus)  # by the Rescale rule
_MEANS = {torch.mean, torch.sum, "mean", "sum"}


def _captum() -> ModuleType:
    try:
        return importlib.import_module("captum.attr")
    except ImportError as e:
        raise ImportError("DeepLIFT, LRP and gradients of the image need captum: pip install monai-dd[explain]") from e


class DeepLIFT(Attribution):
    r"""Differences to a baseline, propagated by the Rescale rule (Shrikumar et al. 2017, Eqs. 11 and 12).

    The attributions add up to the change of the logit (their Eq. 1); that is checked. Networks of convolutions, linear
    layers, batch normalization, additions, ReLU and its like, and pooling are served; others are refused, among
    them those that multiply features with one another, such as attention, and those of other normalizations.

    Captum computes; maximum pooling follows :mod:`monai_dd.explain.rescaled_pooling` instead, because there it loses
    attributions where a maximum pooling follows an activation or its windows overlap.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        layer: stage of the encoder whose grid the map is on, see :class:`Attribution`.
        baseline: value of every pixel of the baseline.
        signed: scaling of the map, see :func:`~monai_dd.explain.attribution.attribution_map`.
        batch_size: images computed at once, each together with its baseline.
        tolerance: largest gap of completeness that passes in silence.

    Raises:
        UnsuitedError: for a network that has parts without a rule, and as :class:`Attribution`.
        ValueError: as :class:`Attribution`.
        ImportError: Captum is not installed.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), num_classes=2)
        >>> DeepLIFT(network, "block3")(torch.rand(1, 1, 32, 32), class_idx=1).shape
        torch.Size([1, 1, 8, 8])
    """

    complete = True

    def __init__(
        self,
        network: nn.Module,
        layer: str | None = None,
        baseline: float = 0.0,
        signed: bool = False,
        batch_size: int = 16,
        tolerance: float = 0.05,
    ) -> None:
        super().__init__(network, layer, signed, batch_size, tolerance)
        _captum()
        self.baseline = float(baseline)
        self._copy = rescale_pooling(prepare_propagation(network, "DeepLIFT", _ACTIVATIONS, _MEANS))

    def _attribute(self, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Setting forward, backward hooks", UserWarning)
            method = _captum().DeepLift(self._copy)
            return method.attribute(image, torch.full_like(image, self.baseline), target=target)


class LRP(Attribution):
    r"""Layer-wise relevance propagation by the epsilon rule (Bach et al. 2015, Eq. 58).

    :math:`R_j = \sum_i \frac{a_j w_{ij}}{z_i + \epsilon\,\mathrm{sign}(z_i)} R_i` through every layer, batch
    normalization as the linear layer that it is after training; ReLU passes relevance on, maximum pooling gives it
    to the maximum. Biases take their share of the relevance with them: the map adds up to the logit only for a network
    without (no batch normalization either), where this is checked. For :math:`\epsilon \to 0` and ReLU this is
    Gradient x Input (Ancona et al. 2018, Proposition 1), and with a small epsilon nearly so.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        layer: stage of the encoder whose grid the map is on, see :class:`Attribution`.
        epsilon: stabilizer of the rule, in units of the activations; more of it takes relevance from weak activations.
        signed: scaling of the map, see :func:`~monai_dd.explain.attribution.attribution_map`.
        batch_size: images computed at once.
        tolerance: largest gap of completeness that passes in silence.

    Raises:
        UnsuitedError: for a network that has parts without a rule, and as :class:`Attribution`.
        ValueError: for an epsilon that is not positive, and as :class:`Attribution`.
        ImportError: Captum is not installed.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), num_classes=2)
        >>> LRP(network, "block3")(torch.rand(1, 1, 32, 32), class_idx=1).shape
        torch.Size([1, 1, 8, 8])
    """

    def __init__(
        self,
        network: nn.Module,
        layer: str | None = None,
        epsilon: float = 1e-9,
        signed: bool = False,
        batch_size: int = 16,
        tolerance: float = 0.05,
    ) -> None:
        super().__init__(network, layer, signed, batch_size, tolerance)
        if not epsilon > 0:
            raise ValueError(f"epsilon: expected a positive number, got {epsilon}")
        _captum()
        self.epsilon = epsilon
        self._copy = prepare_propagation(network, "LRP", (nn.ReLU,))
        modules = list(self._copy.modules())
        self.complete = not any(isinstance(m, NORMALIZATIONS) or getattr(m, "bias", None) is not None for m in modules)

    def _attribute(self, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        rules = importlib.import_module("captum.attr._utils.lrp_rules")
        tiny = torch.finfo(image.dtype).tiny
        for module in self._copy.modules():
            if isinstance(module, (*LINEAR_MODULES, *MAXIMA)):  # Captum takes the rules away after every call
                moves = isinstance(module, (*MOVING_MODULES, *MAXIMA))
                module.rule = rules.EpsilonRule(tiny if moves else self.epsilon)
        return _captum().LRP(self._copy).attribute(image, target=target)


class GradientXInput(Attribution):
    r"""Gradient of the logit times the image, pixel by pixel (Shrikumar et al. 2017, Section 2).

    Serves every network. Completeness is promised for linear networks without bias only, and not checked.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        layer: stage of the encoder whose grid the map is on, see :class:`Attribution`.
        signed: scaling of the map, see :func:`~monai_dd.explain.attribution.attribution_map`.
        batch_size: images computed at once.

    Raises:
        ValueError: as :class:`Attribution`.
        ImportError: Captum is not installed.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), num_classes=2)
        >>> GradientXInput(network, "block3")(torch.rand(1, 1, 32, 32), class_idx=1).shape
        torch.Size([1, 1, 8, 8])
    """

    def __init__(
        self, network: nn.Module, layer: str | None = None, signed: bool = False, batch_size: int = 16
    ) -> None:
        super().__init__(network, layer, signed, batch_size)
        _captum()

    def _attribute(self, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return _captum().InputXGradient(self._forward).attribute(image, target=target)


class IntegratedGradients(Attribution):
    r"""Gradients integrated on the straight way from a baseline (Sundararajan et al. 2017, Eq. 1).

    :math:`(x - x_0) \odot \int_0^1 \nabla f(x_0 + t (x - x_0))\,\mathrm dt`, by the Gauss-Legendre rule. Serves every
    network. The attributions add up to the change of the logit up to the error of the rule, which is checked.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        layer: stage of the encoder whose grid the map is on, see :class:`Attribution`.
        baseline: value of every pixel of the baseline.
        steps: points of the rule.
        signed: scaling of the map, see :func:`~monai_dd.explain.attribution.attribution_map`.
        batch_size: images computed at once, those of different steps of the rule among them.
        tolerance: largest gap of completeness that passes in silence.

    Raises:
        ValueError: for fewer than 1 step, and as :class:`Attribution`.
        ImportError: Captum is not installed.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), num_classes=2)
        >>> IntegratedGradients(network, "block3", steps=64)(torch.rand(1, 1, 32, 32), class_idx=1).shape
        torch.Size([1, 1, 8, 8])
    """

    complete = True
    _advice = "; more steps narrow it"

    def __init__(
        self,
        network: nn.Module,
        layer: str | None = None,
        baseline: float = 0.0,
        steps: int = 64,
        signed: bool = False,
        batch_size: int = 16,
        tolerance: float = 0.05,
    ) -> None:
        super().__init__(network, layer, signed, batch_size, tolerance)
        if steps < 1:
            raise ValueError(f"steps: expected 1 or more, got {steps}")
        _captum()
        self.baseline = float(baseline)
        self.steps = steps

    def _attribute(self, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        method = _captum().IntegratedGradients(self._forward)
        return method.attribute(
            image,
            torch.full_like(image, self.baseline),
            target=target,
            n_steps=self.steps,
            internal_batch_size=self.batch_size,
        )
