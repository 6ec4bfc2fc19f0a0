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
"""Maximum intensity projection as a MONAI transform that can be inverted."""

from __future__ import annotations

import copy

import numpy as np
import torch
from monai.config.type_definitions import NdarrayOrTensor
from monai.data import MetaTensor, get_track_meta
from monai.transforms import InvertibleTransform
from monai.utils import MetaKeys, SpaceKeys, TraceKeys, TransformBackends, convert_to_tensor

from monai_dd.transforms.pet.projection.functional import back_projection, maximum_intensity_projection
from monai_dd.transforms.pet.projection.geometry import view_geometry

__all__ = ["MaximumIntensityProjection"]


class MaximumIntensityProjection(InvertibleTransform):
    """Project a volume onto a plane by the maximum along parallel rays (Wallis et al. 1989), as PET is read.

    The anatomical axes are found in the affine, so the image does not depend on how the volume is stored. Display:

    ========== ====================== ==================================== =============================
    axis       rows                   columns                              viewer at angle 0
    ========== ====================== ==================================== =============================
    coronal    superior to inferior   patient's right to patient's left    in front of the patient
    sagittal   superior to inferior   anterior to posterior                at the patient's left
    axial      anterior to posterior  patient's right to patient's left    at the patient's feet
    ========== ====================== ==================================== =============================

    A viewer who stands in front walks to the patient's left with growing ``angle``: coronal at 90 degrees is the left
    lateral view, and equals sagittal at 0. Multiples of 90 degrees are exact: pixels are voxel values, pixel spacing is
    voxel spacing. Any other angle interpolates linearly, with columns as far apart as the smaller in-plane voxel size,
    turns about the volume's center, and grows the canvas so that nothing is cut; rays that miss the volume show its
    minimum. So the size of the image depends on the angle; pad before stacking angles.

    The affine of the image is 4x4 and maps (row, column, 0) to the patient coordinates, in mm, of the front of the
    rays; ``monai.data.utils.affine_to_spacing(image.affine)[:2]`` is the pixel spacing in mm, also after ``Resize``.

    The transform remembers, per pixel, the index of the voxel that its maximum came from: of equal maxima the first
    along the ray from the viewer, for turned views the hottest of the voxels that were interpolated. ``inverse`` puts
    the value of each pixel of any map of the image's size at that voxel of the original grid, zero elsewhere; where
    several pixels share a voxel, the largest counts. So a 2D attention map becomes a 3D map, also by ``Invertd``.

    Args:
        axis: ``"coronal"``, ``"sagittal"`` or ``"axial"``.
        angle: degrees about the body (superior-inferior) axis; 0 for ``"axial"``, whose rays are that axis.

    Raises:
        ValueError: When ``axis`` is unknown, or ``angle`` is not finite or not 0 for ``"axial"``.

    Example:
        >>> volume = torch.zeros(1, 4, 3, 6)
        >>> volume[0, 3, 1, 5] = 8.0  # at the patient's right and near the head
        >>> projection = MaximumIntensityProjection("coronal")
        >>> image = projection(volume)
        >>> image.shape, image[0, 0, 0].item()
        (torch.Size([1, 6, 4]), 8.0)
        >>> projection.inverse(image).as_tensor().nonzero().tolist()
        [[0, 3, 1, 5]]
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, axis: str = "coronal", angle: float = 0.0) -> None:
        view_geometry(np.eye(4), (1, 1, 1), axis, angle)  # refuses what no volume can be projected with
        self.axis = axis
        self.angle = float(angle)

    def __call__(self, img: NdarrayOrTensor) -> torch.Tensor:
        """Project a volume.

        Args:
            img: ``(C, X, Y, Z)``, a ``MetaTensor`` with the affine that MONAI's ``LoadImage`` returns; anything else
                has no affine: its axes are taken to run to the patient's right, front and head (RAS), 1 mm apart.

        Returns:
            image ``(C, H, W)``, a ``MetaTensor`` (a tensor when MONAI does not track metadata).

        Raises:
            ValueError: When ``img`` is not ``(C, X, Y, Z)``, is empty, contains NaN or has a singular affine.
        """
        img = convert_to_tensor(img, track_meta=get_track_meta())
        if img.ndim != 4:
            raise ValueError(f"img: expected the shape (C, X, Y, Z), got {tuple(img.shape)}")
        if img.numel() == 0:
            raise ValueError(f"img: expected one voxel or more along every axis, got the shape {tuple(img.shape)}")
        tracked = isinstance(img, MetaTensor)
        size = tuple(img.shape[1:])
        geometry = view_geometry(_ras_affine(img) if tracked else np.eye(4), size, self.axis, self.angle)
        image, voxel = maximum_intensity_projection(img.as_tensor() if tracked else img, geometry)
        if not tracked:
            return image
        meta = self.track_transform_meta(
            img,
            affine=geometry.view_to_voxel,
            extra_info={"voxel": voxel, "affine": img.affine.clone()},
            orig_size=size,
            transform_info=self.get_transform_info(),
        )
        out = MetaTensor(image).copy_meta_from(meta)
        out.affine = out.affine  # tells the tensor that it has two spatial dimensions now
        return out

    def inverse(self, data: torch.Tensor) -> torch.Tensor:
        """Carry a map ``(C2, H, W)`` back to a volume ``(C2, X, Y, Z)`` on the grid of the projected one.

        Args:
            data: ``MetaTensor`` with this projection among its applied operations.

        Raises:
            ValueError: When ``data`` does not have the size of the projection, or, for a projection of several
                channels, not as many.
        """
        transform = self.pop_transform(data)
        info = transform[TraceKeys.EXTRA_INFO]
        size = tuple(int(n) for n in transform[TraceKeys.ORIG_SIZE])
        volume = back_projection(convert_to_tensor(data, track_meta=False), info["voxel"], size)
        meta = {k: copy.deepcopy(v) for k, v in data.meta.items() if k != MetaKeys.AFFINE}
        return MetaTensor(volume, affine=info["affine"], meta=meta, applied_operations=data.applied_operations)


def _ras_affine(img: MetaTensor) -> np.ndarray:
    """The affine in RAS, also where the reader was told to keep DICOM's LPS."""
    affine = img.affine.numpy()
    lps = img.meta.get(MetaKeys.SPACE) == SpaceKeys.LPS
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine if lps else affine
