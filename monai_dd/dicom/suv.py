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
"""Standardized uptake value normalized by body weight (SUVbw, g/ml) from the header of a PET series."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from monai_dd.dicom.body_size import MASS_FORMULAS, body_surface_area, mass_for_sex
from monai_dd.dicom.decay import decay_constant, frame_decay_factor
from monai_dd.dicom.errors import (
    AttenuationCorrectionError,
    BodySizeError,
    DecayCorrectionError,
    DecayTimeError,
    DoseError,
    FrameDurationError,
    HalfLifeError,
    NegativeDecayTimeError,
    PETSeriesError,
    ScaleFactorError,
    SUVTypeError,
    SUVWarning,
    UnitsError,
    WeightError,
    describe_tag,
)
from monai_dd.dicom.reference_time import ReferenceTime, acquisition_times, injection_time, start_reference_times

__all__ = ["SUVFactors", "injected_dose", "patient_weight", "suv_factors"]

MAX_HALF_LIVES = 20.0
"""Decay times above this many half-lives are refused: less than a millionth of the dose would be left."""
SUSPECT_HALF_LIVES = 8.0
"""Decay times above this many half-lives are reported: few PET scans start so late."""


class SUVFactors(NamedTuple):
    """Factors ``(Z,)`` in float64 from the rescaled voxels to SUVbw in g/ml, and where the reference time is from."""

    values: np.ndarray
    reference: ReferenceTime


def _positive(header: Mapping[str, Any], key: str, keyword: str, expected: str, error: type[PETSeriesError]) -> float:
    value = header[key]
    if value is None or value <= 0:
        raise error.of_tag(keyword, file=header["files"][0], expected=expected, got=value)
    return value


def patient_weight(header: Mapping[str, Any]) -> float:
    """Weight in g. A stored value above 1000 is in g already, else in kg. Raises WeightError if missing or not > 0."""
    value = _positive(header, "patient_weight", "PatientWeight", "a weight above 0 kg", WeightError)
    return value if value > 1000.0 else value * 1000.0


def injected_dose(header: Mapping[str, Any]) -> float:
    """Dose in Bq. A stored value below 1e5 is in MBq. Raises DoseError if missing or not above 0."""
    value = _positive(header, "dose", "RadionuclideTotalDose", "a dose above 0 Bq", DoseError)
    return value * 1e6 if value < 1e5 else value


def _height(header: Mapping[str, Any]) -> float:
    """Height in cm; a stored value up to 3 is in m, as the standard says, else in cm."""
    value = _positive(header, "patient_size", "PatientSize", "a height above 0 m", BodySizeError)
    return value if value > 3.0 else value * 100.0


def _stored_suv_factor(header: Mapping[str, Any]) -> float:
    """From the SUV the scanner stored (GML by SUV Type, CM2ML by body surface) to SUVbw."""
    file, suv_type = header["files"][0], header["suv_type"]
    if header["units"] == "CM2ML":
        if suv_type not in (None, "BSA"):
            raise SUVTypeError.of_tag("SUVType", file=file, expected="BSA with Units CM2ML", got=suv_type)
        weight = patient_weight(header)
        return weight / body_surface_area(weight / 1000.0, _height(header))
    if suv_type in (None, "BW"):
        return 1.0
    if suv_type not in MASS_FORMULAS:
        known = ", ".join(["BW", *MASS_FORMULAS])
        raise SUVTypeError.of_tag("SUVType", file=file, expected=f"one of {known} with Units GML", got=suv_type)
    sex = header["patient_sex"]
    if sex not in ("M", "F", "O"):
        raise BodySizeError.of_tag("PatientSex", file=file, expected=f"M, F or O for SUV Type {suv_type}", got=sex)
    weight = patient_weight(header) / 1000.0
    mass = mass_for_sex(suv_type, weight, _height(header), sex)
    if mass <= 0:
        message = f"{describe_tag('PatientSize')} in {file}: expected a height for which the mass of SUV Type"
        raise BodySizeError(f"{message} {suv_type} is above 0, got {mass:.1f} kg")
    return weight / mass


def _check_decay_time(header: Mapping[str, Any], elapsed: np.ndarray, half_life: float) -> None:
    file, shortest, longest = header["files"][int(np.argmin(elapsed))], float(elapsed.min()), float(elapsed.max())
    tag = describe_tag(
        "RadiopharmaceuticalStartTime" if header["injection_datetime"] is None else "RadiopharmaceuticalStartDateTime"
    )
    if shortest < 0:
        got = f"{-shortest:.0f} s after it"
        raise NegativeDecayTimeError(f"{tag} in {file}: expected an injection before the scan, got one {got}")
    half_lives = longest / half_life
    if half_lives > MAX_HALF_LIVES:
        expected = f"a scan within {MAX_HALF_LIVES:.0f} half-lives of the injection"
        raise DecayTimeError(f"{tag} in {file}: expected {expected}, got one after {half_lives:.0f}")
    if half_lives > SUSPECT_HALF_LIVES:
        warnings.warn(f"{tag}: the scan starts {half_lives:.1f} half-lives after it", SUVWarning, stacklevel=4)


def _activity_factors(header: Mapping[str, Any]) -> SUVFactors:
    """Factors from Bq/ml to SUVbw with the decay between injection and the time the activity refers to."""
    file, mode, count = header["files"][0], header["decay_correction"], len(header["files"])
    base = patient_weight(header) / injected_dose(header)
    if mode not in ("START", "ADMIN", "NONE"):
        raise DecayCorrectionError.of_tag("DecayCorrection", file=file, expected="START, ADMIN or NONE", got=mode)
    if mode == "ADMIN":
        return SUVFactors(np.full(count, base), ReferenceTime.ADMINISTRATION)
    half_life = _positive(header, "half_life", "RadionuclideHalfLife", "a half-life above 0 s", HalfLifeError)
    rate = decay_constant(half_life)
    frame = np.ones(count)
    if mode == "START":
        times, branch = start_reference_times(header, rate)
    else:
        times, branch = acquisition_times(header), ReferenceTime.ACQUISITION
        for name, value in zip(header["files"], header["frame_duration"]):
            if value is None or value <= 0:
                raise FrameDurationError.of_tag("ActualFrameDuration", file=name, expected="above 0 ms", got=value)
        frame = frame_decay_factor(rate, np.asarray(header["frame_duration"]))
    elapsed = times - injection_time(header, float(times.min()))
    _check_decay_time(header, elapsed, half_life)
    return SUVFactors(base * frame * np.exp(rate * elapsed), branch)


def _philips_factors(header: Mapping[str, Any], key: str) -> np.ndarray | None:
    """The Philips factor of every slice, or None unless it is above 0 in all of them."""
    values = header[key]
    return np.asarray(values, dtype=np.float64) if all(value is not None and value > 0 for value in values) else None


def suv_factors(header: Mapping[str, Any], decay_correction: str = "header") -> SUVFactors:
    """
    Factor of each slice from the rescaled voxel (stored value times RescaleSlope) to SUVbw in g/ml.

    ``SUVbw = activity [Bq/ml] * weight [g] / dose at the time the activity refers to [Bq]``. By Units (0054,1001):
    ``BQML`` is activity; ``CNTS`` is turned into SUV by the Philips factor (7053,1000), else into activity by
    (7053,1009); ``GML`` and ``CM2ML`` are SUV and only changed from their SUV Type to body weight. By DecayCorrection
    (0054,1102): ``START`` decays the dose to the reference time, ``ADMIN`` leaves it, ``NONE`` decays it to the
    acquisition of each slice and corrects the decay during the frame.

    Args:
        header: from ``build_pet_header``, or ``meta["pet_header"]`` of a volume from ``load_pet_series``.
        decay_correction: ``"header"`` for the above; ``"none"`` for activity times weight by dose without decay
            (Ron et al. 2022, appendix C.1), which needs units that give activity.

    Returns:
        ``SUVFactors(values, reference)``, with values ``(Z,)`` in slice order.

    Raises:
        PETSeriesError: a subclass for each reason, see ``monai_dd.dicom.errors``.
        ValueError: unknown ``decay_correction``.

    Warns:
        SUVWarning: alternative reference times differ by more than 1 % in SUV, or the scan is suspiciously late.

    Example:
        >>> from monai_dd.dicom import build_pet_header
        >>> one_slice = {"Units": "BQML", "PatientWeight": 70, "RadionuclideTotalDose": 350e6}
        >>> one_slice |= {"DecayCorrection": "ADMIN", "CorrectedImage": ["ATTN"]}
        >>> suv_factors(build_pet_header([one_slice, one_slice]))
        SUVFactors(values=array([0.0002, 0.0002]), reference=administration)
    """
    if decay_correction not in ("header", "none"):
        raise ValueError(f"decay_correction: expected 'header' or 'none', got {decay_correction!r}")
    file, units, count = header["files"][0], header["units"], len(header["files"])
    if units not in ("BQML", "CNTS", "GML", "CM2ML"):
        raise UnitsError.of_tag("Units", file=file, expected="BQML, CNTS, GML or CM2ML", got=units)
    if "ATTN" not in header["corrected_image"]:
        got = ", ".join(header["corrected_image"])
        raise AttenuationCorrectionError.of_tag("CorrectedImage", file=file, expected="ATTN among them", got=got)
    to_suv = _philips_factors(header, "philips_suv_factor") if units == "CNTS" else None
    to_activity = _philips_factors(header, "philips_activity_factor") if units == "CNTS" else np.ones(count)
    if units == "CNTS" and to_suv is None and to_activity is None:
        raise ScaleFactorError.of_tag(
            "PhilipsSUVScaleFactor", file=file, expected="a factor, or PhilipsActivityScaleFactor (7053,1009)", got=None
        )
    if decay_correction == "none":
        if units in ("GML", "CM2ML") or to_activity is None:
            raise UnitsError.of_tag("Units", file=file, expected="activity for decay_correction='none'", got=units)
        values = to_activity * patient_weight(header) / injected_dose(header)
        return SUVFactors(values, ReferenceTime.NONE)
    if units in ("GML", "CM2ML"):
        return SUVFactors(np.full(count, _stored_suv_factor(header)), ReferenceTime.STORED_SUV)
    if to_suv is not None:
        return SUVFactors(to_suv, ReferenceTime.STORED_SUV)
    activity = _activity_factors(header)
    return SUVFactors(activity.values * to_activity, activity.reference)
