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
"""Ignite adapter of :class:`~monai_dd.metrics.PatchLocalizationMetric`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monai.handlers import IgniteMetricHandler

from monai_dd.metrics import PatchLocalizationMetric

__all__ = ["PatchLocalization"]


class PatchLocalization(IgniteMetricHandler):
    """Attach :class:`~monai_dd.metrics.PatchLocalizationMetric` to an engine.

    Args:
        kernel: side of a patch, in pixels of the mask.
        stride: from one patch to the next, in pixels.
        padding: how far the first patch lies before the image, in pixels.
        xi: patches with a weight above ``xi / M`` are selected.
        min_iou: what the intersection over union must exceed.
        output_transform: gives weights and mask from ``engine.state.output``.
    """

    def __init__(
        self,
        kernel: Sequence[int] | int,
        stride: Sequence[int] | int,
        padding: Sequence[int] | int = 0,
        xi: float = 0.0,
        min_iou: float = 0.5,
        output_transform: Callable = lambda x: x,
    ) -> None:
        metric = PatchLocalizationMetric(kernel, stride, padding, xi, min_iou)
        super().__init__(metric_fn=metric, output_transform=output_transform, save_details=False)
