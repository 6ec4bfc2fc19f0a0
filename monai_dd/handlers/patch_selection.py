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
"""Ignite adapter of :class:`~monai_dd.metrics.PatchSelectionMetric`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monai.handlers import IgniteMetricHandler

from monai_dd.metrics import PatchSelectionMetric

__all__ = ["PatchSelection"]


class PatchSelection(IgniteMetricHandler):
    """Attach :class:`~monai_dd.metrics.PatchSelectionMetric` to an engine.

    Args:
        kernel: side of a patch, in pixels of the mask.
        stride: from one patch to the next, in pixels.
        padding: how far the first patch lies before the image, in pixels.
        xi: patches with a weight above ``xi / M`` are selected.
        measure: ``precision``, ``recall`` or ``f_score``.
        output_transform: gives weights and mask from ``engine.state.output``.
    """

    def __init__(
        self,
        kernel: Sequence[int] | int,
        stride: Sequence[int] | int,
        padding: Sequence[int] | int = 0,
        xi: float = 0.0,
        measure: str = "f_score",
        output_transform: Callable = lambda x: x,
    ) -> None:
        metric = PatchSelectionMetric(kernel, stride, padding, xi, measure)
        super().__init__(metric_fn=metric, output_transform=output_transform, save_details=False)
