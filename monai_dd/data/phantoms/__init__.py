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
"""Seeded phantoms: artificial images for tests, examples and demonstrations."""

from __future__ import annotations

from monai_dd.data.phantoms.brain.create import create_brain_phantom
from monai_dd.data.phantoms.brain.dataset import write_brain_phantom_patients
from monai_dd.data.phantoms.brain.phantom import BRAIN_MODALITIES, TISSUE_NAMES, TUMOR_LABELS, BrainPhantom
from monai_dd.data.phantoms.chest.create import create_chest_phantom
from monai_dd.data.phantoms.chest.dataset import write_chest_phantom_images
from monai_dd.data.phantoms.chest.phantom import CHEST_FINDINGS, ChestBox, ChestPhantom
from monai_dd.data.phantoms.pet.create import create_pet_phantom
from monai_dd.data.phantoms.pet.dataset import write_pet_phantom_studies
from monai_dd.data.phantoms.pet.muscles import MUSCLE_GROUPS, MUSCLE_NAMES
from monai_dd.data.phantoms.pet.phantom import LABEL_NAMES, PETPhantom
from monai_dd.data.phantoms.pet.series_writer import write_pet_series

__all__ = [
    "BRAIN_MODALITIES",
    "CHEST_FINDINGS",
    "LABEL_NAMES",
    "MUSCLE_GROUPS",
    "MUSCLE_NAMES",
    "TISSUE_NAMES",
    "TUMOR_LABELS",
    "BrainPhantom",
    "ChestBox",
    "ChestPhantom",
    "PETPhantom",
    "create_brain_phantom",
    "create_chest_phantom",
    "create_pet_phantom",
    "write_brain_phantom_patients",
    "write_chest_phantom_images",
    "write_pet_phantom_studies",
    "write_pet_series",
]
