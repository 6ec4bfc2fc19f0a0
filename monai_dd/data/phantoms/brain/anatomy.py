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
"""Paint the healthy brain: cortex, deep gray nuclei, ventricles, cisterns, cerebellum, brain stem and vessels."""

from __future__ import annotations

import numpy as np

from monai_dd.data.phantoms.brain.cortex import Cortex, fold_cortex
from monai_dd.data.phantoms.brain.outline import BRAIN_STEM, cerebellum_distance, cerebrum_distance
from monai_dd.data.phantoms.brain.patient import BrainPatient
from monai_dd.data.phantoms.brain.tissues import Tissues
from monai_dd.data.phantoms.random_fields import NoiseField
from monai_dd.data.phantoms.solids import Array, Ellipsoid, Tube

__all__ = ["paint_anatomy"]

# solids of one side; the other is its mirror image
_NUCLEI = (  # center, radii, share of gray matter
    ((14, -17, 8), (5, 11, 8.5), 1.0),  # head of the caudate nucleus
    ((17, 4, 19), (3, 14, 3), 1.0),  # its body
    ((26.5, -3, 1), (5, 15, 9.5), 1.0),  # putamen
    ((19, 2, 0), (4.5, 8, 6), 0.4),  # globus pallidus, nearly white
    ((11.5, 14, 6), (8.5, 14, 9), 0.75),  # thalamus
)
_VENTRICLE = Tube(
    [(13, -29, 6), (8, -15, 12), (8, 6, 20), (14, 25, 17), (21, 36, 8), (23, 53, 3)], [3.2, 4.2, 4.0, 4.5, 5.0, 1.5]
)
_TEMPORAL_HORN = Tube([(21, 36, 6), (31, 22, -9), (32, 2, -17)], [4.0, 2.0, 1.6])
_CHOROID = Tube([(9, 10, 16), (15, 26, 14), (21, 34, 7)], [1.2, 1.6, 2.6])
_CISTERNS = (
    Ellipsoid((0, -13, -17), (11, 9, 6)),  # suprasellar
    Ellipsoid((0, 27, -3), (9, 5, 7)),  # quadrigeminal
)
_FOURTH = Ellipsoid((0, 23, -32), (6, 4, 9))
_SINUS = 2.6  # radius of the superior sagittal sinus in mm


def paint_anatomy(
    tissues: Tissues,
    hull: Array,
    position: list[Array],
    patient: BrainPatient,
    rng: np.random.Generator,
) -> None:
    """Paint everything but the tumor.

    Args:
        tissues: shares of the tissues at N points of the brain.
        hull: depth of the points below the surface of the brain in mm, ``(N,)``.
        position: anatomical coordinates of the points in mm, three of ``(N,)``; a growing tumor displaces them.
        patient: whose brain it is.
        rng: source of randomness.
    """
    x, y, z = position
    side = np.abs(x)
    cortex_rng, folia_rng, vessel_rng = (np.random.default_rng(s) for s in rng.bit_generator.seed_seq.spawn(3))
    stem, cerebellum = BRAIN_STEM.distance(x, y, z), cerebellum_distance(x, y, z)
    below = np.minimum(stem, cerebellum) - np.maximum(cerebrum_distance(x, y, z), -6)
    above = below > 0
    cortex = fold_cortex(x, y, z, hull, patient, cortex_rng)
    pia = np.minimum(cortex.pia, np.where((z < -5) & (y > 2), below - np.float32(patient.atrophy), 99))
    pia = np.where(above, pia, 99).astype(np.float32)
    tissues.paint("gray_matter", pia - np.float32(patient.cortex))
    for center, radii, share in _NUCLEI:
        tissues.paint("deep_gray", Ellipsoid(center, radii).distance(side, y, z), share)
    _paint_below(tissues, hull, position, stem, cerebellum, above, folia_rng)
    _paint_fluid(tissues, position, pia, patient)
    tissues.paint("csf", np.where(above, 99, hull - 0.5 * np.float32(patient.atrophy)))
    _paint_vessels(tissues, hull, position, cortex, vessel_rng)


def _paint_below(
    tissues: Tissues,
    hull: Array,
    position: list[Array],
    stem: Array,
    cerebellum: Array,
    above: Array,
    rng: np.random.Generator,
) -> None:
    """Cerebellum with its folia, thin leaves that lie like shells around the fourth ventricle."""
    x, y, z = position
    leaf = np.hypot(np.hypot(x * 0.8, y - 20), z + 26) + 1.5 * NoiseField(rng, 18.0)(x, y, z)
    stripes = 0.78 + 0.22 * np.cos(leaf * np.float32(2 * np.pi / 4.5))
    folia = np.where(above | (stem < 0), 99, np.maximum(cerebellum, -hull - 20))
    core = Ellipsoid((13, 33, -36), (15, 10, 8)).distance(np.abs(x), y, z)
    tissues.paint("gray_matter", np.maximum(folia, -core), stripes)
    fluid = np.where(folia < 0, 1 - stripes, 0) * np.clip(1.2 - hull / 8, 0, 1)
    tissues.paint("csf", folia, np.clip(fluid * 0.5, 0, 1))
    tissues.paint("gray_matter", np.where(above, 99, stem), 0.25)


def _paint_fluid(tissues: Tissues, position: list[Array], pia: Array, patient: BrainPatient) -> None:
    """Sulci, cisterns and ventricles, with a rim of slight gliosis around the lateral ventricles."""
    x, y, z = position
    side, size = np.abs(x), patient.ventricles
    tissues.paint("csf", pia)
    for cistern in _CISTERNS:
        tissues.paint("csf", cistern.distance(x, y, z) - 2 * np.float32(patient.atrophy - 1))
    lateral = [Tube(t.points, [r * size for r in t.radii]).distance(side, y, z) for t in (_VENTRICLE, _TEMPORAL_HORN)]
    ventricles = np.maximum(np.minimum(*lateral), 0.7 - side)
    tissues.paint("edema", ventricles - 1.5, 0.25)
    tissues.paint("csf", ventricles)
    tissues.paint("csf", Ellipsoid((0, 4, 0), (1.8 * size, 13, 8)).distance(x, y, z))
    tissues.paint("csf", _FOURTH.distance(x, y, z))


def _paint_vessels(
    tissues: Tissues, hull: Array, position: list[Array], cortex: Cortex, rng: np.random.Generator
) -> None:
    """What contrast agent shows in a healthy brain: sagittal sinus, falx, veins in sulci, arteries, choroid plexus."""
    x, y, z = position
    sinus = np.hypot(x, hull - 1) - _SINUS
    tissues.paint("vessel", np.where((z > 25) | ((y > 45) & (z > -5)), sinus, 99))
    falx = np.where(hull < 30, cortex.fissure - 0.35, 99)
    tissues.paint("vessel", falx, 0.3)
    veins = NoiseField(rng, 11.0, 0.3)(x, y, z)
    beds = np.minimum(cortex.pia, np.where(hull < 6, 99, cortex.sylvian - 1))
    tissues.paint("vessel", np.where(veins > 1.5, beds, 99), 0.8)
    tissues.paint("vessel", _CHOROID.distance(np.abs(x), y, z), 0.55)
