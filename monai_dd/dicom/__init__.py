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
"""DICOM in and out: PET series as volumes in SUV."""

from __future__ import annotations

from monai_dd.dicom.errors import PETSeriesError, SUVWarning
from monai_dd.dicom.pet_header import build_pet_header
from monai_dd.dicom.pet_series import convert_to_suv, load_pet_series, load_pet_suv
from monai_dd.dicom.reader import PETSeriesReader
from monai_dd.dicom.reference_time import ReferenceTime
from monai_dd.dicom.suv import SUVFactors, suv_factors

__all__ = [
    "PETSeriesError",
    "PETSeriesReader",
    "ReferenceTime",
    "SUVFactors",
    "SUVWarning",
    "build_pet_header",
    "convert_to_suv",
    "load_pet_series",
    "load_pet_suv",
    "suv_factors",
]
