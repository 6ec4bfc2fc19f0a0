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
"""How lines of a figure are told apart."""

from __future__ import annotations

__all__ = ["line_style"]

# Okabe and Ito's colors that color-blind readers tell apart, without yellow, which is faint on white
_COLORS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7")
_STYLES = ("-", "--", "-.", ":")  # neighbors differ in both: one line on another is still seen


def line_style(number: int) -> tuple[str, str]:
    """Color and style of the line of this number, from 0; 28 lines differ from one another."""
    return _COLORS[number % len(_COLORS)], _STYLES[number % len(_STYLES)]
