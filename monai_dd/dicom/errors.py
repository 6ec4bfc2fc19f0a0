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
"""Named errors and warnings of the PET reader: one class per reason, one line per message, no patient data."""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag

__all__ = [
    "AlreadySUVError",
    "AttenuationCorrectionError",
    "BodySizeError",
    "CorruptFileError",
    "DecayCorrectionError",
    "DecayTimeError",
    "DoseError",
    "DuplicateInstanceError",
    "DynamicSeriesError",
    "EmptyFolderError",
    "EmptyPixelDataError",
    "EnhancedPETError",
    "FrameDurationError",
    "HalfLifeError",
    "InconsistentHeaderError",
    "InjectionTimeError",
    "InvalidValueError",
    "MissingHeaderError",
    "MixedSeriesError",
    "NegativeDecayTimeError",
    "NoDICOMFileError",
    "NotAFolderError",
    "NotPETError",
    "PETSeriesError",
    "PathMissingError",
    "PixelDecodingError",
    "RescaleInterceptError",
    "RescaleSlopeError",
    "SUVTypeError",
    "SUVWarning",
    "ScaleFactorError",
    "ScanTimeError",
    "SingleSliceError",
    "SliceGeometryError",
    "SliceOrderError",
    "SliceSpacingError",
    "UnitsError",
    "WeightError",
    "describe_tag",
]

_PRIVATE_TAGS = {
    "PhilipsSUVScaleFactor": "(7053,1000)",
    "PhilipsActivityScaleFactor": "(7053,1009)",
    "GEScanDateTime": "(0009,100D)",
    "SiemensDecayDateTime": "(0071,1022)",
}


def describe_tag(keyword: str) -> str:
    """Keyword and tag of a DICOM attribute, e.g. ``"PatientWeight (0010,1030)"``."""
    if keyword in _PRIVATE_TAGS:
        return f"{keyword} {_PRIVATE_TAGS[keyword]}"
    number = tag_for_keyword(keyword)
    if number is None:
        raise KeyError(f"keyword: expected a DICOM keyword, got {keyword!r}")
    tag = Tag(number)
    return f"{keyword} ({tag.group:04X},{tag.element:04X})"


class SUVWarning(UserWarning):
    """The SUV could be computed, but the header also allows a notably different value."""


class PETSeriesError(ValueError):
    """A folder or header that is not one static PET series with known activity; base of all refusals."""

    @classmethod
    def of_tag(cls, keyword: str, *, file: str, expected: str, got: object) -> PETSeriesError:
        """The error in one line: which tag, in which file, what was expected and what came."""
        shown = "nothing" if got is None or got == "" else got
        return cls(f"{describe_tag(keyword)} in {file}: expected {expected}, got {shown}")


class PathMissingError(PETSeriesError):
    """The path does not exist."""


class NotAFolderError(PETSeriesError):
    """The path is not one folder."""


class EmptyFolderError(PETSeriesError):
    """The folder holds no file."""


class NoDICOMFileError(PETSeriesError):
    """The folder holds files, but none is DICOM."""


class CorruptFileError(PETSeriesError):
    """A DICOM file is truncated or cannot be parsed."""


class PixelDecodingError(PETSeriesError):
    """No installed decoder reads the transfer syntax of a slice."""


class EmptyPixelDataError(PETSeriesError):
    """Every pixel of every slice is zero."""


class NotPETError(PETSeriesError):
    """The files are not PET images (Modality, SOP Class or Series Type)."""


class EnhancedPETError(PETSeriesError):
    """Enhanced (multi-frame) PET; only the classic PET Image Storage is read."""


class MixedSeriesError(PETSeriesError):
    """More than one series in the folder."""


class DuplicateInstanceError(PETSeriesError):
    """The same instance is stored in more than one file."""


class DynamicSeriesError(PETSeriesError):
    """Several frames at one position: a dynamic or gated series."""


class SingleSliceError(PETSeriesError):
    """One slice only: no volume, and no spacing between slices."""


class SliceGeometryError(PETSeriesError):
    """Size, spacing, orientation or position of a slice is missing, unusable or differs from the others."""


class SliceSpacingError(PETSeriesError):
    """A slice is missing, or the slices are not evenly spaced."""


class SliceOrderError(PETSeriesError):
    """A per-slice factor cannot be matched with the slices of a volume that was cropped, turned or resampled."""


class RescaleSlopeError(PETSeriesError):
    """RescaleSlope is missing, not finite or not positive."""


class RescaleInterceptError(PETSeriesError):
    """RescaleIntercept is not 0."""


class InvalidValueError(PETSeriesError):
    """A header value that cannot be read as the number, date or time it should be."""


class InconsistentHeaderError(PETSeriesError):
    """A value that must be one for the series differs between its instances."""


class MissingHeaderError(PETSeriesError):
    """The image carries no ``pet_header``, so its SUV is not known."""


class AlreadySUVError(PETSeriesError):
    """The image is in SUV already."""


class UnitsError(PETSeriesError):
    """Units that have no SUV, or none under the chosen option."""


class SUVTypeError(PETSeriesError):
    """An SUV Type that does not go with the units, or an unknown one."""


class ScaleFactorError(PETSeriesError):
    """Units are CNTS and neither Philips scale factor is present."""


class AttenuationCorrectionError(PETSeriesError):
    """The images are not corrected for attenuation."""


class DecayCorrectionError(PETSeriesError):
    """DecayCorrection is not START, ADMIN or NONE."""


class WeightError(PETSeriesError):
    """No patient weight above 0."""


class BodySizeError(PETSeriesError):
    """Height or sex is missing or unusable where lean mass, ideal weight or body surface needs it."""


class DoseError(PETSeriesError):
    """No injected dose above 0."""


class HalfLifeError(PETSeriesError):
    """No radionuclide half-life above 0."""


class InjectionTimeError(PETSeriesError):
    """No injection time."""


class ScanTimeError(PETSeriesError):
    """No acquisition time."""


class FrameDurationError(PETSeriesError):
    """No frame duration above 0 where the decay during the frame is not corrected yet."""


class DecayTimeError(PETSeriesError):
    """A decay time too long to be true: date or time of injection or scan is wrong."""


class NegativeDecayTimeError(DecayTimeError):
    """The injection is later than the scan."""
