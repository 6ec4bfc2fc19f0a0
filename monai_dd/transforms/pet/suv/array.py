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
"""PET volumes in SUV, array version."""

from __future__ import annotations

from monai.data import MetaTensor
from monai.transforms import Transform
from monai.utils import TransformBackends, look_up_option

from monai_dd.dicom import convert_to_suv

__all__ = ["ConvertToSUV"]


class ConvertToSUV(Transform):
    """
    Turn a PET volume read by ``PETSeriesReader`` or ``load_pet_series`` into SUVbw (g/ml).

    It is a change of units and not undone by ``inverse``: maps carried back to the patient have units of their own.

    Args:
        decay_correction: ``"header"`` corrects for decay as the DICOM header asks for; ``"none"`` is activity times
            weight by dose, the preprocessing of Ron et al. (2022), appendix C.1.

    Raises:
        ValueError: unknown ``decay_correction``.

    Example:
        >>> from monai_dd.dicom import build_pet_header
        >>> one_slice = {"Units": "BQML", "PatientWeight": 70, "RadionuclideTotalDose": 350e6}
        >>> one_slice |= {"DecayCorrection": "ADMIN", "CorrectedImage": ["ATTN"]}
        >>> volume = MetaTensor([[[[10000.0]]]], meta={"pet_header": build_pet_header([one_slice])})
        >>> ConvertToSUV()(volume).item()  # Bq/ml times 70000 g / 350 MBq
        2.0
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, decay_correction: str = "header") -> None:
        self.decay_correction = look_up_option(decay_correction, ("header", "none"))

    def __call__(self, img: MetaTensor) -> MetaTensor:
        """
        Scale one volume.

        Args:
            img: ``(C, X, Y, Z)`` or ``(X, Y, Z)`` with ``meta["pet_header"]``.

        Returns:
            the volume in SUVbw, with ``meta["units"]`` and ``meta["suv_reference_time"]`` in place of the header.

        Raises:
            PETSeriesError: a subclass for each reason, see ``monai_dd.dicom.errors``.
        """
        return convert_to_suv(img, self.decay_correction)
