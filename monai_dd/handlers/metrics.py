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
"""Ignite adapters of the metrics that MONAI's ``IgniteMetricHandler`` does not take: of one input, or with a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from ignite.engine import Engine
from ignite.metrics.metric import reinit__is_reduced
from monai.handlers import IgniteMetricHandler

from monai_dd.metrics import AttentionEntropyMetric, ClassAUROCMetric

__all__ = ["AttentionEntropy", "ClassAUROC"]


class AttentionEntropy(IgniteMetricHandler):
    """Attach :class:`~monai_dd.metrics.AttentionEntropyMetric`, which has one input, to an engine.

    Args:
        output_transform: gives the log-probabilities, and nothing else, from ``engine.state.output``, such as
            ``from_engine("log_mu_fine")``.

    Example:
        >>> import torch
        >>> from ignite.engine import Engine
        >>> engine = Engine(lambda _, batch: batch)
        >>> AttentionEntropy().attach(engine, "entropy")
        >>> engine.run([torch.full((2, 1, 4, 4), 1 / 16).log()]).metrics
        {'entropy': 1.0}
    """

    def __init__(self, output_transform: Callable = lambda x: x) -> None:
        super().__init__(metric_fn=AttentionEntropyMetric(), output_transform=output_transform, save_details=False)

    @reinit__is_reduced
    def update(self, output: torch.Tensor | Sequence[torch.Tensor]) -> None:
        """Take in the log-probabilities of an iteration: ``(B, 1, *S)``, or a list of ``(1, *S)``."""
        self.metric_fn(output)


class ClassAUROC(IgniteMetricHandler):
    """Attach :class:`~monai_dd.metrics.ClassAUROCMetric`, which has a value for each class, to an engine.

    ``engine.state.metrics`` has the mean over the classes that have an area under the handler's own name, and the area
    of each class under ``<name>_<class>``.

    Args:
        class_names: names of the classes, in the order of the scores.
        output_transform: gives scores and labels from ``engine.state.output``.

    Raises:
        ValueError: in the end, for another number of classes.

    Example:
        >>> import torch
        >>> from ignite.engine import Engine
        >>> engine = Engine(lambda _, batch: batch)
        >>> ClassAUROC(["Mass", "Edema"]).attach(engine, "auroc")
        >>> engine.run([(torch.tensor([[0.9, 0.1], [0.2, 0.3]]), torch.eye(2))]).metrics
        {'auroc': 1.0, 'auroc_Mass': 1.0, 'auroc_Edema': 1.0}
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
