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
from copy import deepcopy

import highdicom
import numpy as np
from highdicom.sc import SCImage
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian

import monai_dd

__all__ = ["attention_secondary_capture"]

_COPIED = ("SpecificCharacterSet", "InstitutionName", "TimezoneOffsetFromUTC")


def attention_secondary_capture(
    rgb: np.ndarray,
    source: Sequence[Dataset],
    description: str,
    model_name: str,
    model_version: str,
    series_number: int = 9001,
) -> SCImage:
    """Make an RGB Secondary Capture of a coronal picture that references every instance of a series.

    The modules of patient and study are those of the first instance, value by value and in its character set, also
    where a value breaks the standard: a result must be filed with its study. SOP instance and series are new.

    Args:
        rgb: picture ``(H, W, 3)``, uint8; rows run to the feet, columns to the patient's left.
        source: headers of the series the picture was made from.
        description: Series Description.
        model_name: of the model that made the result, for the equipment's description.
        model_version: of that model.
        series_number: of the new series, 1 or more.

    Returns:
        the data set, ready for ``save_as``. Texts are cut at DICOM's 64 characters, and what is not ASCII becomes
        ``?``, as the character set is that of the source.

    Raises:
        ValueError: for a picture of another shape or type, or without source instances.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"rgb: expected uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
    if not source:
        raise ValueError("source: expected the headers of one series, got none")
    first = source[0]
    capture = SCImage(
        np.ascontiguousarray(rgb),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        study_instance_uid=first.StudyInstanceUID,
        series_instance_uid=highdicom.UID(),
        series_number=series_number,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="monai_dd contributors",
        series_description=_text(description),
        manufacturer_model_name=_text(model_name),
        software_versions=_text(f"monai_dd {monai_dd.__version__}, model {model_version}"),
        device_serial_number="none",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    capture.copy_patient_and_study_information(first)
    for keyword in _COPIED:
        if keyword in first:
            capture[keyword] = deepcopy(first[keyword])
    capture.ConversionType = "WSD"
    capture.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    capture.BurnedInAnnotation = "NO"
    capture.BodyPartExamined = "WHOLEBODY"
    capture.DerivationDescription = _text(description)
    capture.SourceImageSequence = _references(source)
    series = Dataset()
    series.SeriesInstanceUID = first.SeriesInstanceUID
    series.ReferencedInstanceSequence = _references(source)
    capture.ReferencedSeriesSequence = DicomSequence([series])
    return capture


def _text(value: str) -> str:
    """A Long String that every character set can hold."""
    return " ".join(value.replace("\\", "/").split()).encode("ascii", "replace").decode()[:64]


def _references(source: Sequence[Dataset]) -> DicomSequence:
    references = []
    for header in source:
        reference = Dataset()
        reference.ReferencedSOPClassUID = header.SOPClassUID
        reference.ReferencedSOPInstanceUID = header.SOPInstanceUID
        references.append(reference)
    return DicomSequence(references)
