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
"""Ignite adapter of :class:`~monai_dd.metrics.DeletionAUCMetric`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monai.handlers import IgniteMetricHandler

from monai_dd.metrics import DeletionAUCMetric

__all__ = ["DeletionAUC"]


class DeletionAUC(IgniteMetricHandler):
    """Attach :class:`~monai_dd.metrics.DeletionAUCMetric` to an engine.

    Args:
        fractions: of removed pixels, two or more increasing numbers from 0 to 1.
        output_transform: gives logits ``(B, F, K)`` and classes, from ``engine.state.output``,
            as :class:`~monai_dd.handlers.outputs.PerturbedPrediction` does.
    """

    def __init__(self, fractions: Sequence[float], output_transform: Callable = lambda x: x) -> None:
        metric = DeletionAUCMetric(fractions)
        super().__init__(metric_fn=metric, output_transform=output_transform, save_details=False)
