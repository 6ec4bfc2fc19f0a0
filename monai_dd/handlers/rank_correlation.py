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
"""Ignite adapter of :class:`~monai_dd.metrics.RankCorrelationMetric`."""

from __future__ import annotations

from collections.abc import Callable

from monai.handlers import IgniteMetricHandler

from monai_dd.metrics import RankCorrelationMetric

__all__ = ["RankCorrelation"]


class RankCorrelation(IgniteMetricHandler):
    """Attach :class:`~monai_dd.metrics.RankCorrelationMetric` to an engine.

    Args:
        output_transform: gives two maps from ``engine.state.output``.
    """

    def __init__(self, output_transform: Callable = lambda x: x) -> None:
        metric = RankCorrelationMetric()
        super().__init__(metric_fn=metric, output_transform=output_transform, save_details=False)
