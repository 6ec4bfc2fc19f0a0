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
"""Gliomas: necrotic core, enhancing rim, edema along the white matter, and the pressure on what is around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from monai_dd.data.phantoms.brain.outline import cerebrum_distance
from monai_dd.data.phantoms.brain.phantom import TUMOR_LABELS
from monai_dd.data.phantoms.random_fields import NoiseField
from monai_dd.data.phantoms.solids import Array, Ellipsoid

__all__ = ["Focus", "Tumor", "displace", "draw_tumor", "tumor_labels"]


@dataclass(frozen=True)
class Focus:
    """One focus: an ellipsoid before the noise makes it irregular; lengths in mm, anatomical coordinates."""

    center: tuple[float, float, float]
    radii: tuple[float, float, float]
    rotation: NDArray[np.float32]
    rim: float
    reach: float


@dataclass(frozen=True)
class Tumor:
    """A tumor as drawn by :func:`draw_tumor`.

    Attributes:
        foci: one or two.
        side: 1 on the patient's left, -1 on the right.
        crosses: whether it may grow across the midline.
        grade: ``"high"`` or ``"low"``; low grade has no enhancing rim.
        pressure: share by which the tissue around is pushed away.
    """

    foci: tuple[Focus, ...]
    side: int
    crosses: bool
    grade: str
    pressure: float


def draw_tumor(rng: np.random.Generator) -> Tumor:
    """Draw a tumor of the cerebral white matter: one focus or, in a fifth of patients, two in one hemisphere.

    One in twelve crosses the midline, and one in six is of low grade.

    Args:
        rng: source of randomness.

    Returns:
        The tumor.
    """
    side = 1 if rng.random() < 0.5 else -1
    crosses, low, two = rng.random() < 1 / 12, rng.random() < 1 / 6, rng.random() < 0.2
    first = _draw_focus(rng, side, crosses, low, 1.0)
    foci = [first]
    if two and not crosses:
        others = [_draw_focus(rng, side, False, low, 0.6) for _ in range(20)]
        apart = [abs(np.linalg.norm(np.subtract(o.center, first.center)) - 38) for o in others]
        foci.append(others[int(np.argmin(apart))])
    return Tumor(tuple(foci), side, crosses, "low" if low else "high", float(rng.uniform(0.05, 0.3)))


def _draw_focus(rng: np.random.Generator, side: int, crosses: bool, low: bool, size: float) -> Focus:
    """A focus at least 9 mm below the surface; one that crosses starts near the corpus callosum."""
    for _ in range(1000):
        lateral = rng.uniform(8, 14) if crosses else rng.uniform(18, 50)
        center = np.array([side * lateral, rng.uniform(-60, 62), rng.uniform(-4, 50)], np.float32)
        if crosses:
            center[1:] = rng.uniform(-40, -25) if rng.random() < 0.6 else rng.uniform(30, 45), rng.uniform(8, 22)
        if cerebrum_distance(*center[:, None])[0] < -9:
            break
    radius = size * rng.uniform(11, 22)
    return Focus(
        center=tuple(float(c) for c in center),
        radii=tuple(float(radius * r) for r in rng.uniform(0.75, 1.25, 3)),
        rotation=Rotation.random(rng=rng).as_matrix().astype(np.float32),
        rim=float(min(rng.uniform(2.5, 6.0), 0.35 * radius)),
        reach=float(rng.uniform(4, 8) if low else rng.uniform(7, 20)),
    )


def displace(position: list[Array], tumor: Tumor) -> list[Array]:
    """Coordinates of the healthy anatomy that the tumor has pushed to ``position``: mass effect.

    Tissue is moved away from the center of the first focus by ``pressure`` times its distance, less and less with the
    distance: ``c + (p - c)(1 - pressure exp(-|p - c|^2 / (2 s^2)))`` with s twice the mean radius.
    """
    focus = tumor.foci[0]
    offset = [p - np.float32(c) for p, c in zip(position, focus.center)]
    square = sum(o**2 for o in offset) / np.float32(2 * (2 * np.mean(focus.radii)) ** 2)
    factor = 1 - np.float32(tumor.pressure) * np.exp(-square)
    return [np.float32(c) + o * factor for o, c in zip(offset, focus.center)]


def tumor_labels(
    tumor: Tumor, position: list[Array], healthy: list[Array], white: Array, fluid: Array, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Labels of BraTS at N points.

    Args:
        tumor: the tumor.
        position: anatomical coordinates of the points in mm, three of ``(N,)``.
        healthy: the same before the mass effect, which tell on which side of the midline a point is.
        white: how easily edema spreads, 0 to 1: the share of white matter, and less of deep gray matter.
        fluid: share of cerebrospinal fluid, which holds no tumor.
        rng: source of randomness.

    Returns:
        uint8 ``(N,)``: 0, 1 necrotic core, 2 edema, 4 enhancing rim.
    """
    x, y, z = position
    coarse, fine, thick = (NoiseField(rng, wavelength) for wavelength in (34.0, 13.0, 16.0))
    lumps, rim_noise = 3.0 * coarse(x, y, z) + 1.2 * fine(x, y, z), thick(x, y, z)
    spread = 0.25 + 0.75 * white + 0.3 * coarse(y, z, x)
    allowed = np.ones(len(x), bool) if tumor.crosses else healthy[0] * tumor.side > 1.0
    labels = np.zeros(len(x), np.uint8)
    for focus in tumor.foci:
        distance = Ellipsoid(focus.center, focus.radii, focus.rotation).distance(x, y, z)
        distance += lumps * np.float32(np.mean(focus.radii) / 15)
        rim = focus.rim * np.maximum(1 + 0.45 * rim_noise, 0.25)
        solid = distance < 0 if tumor.grade == "high" else np.zeros(len(x), bool)
        edema = (distance < focus.reach * spread) & (fluid < 0.5) & (labels == 0)
        labels[edema & allowed] = TUMOR_LABELS["edema"]
        solid &= allowed & (fluid < 0.8)
        labels[solid] = TUMOR_LABELS["enhancing"]
        inner = distance < (-rim if tumor.grade == "high" else -0.35 * np.float32(np.mean(focus.radii)))
        labels[inner & allowed & (fluid < 0.8)] = TUMOR_LABELS["necrotic_core"]
    return labels
