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
"""A factor that grows over the first epochs, as half a Gaussian."""

from __future__ import annotations

import math

__all__ = ["gaussian_ramp_up"]


def gaussian_ramp_up(epoch: float, epochs: int, steepness: float = 1.0) -> float:
    r"""Return :math:`\exp(-s (1 - T)^2)`, where :math:`T` grows linearly from 0 to 1 and stays (Shi et al. 2021).

    The paper prints the steepness :math:`s = 1`, so that it begins at 0.37; Laine and Aila (2017) and the program that
    the authors published have 5, which begins at 0.007. MONAI's ``ParamSchedulerHandler`` at ``Events.EPOCH_STARTED``
    sets a number of a loss by it; the engine counts epochs from 1.

    Args:
        epoch: epochs done so far: 0 in the first.
        epochs: length of the ramp, in epochs; :math:`T` is ``epoch / epochs``, at most 1.
        steepness: :math:`s`.

    Raises:
        ValueError: for a negative epoch or a ramp without epochs.

    Example:
        >>> [round(gaussian_ramp_up(epoch, epochs=80), 2) for epoch in (0, 40, 80, 199)]
        [0.37, 0.78, 1.0, 1.0]
    """
    if epoch < 0 or epochs < 1:
        raise ValueError(f"epoch, epochs: expected 0 or more and 1 or more, got {epoch} and {epochs}")
    return math.exp(-steepness * (1 - min(epoch / epochs, 1.0)) ** 2)
