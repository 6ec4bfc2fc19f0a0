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
"""Attributes of a DICOM PET series (PS3.3 A.21) that describe a phantom, apart from the slices themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import PositronEmissionTomographyImageStorage, generate_uid

from monai_dd import __version__
from monai_dd.data.phantoms.pet.phantom import FDG_HALF_LIFE, PETPhantom

__all__ = ["TIME_FORMAT", "build_series_header", "decimal_string", "phantom_uid"]

TIME_FORMAT = "%H%M%S.%f"
"""DICOM time with microseconds, for ``strftime``."""

POSITRON_FRACTION = 0.967
"""Share of positron decays of fluorine-18."""


def phantom_uid(uid_seed: str | None, *parts: object) -> str:
    """Unique identifier: the same for the same ``uid_seed`` and ``parts``, or a new one where ``uid_seed`` is None."""
    return generate_uid(entropy_srcs=None if uid_seed is None else [uid_seed, *map(str, parts)])


def decimal_string(value: float) -> str:
    """``value`` as a DICOM decimal string, at most 16 characters, ten significant digits."""
    text = f"{value:.10g}"
    return text if len(text) <= 16 else f"{value:.9e}"


def build_series_header(
    phantom: PETPhantom, patient_id: str, start: datetime, uid_seed: str | None, fields: dict[str, object]
) -> Dataset:
    """Everything that all instances of the series have in common.

    Args:
        phantom: the phantom.
        patient_id: Patient ID.
        start: start of the scan; the decay-correction reference of the series.
        uid_seed: see :func:`phantom_uid`.
        fields: further attributes by keyword, which may replace those set here.

    Returns:
        Dataset without pixel data.
    """
    date, time = start.strftime("%Y%m%d"), start.strftime(TIME_FORMAT)
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.SOPClassUID = PositronEmissionTomographyImageStorage
    header.ImageType = ["ORIGINAL", "PRIMARY"]
    header.StudyDate = header.SeriesDate = header.ContentDate = header.InstanceCreationDate = date
    header.StudyTime = header.SeriesTime = header.ContentTime = header.InstanceCreationTime = time
    header.AccessionNumber = header.ReferringPhysicianName = ""
    header.Modality = "PT"
    header.Manufacturer = "monai_dd"
    header.ManufacturerModelName = "FDG-PET phantom"
    header.SoftwareVersions = __version__
    header.StudyDescription = "Synthetic phantom"
    header.SeriesDescription = "FDG whole-body phantom, not a patient"
    header.PatientName = f"PHANTOM^{phantom.seed:04d}"
    header.PatientID = patient_id
    header.PatientBirthDate = ""
    header.PatientSex = phantom.sex
    header.PatientSize = decimal_string(phantom.height_m)
    header.PatientWeight = decimal_string(phantom.weight_kg)
    header.QualityControlSubject = "YES"
    header.BodyPartExamined = "WHOLEBODY"
    header.StudyInstanceUID = phantom_uid(uid_seed, "study")
    header.SeriesInstanceUID = phantom_uid(uid_seed, "series")
    header.FrameOfReferenceUID = phantom_uid(uid_seed, "frame of reference")
    header.PositionReferenceIndicator = ""
    header.StudyID = str(phantom.study + 1)
    header.SeriesNumber = 1
    header.BurnedInAnnotation = "NO"
    header.LossyImageCompression = "00"
    _add_pet_series(header, phantom)
    _add_isotope(header, phantom, start)
    for keyword, value in fields.items():
        if tag_for_keyword(keyword) is None:
            raise ValueError(f"fields: expected DICOM keywords, got {keyword!r}")
        setattr(header, keyword, value)
    return header


def _add_pet_series(header: Dataset, phantom: PETPhantom) -> None:
    """PET Series module."""
    header.SeriesType = ["WHOLE BODY", "IMAGE"]
    header.Units = "BQML"
    header.CountsSource = "EMISSION"
    header.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "RAN", "RADL", "DCAL", "NORM"]
    header.DecayCorrection = "START"
    header.CollimatorType = "RING"
    header.ReconstructionMethod = "Simulated image: Gaussian resolution and log-normal noise"
    header.AttenuationCorrectionMethod = "Simulated image: no attenuation"
    header.NumberOfSlices = phantom.suv.shape[2]


def _add_isotope(header: Dataset, phantom: PETPhantom, start: datetime) -> None:
    """PET Isotope module; codes from PS3.16 CID 4020, 4021, 19, 20 and 21."""
    injection = start - timedelta(seconds=phantom.uptake_time_s)
    item = Dataset()
    item.Radiopharmaceutical = "Fluorodeoxyglucose"
    item.RadiopharmaceuticalRoute = "Intravenous"
    item.RadiopharmaceuticalStartTime = injection.strftime(TIME_FORMAT)
    item.RadiopharmaceuticalStartDateTime = injection.strftime("%Y%m%d" + TIME_FORMAT)
    item.RadionuclideTotalDose = decimal_string(phantom.injected_dose_bq)
    item.RadionuclideHalfLife = decimal_string(FDG_HALF_LIFE)
    item.RadionuclidePositronFraction = decimal_string(POSITRON_FRACTION)
    item.RadionuclideCodeSequence = _code("77004003", "^18^Fluorine")
    item.RadiopharmaceuticalCodeSequence = _code("35321007", "Fluorodeoxyglucose F^18^")
    header.RadiopharmaceuticalInformationSequence = [item]
    (orientation,) = _code("102538003", "recumbent")
    orientation.PatientOrientationModifierCodeSequence = _code("40199007", "supine")
    header.PatientOrientationCodeSequence = [orientation]
    header.PatientGantryRelationshipCodeSequence = _code("102540008", "headfirst")


def _code(value: str, meaning: str, scheme: str = "SCT") -> Sequence[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return [item]
