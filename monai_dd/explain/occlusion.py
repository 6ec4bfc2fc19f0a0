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
"""What a classifier loses when a part of the image is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from monai.utils import ensure_tuple
from torch import nn

from monai_dd.explain.base import Explainer, choose_class
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import read_logits

__all__ = ["Occlusion"]


class Occlusion(Explainer):
    r"""Drop of a class's logit when a window is filled with one value (Zeiler and Fergus 2014, Section 4.2).

    The image is divided into cells of ``stride`` pixels; a cell's value is
    :math:`\max\bigl(f(x) - f(x\text{ with the window around the cell filled}), 0\bigr)`. The window has its center in
    that of the cell, so that the map lies on the image as any other does; at the border it ends with the image.
    The logit is compared, not the probability, which stands still where a network is sure.
    MONAI's ``OcclusionSensitivity`` takes one image at a time, has every class at the image's own resolution, and
    centers no window on the border.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        window: size of the window in pixels, one number or one for each axis: the stride, or an even number more.
        stride: size of the cells in pixels, one number or one for each axis; the window when None.
        fill: value of the hidden pixels.
        batch_size: images computed at once.

    Raises:
        ValueError: for sizes that are not positive, or windows that have no center in common with their cell.

    Example:
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> from monai_dd.networks.nets import AttentionClassifier
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), num_classes=2)
        >>> Occlusion(network, window=16)(torch.rand(1, 1, 32, 32), class_idx=1).shape
        torch.Size([1, 1, 2, 2])
    """

    def __init__(
        self,
        network: nn.Module,
        window: Sequence[int] | int,
        stride: Sequence[int] | int | None = None,
        fill: float = 0.0,
        batch_size: int = 16,
    ) -> None:
        windows = ensure_tuple(window)
        strides = windows if stride is None else ensure_tuple(stride)
        length = max(len(windows), len(strides))
        self.window = windows * length if len(windows) == 1 else windows
        self.stride = strides * length if len(strides) == 1 else strides
        if len(self.window) != len(self.stride) or min(*self.window, *self.stride) < 1:
            raise ValueError(f"window, stride: expected positive sizes of as many axes, got {window} and {stride}")
        if any(w < s or (w - s) % 2 for w, s in zip(self.window, self.stride)):
            raise ValueError(
                f"window: expected the stride or an even number of pixels more, got {self.window} and {self.stride}"
            )
        if batch_size < 1:
            raise ValueError(f"batch_size: expected 1 or more, got {batch_size}")
        self.network = network
        self.fill = float(fill)
        self.batch_size = batch_size

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        grid, windows = self._windows(list(image.shape[2:]))
        jobs = [(row, window) for row in range(len(image)) for window in windows]
        with torch.no_grad(), evaluating(self.network):
            logits = torch.cat([self._logits(part) for part in image.split(self.batch_size)])
            chosen = choose_class(logits, class_idx)
            hidden = []
            for start in range(0, len(jobs), self.batch_size):
                part = jobs[start : start + self.batch_size]
                rows = torch.tensor([row for row, _ in part], device=image.device)
                occluded = image[rows]
                for x, (_, window) in zip(occluded, part):
                    x[(slice(None), *window)] = self.fill
                hidden.append(self._logits(occluded).gather(1, chosen[rows, None])[:, 0])
        drop = logits.gather(1, chosen[:, None]) - torch.cat(hidden).reshape(len(image), -1)
        return drop.relu().reshape(len(image), 1, *grid)

    def _logits(self, image: torch.Tensor) -> torch.Tensor:
        return read_logits(self.network(image.clone()))

    def _windows(self, size: list[int]) -> tuple[list[int], list[tuple[slice, ...]]]:
        """Return the number of cells along each axis, and the window of every cell."""
        length = len(size)
        window = self.window * length if len(self.window) == 1 else self.window
        stride = self.stride * length if len(self.stride) == 1 else self.stride
        if len(stride) != length or any(n < s or n % s for n, s in zip(size, stride)):
            raise ValueError(f"image: expected {len(stride)} axes, multiples of the stride {stride}, got {size}")
        axes = []
        for n, w, s in zip(size, window, stride):
            margin = (w - s) // 2
            axes.append([slice(max(at - margin, 0), min(at + s + margin, n)) for at in range(0, n, s)])
        return [len(axis) for axis in axes], list(product(*axes))
