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
"""Ignite adapter of :class:`~monai_dd.metrics.AttentionEntropyMetric`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from ignite.metrics.metric import reinit__is_reduced
from monai.handlers import IgniteMetricHandler

from monai_dd.metrics import AttentionEntropyMetric

__all__ = ["AttentionEntropy"]


class AttentionEntropy(IgniteMetricHandler):
    """Attach :class:`~monai_dd.metrics.AttentionEntropyMetric` to an engine.

    Args:
        output_transform: gives the log-probabilities, and nothing else, from ``engine.state.output``, such as
            ``from_engine("log_mu_fine")``.
    """

    def __init__(self, output_transform: Callable = lambda x: x) -> None:
        super().__init__(metric_fn=AttentionEntropyMetric(), output_transform=output_transform, save_details=False)

    @reinit__is_reduced
    def update(self, output: torch.Tensor | Sequence[torch.Tensor]) -> None:
        """Take in the log-probabilities of an iteration: ``(B, 1, *S)``, or a list of ``(1, *S)``."""
        self.metric_fn(output)
