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
"""A number of an object that grows over the first epochs, as half a Gaussian."""

from __future__ import annotations

import math
from typing import Any

from ignite.engine import Engine, Events

__all__ = ["GaussianRampUp", "gaussian_ramp_up"]


def gaussian_ramp_up(epoch: float, epochs: int, steepness: float = 1.0) -> float:
    r"""Return :math:`\exp(-s (1 - T)^2)`, where :math:`T` grows linearly from 0 to 1 and stays (Shi et al. 2021).

    The paper prints the steepness :math:`s = 1`, so that it begins at 0.37; Laine and Aila (2017) and the program that
    the authors published have 5, which begins at 0.007.

    Args:
        epoch: epochs done so far: 0 in the first.
        epochs: length of the ramp, in epochs; :math:`T` is ``epoch / epochs``, at most 1.
        steepness: :math:`s`.

    Raises:
        ValueError: for a negative epoch or a ramp without epochs.
    """
    if epoch < 0 or epochs < 1:
        raise ValueError(f"expected epoch 0 or more and epochs 1 or more, got {epoch} and {epochs}")
    return math.exp(-steepness * (1 - min(epoch / epochs, 1.0)) ** 2)


class GaussianRampUp:
    """Set an attribute at the start of each epoch to ``maximum`` times :func:`gaussian_ramp_up`.

    It keeps nothing: the epoch of the engine alone decides, so that a training that goes on after a stop has the value
    that it would have had.

    Args:
        target: object whose attribute is set, such as :class:`~monai_dd.losses.LossAttentionLoss`.
        name: of the attribute.
        maximum: value from the end of the ramp on, 0.1 in the paper; by default the one that the attribute has now.
        epochs: length of the ramp; 80 in the paper.
        steepness: see :func:`gaussian_ramp_up`.

    Raises:
        ValueError: when ``target`` has no such attribute, or for a ramp without epochs.
    """

    def __init__(
        self,
        target: Any,
        name: str = "gamma",
        maximum: float | None = None,
        epochs: int = 80,
        steepness: float = 1.0,
    ) -> None:
        if not hasattr(target, name):
            raise ValueError(f"name: expected an attribute of {type(target).__name__}, got {name!r}")
        if epochs < 1:
            raise ValueError(f"epochs: expected 1 or more, got {epochs}")
        self.target = target
        self.name = name
        self.maximum = float(getattr(target, name) if maximum is None else maximum)
        self.epochs = epochs
        self.steepness = steepness

    def attach(self, engine: Engine) -> None:
        """Set the attribute when an epoch of ``engine`` starts."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Set the attribute for the epoch that starts; the engine counts from 1."""
        factor = gaussian_ramp_up(engine.state.epoch - 1, self.epochs, self.steepness)
        setattr(self.target, self.name, self.maximum * factor)
