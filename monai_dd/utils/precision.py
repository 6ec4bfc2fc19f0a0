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
"""Half precision, which sums, exponentials and norms do not survive."""

from __future__ import annotations

import torch

__all__ = ["to_single"]


def to_single(x: torch.Tensor) -> torch.Tensor:
    """Return half precision (float16, bfloat16) as float32, anything else as it is. Scriptable.

    Example:
        >>> to_single(torch.ones(1, dtype=torch.bfloat16)).dtype, to_single(torch.ones(1, dtype=torch.float64)).dtype
        (torch.float32, torch.float64)
    """
    if x.dtype == torch.float16 or x.dtype == torch.bfloat16:
        return x.float()
    return x
