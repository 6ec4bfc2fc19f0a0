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
"""Momentum parameters of Adam that change after some epochs."""

from __future__ import annotations

from collections.abc import Sequence

from ignite.engine import Engine, Events
from torch.optim import Optimizer

__all__ = ["AdamBetas"]


class AdamBetas:
    """Set the betas of all groups of parameters at the start of each epoch.

    In the schedule of mean pooling and dynamic routing (Shi et al. 2021, Section V-B) the second is 0.99 while the
    learning rate ramps up, and 0.999 afterwards. The epoch of the engine alone decides.

    Args:
        optimizer: one of the Adam family.
        first: betas of the first epochs.
        then: betas of the others.
        epochs: how many the first are.

    Raises:
        ValueError: for an optimizer without betas, or a negative number of epochs.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        first: Sequence[float] = (0.9, 0.99),
        then: Sequence[float] = (0.9, 0.999),
        epochs: int = 80,
    ) -> None:
        if any("betas" not in group for group in optimizer.param_groups):
            raise ValueError(f"optimizer: expected one with betas, such as Adam, got {type(optimizer).__name__}")
        if epochs < 0:
            raise ValueError(f"epochs: expected 0 or more, got {epochs}")
        self.optimizer = optimizer
        self.first = (float(first[0]), float(first[1]))
        self.then = (float(then[0]), float(then[1]))
        self.epochs = epochs

    def attach(self, engine: Engine) -> None:
        """Set the betas when an epoch of ``engine`` starts."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Set the betas for the epoch that starts; the engine counts from 1."""
        for group in self.optimizer.param_groups:
            group["betas"] = self.first if engine.state.epoch <= self.epochs else self.then
