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
"""A seeded phantom of a skull-stripped brain with a glioma, in the four modalities of BraTS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monai_dd.data.phantoms.brain.anatomy import paint_anatomy
from monai_dd.data.phantoms.brain.outline import hull_distance
from monai_dd.data.phantoms.brain.patient import draw_brain_patient
from monai_dd.data.phantoms.brain.phantom import TUMOR_LABELS, BrainPhantom
from monai_dd.data.phantoms.brain.scanner import scan_brain
from monai_dd.data.phantoms.brain.tissues import Tissues
from monai_dd.data.phantoms.brain.tumor import displace, draw_tumor, tumor_labels
from monai_dd.data.phantoms.random_fields import NoiseField

__all__ = ["create_brain_phantom"]

_FIELD_OF_VIEW = (240.0, 240.0, 155.0)  # mm, of BraTS
_MARGINS = (82.0, 98.0, 85.0)  # mm from the center that hold every brain


def create_brain_phantom(
    seed: int, spacing: float = 1.0, has_tumor: bool = True, noise: float | None = None
) -> BrainPhantom:
    """Create a brain phantom: an artificial image for software tests and demonstrations.

    Four co-registered modalities of a skull-stripped brain in the space of BraTS. The same ``seed`` is the same
    patient; neither anatomy nor tumor depends on ``spacing``, and the patient without the tumor is the same too, apart
    from its mass effect. A few tumors are of low grade and have no enhancing rim, a few cross the midline.

    Args:
        seed: non-negative seed of the patient.
        spacing: edge of a voxel in mm, 0.5 to 8; the field of view stays at 240 x 240 x 155 mm.
        has_tumor: whether the patient has a tumor.
        noise: standard deviation of the noise relative to white matter at 1 mm; None draws it for each modality, 0
            switches it off.

    Returns:
        The phantom.

    Raises:
        ValueError: when ``seed`` is negative, ``noise`` is negative or ``spacing`` is out of range.

    Example:
        >>> phantom = create_brain_phantom(seed=1, spacing=8)
        >>> phantom.images.shape, phantom.tumor_side, np.unique(phantom.mask).tolist()
        ((4, 30, 30, 20), 'left', [0, 1, 2, 4])
    """
    if seed < 0:
        raise ValueError(f"seed: expected a non-negative integer, got {seed}")
    if not 0.5 <= spacing <= 8:
        raise ValueError(f"spacing: expected 0.5 to 8 mm, got {spacing!r}")
    if noise is not None and not noise >= 0:
        raise ValueError(f"noise: expected a number >= 0 or None, got {noise!r}")
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence([seed]).spawn(6)]
    patient_rng, outline_rng, anatomy_rng, tumor_rng, shape_rng, scan_rng = streams
    patient, tumor = draw_brain_patient(patient_rng), draw_tumor(tumor_rng) if has_tumor else None

    affine, shape = _grid(spacing)
    axes = [(np.arange(n, dtype=np.float32) + 0.5) * np.float32(spacing) - 0.5 for n in shape]
    box = tuple(slice(*np.searchsorted(a, (c - m, c + m))) for a, c, m in zip(axes, patient.center, _MARGINS))
    grid = np.meshgrid(*(a[b] for a, b in zip(axes, box)), indexing="ij")
    position = patient.to_anatomy(*grid)
    hull = hull_distance(*position) + 0.8 * NoiseField(outline_rng, 40.0)(*position)
    inside = hull < 0
    position, depth = [p[inside] for p in position], -hull[inside]

    tissues = Tissues(len(depth), softness=max(1.0, spacing))
    healthy = displace(position, tumor) if tumor else position
    paint_anatomy(tissues, depth, healthy, patient, anatomy_rng)
    kinds = tissues.healthy()
    labels = np.zeros(len(depth), np.uint8)
    if tumor:
        white, fluid = tissues.shares[2] + 0.4 * tissues.shares[3], tissues.shares[0]
        labels = tumor_labels(tumor, position, healthy, white, fluid, shape_rng)
        strength = np.clip(0.8 + 0.12 * NoiseField(shape_rng, 15.0)(*position), 0.5, 0.98)
        for kind, label in TUMOR_LABELS.items():
            tissues.paint(kind, np.where(labels == label, -99, 99), strength)
    images = scan_brain(tissues.shares, inside, position, spacing, scan_rng, noise)

    side = None if tumor is None else ("left" if tumor.side > 0 else "right")
    return BrainPhantom(
        images=np.stack([_place(image, box, shape) for image in images]),
        mask=_place(_scatter(labels, inside), box, shape),
        tissues=_place(_scatter(kinds, inside), box, shape),
        affine=affine,
        seed=int(seed),
        tumor_side=side,
        tumor_crosses=tumor is not None and tumor.crosses,
        tumor_grade=None if tumor is None else tumor.grade,
    )


def _grid(spacing: float) -> tuple[NDArray[np.float64], tuple[int, int, int]]:
    """Affine and shape: those of BraTS at 1 mm, the same field of view otherwise."""
    shape = tuple(int(np.ceil(length / spacing - 1e-6)) for length in _FIELD_OF_VIEW)
    affine = np.diag([-spacing, -spacing, spacing, 1.0])
    first = (spacing - 1) / 2
    affine[:3, 3] = (0.0 - first, _FIELD_OF_VIEW[1] - 1 - first, first)
    return affine, shape


def _scatter(values: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    volume = np.zeros(inside.shape, values.dtype)
    volume[inside] = values
    return volume


def _place(volume: NDArray, box: tuple[slice, ...], shape: tuple[int, int, int]) -> NDArray:
    """The volume of the box around the brain in the whole field of view."""
    whole = np.zeros(shape, volume.dtype)
    whole[box] = volume
    return whole
