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
"""Which findings a chest phantom shows, and the boxes around them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from monai_dd.data.phantoms.chest.lesions import add_atelectasis, add_infiltration, add_mass, add_nodules
from monai_dd.data.phantoms.chest.phantom import CHEST_FINDINGS, ChestBox
from monai_dd.data.phantoms.chest.pleura import add_effusion, add_pneumothorax
from monai_dd.data.phantoms.chest.scene import ChestScene, box_around

__all__ = ["add_findings", "check_findings", "draw_findings"]

_ADD = {  # the large ones first: the small ones look for a free place
    "Effusion": add_effusion,
    "Pneumothorax": add_pneumothorax,
    "Infiltration": add_infiltration,
    "Atelectasis": add_atelectasis,
    "Mass": add_mass,
    "Nodule": add_nodules,
}
_ENLARGED = 0.13  # share of patients with cardiomegaly, who keep it
_COUNTS = (0.46, 0.34, 0.2)  # of none, one and two findings of the lungs at a visit: 40 % of images show nothing at all


def draw_findings(patient_rng: np.random.Generator, visit_rng: np.random.Generator) -> tuple[str, ...]:
    """Draw up to three findings: cardiomegaly belongs to the patient, the others to one visit.

    Args:
        patient_rng: source of randomness of the patient.
        visit_rng: source of randomness of the visit.
    """
    names = {"Cardiomegaly"} if patient_rng.random() < _ENLARGED else set()
    count = int(visit_rng.choice(len(_COUNTS), p=_COUNTS))
    return tuple(sorted(names.union(visit_rng.choice(list(_ADD), count, replace=False).tolist())))


def check_findings(findings: Collection[str]) -> tuple[str, ...]:
    """Findings in the order of ``CHEST_FINDINGS``.

    Raises:
        ValueError: when one is unknown.
    """
    unknown = sorted(set(findings) - set(CHEST_FINDINGS))
    if unknown:
        raise ValueError(f"findings: expected names among {', '.join(CHEST_FINDINGS)}, got {', '.join(unknown)}")
    return tuple(name for name in CHEST_FINDINGS if name in findings)


def add_findings(scene: ChestScene, findings: Collection[str], rng: np.random.Generator) -> list[ChestBox]:
    """Add findings of the lungs to the scene, each drawn from a stream of its own.

    Args:
        scene: what they change.
        findings: names; cardiomegaly, which is no finding of the lungs, is passed over.
        rng: source of randomness.

    Returns:
        a box around every visible change.
    """
    boxes = []
    for (name, add), seed in zip(_ADD.items(), rng.bit_generator.seed_seq.spawn(len(_ADD))):
        if name in findings:
            boxes += [box_around(mask, name) for mask in add(scene, np.random.default_rng(seed))]
    return [box for box in boxes if box is not None]
