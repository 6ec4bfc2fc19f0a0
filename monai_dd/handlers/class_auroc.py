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
"""Ignite adapter of :class:`~monai_dd.metrics.ClassAUROCMetric`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ignite.engine import Engine
from monai.handlers import IgniteMetricHandler

from monai_dd.metrics import ClassAUROCMetric

__all__ = ["ClassAUROC"]


class ClassAUROC(IgniteMetricHandler):
    """Attach :class:`~monai_dd.metrics.ClassAUROCMetric` to an engine.

    Under its own name stands the mean over the classes that have an area, under ``<name>_<class>`` that of each class.

    Args:
        class_names: names of the classes, in the order of the scores.
        output_transform: gives scores and labels from ``engine.state.output``.

    Raises:
        ValueError: in the end, for another number of classes.
    """

    def __init__(self, class_names: Sequence[str], output_transform: Callable = lambda x: x) -> None:
        super().__init__(metric_fn=ClassAUROCMetric(), output_transform=output_transform, save_details=False)
        self.class_names = list(class_names)

    def completed(self, engine: Engine, name: str) -> None:
        """Write the mean and the areas of the classes to ``engine.state.metrics``."""
        areas = self.metric_fn.aggregate()
        if len(areas) != len(self.class_names):
            raise ValueError(f"class_names: expected {len(areas)} names, got {len(self.class_names)}")
        engine.state.metrics[name] = float(areas.nanmean())
        named = zip(self.class_names, areas.tolist(), strict=True)
        engine.state.metrics.update({f"{name}_{label}": area for label, area in named})
