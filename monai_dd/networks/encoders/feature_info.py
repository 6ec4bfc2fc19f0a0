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
"""What a classifier must know of an encoder's stages."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FeatureInfo"]


class FeatureInfo(NamedTuple):
    """One stage of an encoder.

    Attributes:
        name: the stage's name, by which ``attend`` calls it.
        channels: channels of its output.
        stride: input cells per output cell along every axis.
    """

    name: str
    channels: int
    stride: int
