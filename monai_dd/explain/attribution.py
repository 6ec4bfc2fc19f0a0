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
"""What explainers share that attribute a class's logit to the values of the image: batches, completeness, the map."""

from __future__ import annotations

import copy
import warnings
from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import nn

from monai_dd.explain.base import Explainer, UnsuitedError, choose_class, read_image
from monai_dd.explain.propagation import check_copy
from monai_dd.networks.layers import marginalize
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import read_logits

__all__ = ["Attribution", "CompletenessWarning", "attribution_map"]


class CompletenessWarning(UserWarning):
    """Attributions that should add up to the change of a logit do not."""


def attribution_map(attribution: torch.Tensor, factor: int = 1, signed: bool = False) -> torch.Tensor:
    r"""Turn signed attributions of an image's channels into one map.

    Each cell of ``factor`` pixels along every axis gets the sum of its attributions :math:`A`, so that the total stays;
    each channel of each image is scaled to 0..1; the channels are added up (Ron et al. 2022, Section 4). How to
    scale the paper leaves open. Here what speaks for the class counts, :math:`\max(A, 0) / \max A`: zero stays zero,
    and a cell whose pixels cancel is no evidence.

    Args:
        attribution: ``(B, C, *spatial)``.
        factor: pixels per cell along every axis, a divisor of the spatial size.
        signed: scale :math:`(A - \min A) / (\max A - \min A)` instead. The strongest evidence against the class becomes
            0, what has no say lies in between: for rankings of cells, not for shares of mass.

    Returns:
        map ``(B, 1, *spatial / factor)`` of values 0 to ``C``; a channel of which nothing speaks for the class adds
        nothing.

    Example:
        >>> attribution_map(torch.tensor([[[[1.0, -2.0], [3.0, 0.0]]]]))
        tensor([[[[0.3333, 0.0000],
                  [1.0000, 0.0000]]]])
    """
    cells = marginalize(attribution, factor)
    flat = cells.flatten(2)
    low = flat.amin(2, keepdim=True) if signed else torch.zeros_like(flat[:, :, :1])
    span = flat.amax(2, keepdim=True) - low
    scaled = torch.where(span > 0, (flat - low).relu() / span, torch.zeros_like(flat))
    return scaled.reshape(cells.shape).sum(1, keepdim=True)


class _Explained(NamedTuple):
    image: torch.Tensor
    logits: torch.Tensor
    chosen: torch.Tensor
    attribution: torch.Tensor


