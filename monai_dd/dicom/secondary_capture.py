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
"""A picture as a DICOM Secondary Capture that belongs to the series it explains."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom
import numpy as np
from highdicom.sc import SCImage
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian

import monai_dd

__all__ = ["attention_secondary_capture"]


def attention_secondary_capture(
    rgb: np.ndarray, source: Sequence[Dataset], description: str, model_name: str, model_version: str
) -> SCImage:
    """Make an RGB Secondary Capture that references every instance of a series.

    Identity of patient and study is that of the first instance; SOP instance and series are new.

    Args:
        rgb: picture ``(H, W, 3)``, uint8.
        source: headers of the series the picture was made from.
        description: Series Description, at most 64 characters.
        model_name: of the model that made the result, for the equipment's description.
        model_version: of that model.

    Returns:
        the data set, ready for ``save_as``.

    Raises:
        ValueError: for a picture of another shape or type, or without source instances.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"rgb: expected uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
    if not source:
        raise ValueError("source: expected the headers of one series, got none")
    capture = SCImage.from_ref_dataset(
        source[0],
        np.ascontiguousarray(rgb),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        series_instance_uid=highdicom.UID(),
        series_number=int(source[0].get("SeriesNumber") or 0) % 1000 + 9000,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="monai_dd contributors",
        series_description=description[:64],
        manufacturer_model_name=model_name[:64],
        software_versions=f"monai_dd {monai_dd.__version__}, model {model_version}"[:64],
        device_serial_number="none",
        institution_name=source[0].get("InstitutionName"),
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    capture.ConversionType = "WSD"
    capture.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    capture.BurnedInAnnotation = "NO"
    capture.DerivationDescription = description
    capture.Laterality = ""
    capture.SourceImageSequence = _references(source)
    series = Dataset()
    series.SeriesInstanceUID = source[0].SeriesInstanceUID
    series.ReferencedInstanceSequence = _references(source)
    capture.ReferencedSeriesSequence = DicomSequence([series])
    return capture


def _references(source: Sequence[Dataset]) -> DicomSequence:
    references = []
    for header in source:
        reference = Dataset()
        reference.ReferencedSOPClassUID = header.SOPClassUID
        reference.ReferencedSOPInstanceUID = header.SOPInstanceUID
        references.append(reference)
    return DicomSequence(references)
