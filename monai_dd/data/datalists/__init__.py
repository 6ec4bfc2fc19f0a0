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
"""Data lists: which images train, which validate."""

from __future__ import annotations

from .brats.build import build_brats_datalist, find_brats_halves
from .chestxray14.build import build_chestxray14_datalist
from .fdg import build_fdg_datalist, find_series
from .load import load_datalist, load_findings
from .pictures import convert_to_gray, convert_to_rgb, find_pictures
from .save import save_datalist
from .slices import build_slices_datalist, find_slices

__all__ = [
    "build_brats_datalist",
    "build_chestxray14_datalist",
    "build_fdg_datalist",
    "build_slices_datalist",
    "convert_to_gray",
    "convert_to_rgb",
    "find_brats_halves",
    "find_pictures",
    "find_series",
    "find_slices",
    "load_datalist",
    "load_findings",
    "save_datalist",
]
