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
"""A seeded phantom of a frontal chest radiograph, with findings and their boxes."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from monai_dd.data.phantoms.chest.body import body_thickness
from monai_dd.data.phantoms.chest.bones import bone_thickness
from monai_dd.data.phantoms.chest.diaphragm import diaphragm_interval, draw_breath, stomach_gas
from monai_dd.data.phantoms.chest.findings import add_findings, check_findings, draw_findings
from monai_dd.data.phantoms.chest.heart import airway_gas, great_vessel_intervals, heart_intervals
from monai_dd.data.phantoms.chest.imaging import draw_exposure, expose
from monai_dd.data.phantoms.chest.intervals import covered_length
from monai_dd.data.phantoms.chest.lungs import SIDES, lung_interval, lung_vessels
from monai_dd.data.phantoms.chest.patient import draw_chest_patient, draw_detector
from monai_dd.data.phantoms.chest.phantom import ChestPhantom
from monai_dd.data.phantoms.chest.scene import ChestScene, box_around
from monai_dd.data.phantoms.random_fields import Clouds

__all__ = ["create_chest_phantom"]


def create_chest_phantom(
    seed: int, visit: int = 0, image_size: int = 256, findings: Collection[str] | None = None, noise: bool = True
) -> ChestPhantom:
    """Create a chest phantom: an artificial radiograph for software tests and demonstrations.

    Posteroanterior view, computed as a projection: each pixel adds up the soft tissue and the bone on its line through
    simple solids, and overlaps look as in a radiograph. The same ``seed`` is the same patient; visits differ in
    posture, breath, exposure, noise and findings, which are drawn independently of one another; only cardiomegaly
    stays. Anatomy and large findings do not depend on ``image_size``; the place of a small finding is looked for on
    the pixels and may.

    Args:
        seed: non-negative seed of the patient.
        visit: number of the image among those of the patient, from 0.
        image_size: pixels along each edge, 32 to 2048.
        findings: names from ``CHEST_FINDINGS``; None draws them, an empty collection is a healthy chest.
        noise: whether the image has noise.

    Returns:
        The phantom.

    Raises:
        ValueError: when ``seed``, ``visit`` or ``image_size`` is out of range or a finding is unknown.

    Example:
        >>> phantom = create_chest_phantom(seed=1, image_size=64, findings=["Mass"])
        >>> phantom.image.shape, phantom.findings, [box.finding for box in phantom.boxes]
        ((64, 64), ('Mass',), ['Mass'])
    """
    if seed < 0 or visit < 0:
        raise ValueError(f"seed and visit: expected >= 0 and >= 0, got {seed} and {visit}")
    if not 32 <= image_size <= 2048:
        raise ValueError(f"image_size: expected 32 to 2048 pixels, got {image_size}")
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence([seed]).spawn(6)]
    patient_rng, chronic_rng, bone_rng, vessel_rng, texture_rng, stomach_rng = streams
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence([seed, visit + 1]).spawn(6)]
    pose_rng, breath_rng, label_rng, finding_rng, exposure_rng, noise_rng = streams
    drawn = draw_findings(chronic_rng, label_rng)
    names = drawn if findings is None else check_findings(findings)
    patient = draw_chest_patient(patient_rng)
    detector, breath = draw_detector(patient, image_size, pose_rng), draw_breath(breath_rng)
    ratio = patient.enlarged_ratio if "Cardiomegaly" in names else patient.heart_ratio

    heart = heart_intervals(detector, patient, breath, ratio)
    solids = [*heart, *great_vessel_intervals(detector, patient)]
    domes = [diaphragm_interval(detector, patient, breath, side) for side in SIDES]
    cavities = [lung_interval(detector, patient, side) for side in SIDES]
    air = [cavity.length - covered_length(cavity, [*solids, dome]) for cavity, dome in zip(cavities, domes)]
    gas = airway_gas(detector, patient) + stomach_gas(detector, patient, breath, stomach_rng)
    scene = ChestScene(detector, patient, np.stack(air), gas, np.zeros_like(gas))
    boxes = add_findings(scene, names, finding_rng)
    if "Cardiomegaly" in names:
        above = np.all([dome.length <= 0 for dome in domes], axis=0)
        boxes.append(box_around(np.any([part.length > 10 for part in heart], axis=0) & above, "Cardiomegaly"))

    vessels = np.stack([lung_vessels(detector, patient, side, vessel_rng) for side in SIDES])
    aerated = scene.air * (1 - np.clip(vessels / np.maximum(scene.healthy, 1), 0, 0.9))
    aerated *= 1 - 0.025 * Clouds(texture_rng, 18.0)(detector.x(), detector.z)
    water = body_thickness(detector, patient) - (1 - patient.lung_density) * aerated.sum(0) - scene.gas + scene.line
    bone = bone_thickness(detector, patient, bone_rng)
    exposure = draw_exposure(exposure_rng)
    image = expose(np.maximum(water, 0), bone, patient, exposure, detector.pixel, noise_rng, noise)
    return ChestPhantom(
        image=image,
        findings=names,
        boxes=tuple(sorted(boxes, key=lambda box: (box.finding, box.x, box.y))),
        heart_ratio=float(ratio),
        pixel_size=detector.pixel,
        age=patient.age,
        sex=patient.sex,
        seed=int(seed),
        visit=int(visit),
    )
