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
"""Ignite adapter of :class:`~monai_dd.metrics.MultilabelMAPMetric`."""

from __future__ import annotations

from collections.abc import Callable

from monai.handlers import IgniteMetricHandler

from monai_dd.metrics import MultilabelMAPMetric

__all__ = ["MultilabelMAP"]


class MultilabelMAP(IgniteMetricHandler):
    """Attach :class:`~monai_dd.metrics.MultilabelMAPMetric` to an engine.

    Args:
        output_transform: gives the metric's two inputs from ``engine.state.output``.
    """

    def __init__(self, output_transform: Callable = lambda x: x) -> None:
        super().__init__(metric_fn=MultilabelMAPMetric(), output_transform=output_transform, save_details=False)
