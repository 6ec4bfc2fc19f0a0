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
"""What the metrics of an epoch share: values gathered batch by batch, and an error where there are none."""

from __future__ import annotations

import torch
from monai.metrics import CumulativeIterationMetric

__all__ = ["EpochMetric"]


class EpochMetric(CumulativeIterationMetric):
    """MONAI's cumulative metric that refuses to aggregate what it has not seen."""

    def get_buffer(self) -> torch.Tensor | list[torch.Tensor]:
        """Return everything gathered since the last reset, from all processes.

        Raises:
            ValueError: when there is nothing.
        """
        buffer = super().get_buffer()
        if buffer is None:
            raise ValueError(f"{type(self).__name__}: expected a batch before aggregate, got none since the last reset")
        return buffer
