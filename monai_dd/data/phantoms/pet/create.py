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
"""A seeded whole-body FDG-PET phantom with normal, mildly or severely altered muscular biodistribution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monai_dd.data.phantoms.pet.canvas import Canvas
from monai_dd.data.phantoms.pet.head_skeleton import paint_head, paint_skeleton
from monai_dd.data.phantoms.pet.muscles import (
    MUSCLE_GROUPS,
    MUSCLE_NAMES,
    draw_muscle_uptake,
    paint_body,
    paint_muscles,
)
from monai_dd.data.phantoms.pet.organs import paint_abdomen, paint_heart, paint_lesions, paint_lungs, paint_pelvis
from monai_dd.data.phantoms.pet.outline import Outline, build_outline
from monai_dd.data.phantoms.pet.patient import Patient, draw_patient
from monai_dd.data.phantoms.pet.phantom import PETPhantom, label_index
from monai_dd.data.phantoms.pet.scanner import scan
from monai_dd.data.phantoms.pet.vessels import paint_vessels

__all__ = ["create_pet_phantom"]

_FIELD_OF_VIEW = (700.0, 400.0)  # mm, across and front to back
_COVERAGES = ("whole_body", "head_to_thigh")


def create_pet_phantom(
    label: int | str,
    seed: int,
    voxel_size: Sequence[float] | float = (4.0, 4.0, 4.0),
    arms: str | None = None,
    coverage: str = "whole_body",
    study: int = 0,
    noise: float | None = None,
) -> PETPhantom:
    """Create a whole-body FDG-PET phantom: an artificial image for software tests and demonstrations.

    The same ``seed`` is the same patient; ``study`` numbers this patient's scans, which differ in posture, uptake and
    noise. The label changes the muscles only: every other part of the study is the same for all three labels, and
    heart, bowel, bladder, lesions and body size vary more between studies than total uptake does between classes.

    Args:
        label: ``"normal"``, ``"mild"``, ``"severe"`` or 0, 1, 2.
        seed: non-negative seed of the patient.
        voxel_size: mm, one number or three along x, y, z. Anatomy does not depend on it.
        arms: ``"up"`` or ``"down"``; None draws it.
        coverage: ``"whole_body"`` (soles to vertex and raised hands) or ``"head_to_thigh"`` (vertex to mid-thigh).
        study: number of the scan of this patient, from 0.
        noise: standard deviation of the noise at SUV 1; None draws 0.15 to 0.27, 0 switches it off.

    Returns:
        The phantom.

    Raises:
        ValueError: when an argument is not one of the choices above, or the voxel size is not between 1 and 20 mm.

    Example:
        >>> phantom = create_pet_phantom("mild", seed=1, voxel_size=20)
        >>> phantom.suv.shape, phantom.label_name, phantom.altered_muscles
        ((35, 20, 86), 'mild', ('biceps_right', 'biceps_left', 'thigh_right', 'thigh_left'))
        >>> bool(phantom.mask.any()), bool(create_pet_phantom("normal", seed=1, voxel_size=20).mask.any())
        (True, False)
    """
    index, size = label_index(label), _check_voxel_size(voxel_size)
    if coverage not in _COVERAGES:
        raise ValueError(f"coverage: expected one of {_COVERAGES}, got {coverage!r}")
    if arms not in (None, "up", "down"):
        raise ValueError(f"arms: expected 'up', 'down' or None, got {arms!r}")
    if seed < 0 or study < 0:
        raise ValueError(f"seed and study: expected non-negative integers, got {seed} and {study}")
    patient_rng, shape_rng = (np.random.default_rng(s) for s in np.random.SeedSequence([seed]).spawn(2))
    streams = np.random.SeedSequence([seed, study, 1]).spawn(6)
    pose_rng, uptake_rng, muscle_rng, share_rng, noise_rng = (np.random.default_rng(s) for s in streams[:5])
    patient = draw_patient(patient_rng)
    drawn_arms = "up" if pose_rng.random() < 0.5 else "down"
    outline = build_outline(patient, arms or drawn_arms, pose_rng)
    canvas = _empty_canvas(patient, outline, coverage, size, pose_rng, streams[5])
    groups = MUSCLE_GROUPS if coverage == "whole_body" else tuple(g for g in MUSCLE_GROUPS if g != "calf")
    uptake = draw_muscle_uptake(index, groups, muscle_rng)
    dose = round(patient.weight_kg * uptake_rng.uniform(3.5, 5.2), 1) * 1e6
    delay = float(uptake_rng.integers(3300, 4801))
    drawn_noise = float(uptake_rng.uniform(0.15, 0.27))

    paint_body(canvas, patient, outline, uptake_rng)
    paint_muscles(canvas, patient, outline, uptake, share_rng)
    blood = float(uptake_rng.uniform(1.3, 1.8))
    paint_lungs(canvas, patient, shape_rng, uptake_rng)
    paint_vessels(canvas, patient, outline, blood)
    paint_heart(canvas, patient, blood, shape_rng, uptake_rng)
    paint_abdomen(canvas, patient, shape_rng, uptake_rng)
    paint_skeleton(canvas, patient, outline, uptake_rng)
    paint_pelvis(canvas, patient, shape_rng, uptake_rng)
    paint_head(canvas, patient, shape_rng, uptake_rng)
    paint_lesions(canvas, patient, uptake_rng)

    image = scan(canvas.activity, size, noise_rng, noise=drawn_noise if noise is None else noise)
    muscles = np.ascontiguousarray(canvas.muscles[:, :, ::-1])
    affine = np.diag([-size[0], -size[1], -size[2], 1.0])
    affine[:3, 3] = np.multiply(canvas.origin, (-1, -1, 1))
    affine[2, 3] += size[2] * (muscles.shape[2] - 1)
    numbers = [MUSCLE_NAMES.index(name) + 1 for name in uptake.altered]
    return PETPhantom(
        suv=np.ascontiguousarray(image[:, :, ::-1]),
        mask=np.isin(muscles, numbers),
        muscles=muscles,
        affine=affine,
        label=index,
        altered_muscles=uptake.altered,
        seed=int(seed),
        study=int(study),
        arms=arms or drawn_arms,
        sex=patient.sex,
        weight_kg=patient.weight_kg,
        height_m=patient.height_m,
        injected_dose_bq=dose,
        uptake_time_s=delay,
    )


def _check_voxel_size(voxel_size: Sequence[float] | float) -> tuple[float, float, float]:
    size = np.broadcast_to(np.asarray(voxel_size, float), (3,)) if np.size(voxel_size) in (1, 3) else np.zeros(3)
    if not np.all((size >= 1) & (size <= 20)):
        raise ValueError(f"voxel_size: expected one or three numbers from 1 to 20 mm, got {voxel_size!r}")
    return tuple(float(v) for v in size)


def _empty_canvas(
    patient: Patient,
    outline: Outline,
    coverage: str,
    size: tuple[float, float, float],
    rng: np.random.Generator,
    seeds: np.random.SeedSequence,
) -> Canvas:
    """Grid around the patient, who lies a little shifted, leaning and bent in it."""
    vertex = 1755 * patient.stature
    bottom, top = (600 * patient.stature, vertex + 20) if coverage == "head_to_thigh" else (-20.0, vertex + 20)
    if coverage == "whole_body":
        top = max(top, *(limb.end[2] + 40 for name, limb in outline.limbs.items() if "hand" in name))
    counts = [
        round(_FIELD_OF_VIEW[0] / size[0]),
        round(_FIELD_OF_VIEW[1] / size[1]),
        int(np.ceil((top - bottom) / size[2])),
    ]
    origin = [-(counts[0] - 1) / 2 * size[0], -(counts[1] - 1) / 2 * size[1], round(bottom + size[2] / 2, 2)]
    z = origin[2] + size[2] * np.arange(counts[2])
    middle = 1000 * patient.stature
    shift, lean, bend = rng.normal(0, (6, 6)), rng.normal(0, (0.012, 0.008)), rng.normal(0, (8, 3))
    waves = np.sin((z - middle) / (500 * patient.stature))
    sway = shift[:, None] + lean[:, None] * (z - middle) + bend[:, None] * waves
    return Canvas(counts, size, origin, sway, seeds)