class Attribution(Explainer):
    r"""Explainer that gives each value of the image its share of the class's logit.

    Where a method promises completeness, that the attributions of an image add up to the change of its logit from the
    baseline, this is checked: a gap larger than ``tolerance`` gives one :class:`CompletenessWarning` for a batch, with
    the largest gap. It counts as a share of the change; where that is smaller than a hundredth of the attributions'
    absolute sum, or than a thousandth of the logits (an image like its baseline), as a share of these.

    A method that works on a copy of the network refuses a network whose logits the copy does not give: completeness
    holds for any copy, and would hide it.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        layer: name of a stage of ``network.encoder``: the attributions are added up over the image's cells at the
            stride of that stage. At the image's own resolution when None.
        signed: see :func:`attribution_map`.
        batch_size: images computed at once.
        tolerance: largest gap of completeness that passes in silence.

    Raises:
        UnsuitedError: for a stage of a network without an encoder that names them; on call, for a copy that differs.
        ValueError: for an unknown stage, or a batch size or tolerance that is not positive.

    Example:
        >>> class Intensity(Attribution):
        ...     def _attribute(self, image, target):
        ...         return image.detach()
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        >>> Intensity(network)(torch.tensor([[[[1.0, -2.0], [3.0, 0.0]]]]))
        tensor([[[[0.3333, 0.0000],
                  [1.0000, 0.0000]]]])
    """

    baseline: float | None = None  # what the image is compared with; None where the logit itself is split
    complete: bool = False  # whether the method promises completeness for this network
    _advice = ""  # what to do about a gap
    _copy: nn.Module | None = None  # what the method works on instead of the network

    def __init__(
        self,
        network: nn.Module,
        layer: str | None = None,
        signed: bool = False,
        batch_size: int = 16,
        tolerance: float = 0.05,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size: expected 1 or more, got {batch_size}")
        if not tolerance > 0:
            raise ValueError(f"tolerance: expected a positive number, got {tolerance}")
        self.network = network
        self.layer = layer
        self.factor = _stride(network, layer)
        self.signed = signed
        self.batch_size = batch_size
        self.tolerance = tolerance
        self._last: list[_Explained] | None = None  # shared by twins

    def at_layer(self, layer: str | None) -> Attribution:
        """Return a twin of this explainer with the grid of another stage.

        From now on both share the attributions of the images seen last, so that a second grid costs nothing: make twins
        when the network has its last weights.

        Raises:
            ValueError: for an unknown stage.
        """
        if self._last is None:
            self._last = []
        twin = copy.copy(self)
        twin.layer, twin.factor = layer, _stride(self.network, layer)
        return twin

    @abstractmethod
    def _attribute(self, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the attributions ``(B, C, *spatial)`` of the logits ``target`` ``(B,)`` of at most a batch."""

    def attribute(self, image: torch.Tensor, class_idx: int | torch.Tensor | None = None) -> torch.Tensor:
        """Return the signed attributions themselves, ``(B, C, *spatial)``.

        Args:
            image: ``(B, C, *spatial)``, 2D or 3D.
            class_idx: class to explain, as for the map.

        Raises:
            ValueError: for an image that is not a batch, or a class that is none.
        """
        return self._run(read_image(image), class_idx).attribution

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        size = list(image.shape[2:])
        if any(n < self.factor or n % self.factor for n in size):
            raise ValueError(f"image: expected multiples of {self.factor}, the stride of {self.layer!r}, got {size}")
        explained = self._run(image, class_idx, self._last[0] if self._last else None)
        if self._last is not None:
            self._last[:] = [explained]
        return attribution_map(explained.attribution, self.factor, self.signed)

    def _run(
        self, image: torch.Tensor, class_idx: int | torch.Tensor | None, last: _Explained | None = None
    ) -> _Explained:
        """Explain images, by what is known of the last ones where they are the same."""
        if last is not None and not torch.equal(last.image, image):
            last = None
        with torch.inference_mode(False), torch.enable_grad(), evaluating(self.network):
            logits = self._logits(image, self.network) if last is None else last.logits
            chosen = choose_class(logits, class_idx).clone()
            if last is not None and torch.equal(last.chosen, chosen):
                return last
            image = image.clone()  # callers reuse their buffers, or are in inference mode
            if self._copy is not None:
                check_copy(self._logits(image, self._copy), logits, type(self).__name__, type(self.network).__name__)
            parts = zip(image.split(self.batch_size), chosen.split(self.batch_size))
            result = torch.cat([self._attribute(part.clone().requires_grad_(), k).detach() for part, k in parts])
            gaps = self._gaps(image, logits, chosen, result) if self.complete else None
        if gaps is not None:
            self._report(gaps)
        return _Explained(image, logits, chosen, result)

    def _forward(self, image: torch.Tensor) -> torch.Tensor:
        return read_logits(self.network(image.clone()))  # the network's first layer may work in place

    @torch.no_grad()
    def _logits(self, image: torch.Tensor, network: nn.Module) -> torch.Tensor:
        return torch.cat([read_logits(network(part.clone())) for part in image.split(self.batch_size)])

    def _gaps(
        self, image: torch.Tensor, logits: torch.Tensor, chosen: torch.Tensor, attribution: torch.Tensor
    ) -> torch.Tensor:
        change = logit = logits.gather(1, chosen[:, None])[:, 0]
        if self.baseline is not None:
            change = logit - self._logits(torch.full_like(image[:1], self.baseline), self.network)[0, chosen]
        total, size = attribution.flatten(1).sum(1), attribution.flatten(1).abs().sum(1)
        scale = torch.stack([change.abs(), size / 100, logit.abs() / 1000]).amax(0)
        return (total - change).abs() / scale.clamp_min(torch.finfo(scale.dtype).tiny)

    def _report(self, gaps: torch.Tensor) -> None:
        wrong = int((~(gaps <= self.tolerance)).sum())
        if wrong:
            warnings.warn(
                f"{type(self).__name__}: the attributions of {wrong} of {len(gaps)} images do not add up to the change "
                f"of the logit: largest gap {float(gaps.max()):.1%}, expected up to {self.tolerance:.1%}{self._advice}",
                CompletenessWarning,
                stacklevel=5,
            )


def _stride(network: nn.Module, layer: str | None) -> int:
    strides = {info.name: info.stride for info in getattr(getattr(network, "encoder", None), "feature_info", ())}
    if layer is None:
        return 1
    if layer not in strides:
        kind = ValueError if strides else UnsuitedError
        raise kind(f"layer: expected None or one of the encoder's stages {list(strides)}, got {layer!r}")
    return int(strides[layer])
