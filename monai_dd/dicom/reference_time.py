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
"""The moment to which a PET series is decay-corrected, and the moment of injection."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from monai.utils import StrEnum

from monai_dd.dicom.decay import average_activity_time
from monai_dd.dicom.errors import InjectionTimeError, ScanTimeError, SUVWarning

__all__ = ["DecayReference", "ReferenceTime", "acquisition_times", "injection_time", "start_reference_times"]

TOLERANCE = 0.01
"""Relative difference of SUV above which alternative reference times are reported."""


class ReferenceTime(StrEnum):
    """Where the time comes from to which the activity of a series refers; recorded with every SUV volume."""

    SERIES = "series"
    GE_PRIVATE = "ge_private"
    SIEMENS_PRIVATE = "siemens_private"
    BACK_COMPUTED = "back_computed"
    EARLIEST_ACQUISITION = "earliest_acquisition"
    ADMINISTRATION = "administration"
    ACQUISITION = "acquisition"
    STORED_SUV = "stored_suv"
    NONE = "none"


class DecayReference(NamedTuple):
    """Reference times ``(Z,)`` in s since midnight of the series date, and the branch that gave them."""

    times: np.ndarray
    branch: ReferenceTime


def acquisition_times(header: Mapping[str, Any]) -> np.ndarray:
    """Acquisition times ``(Z,)`` in s since midnight of the series date. Raises ScanTimeError where one is missing."""
    for file, value in zip(header["files"], header["acquisition_time"]):
        if value is None:
            raise ScanTimeError.of_tag("AcquisitionTime", file=file, expected="a time", got=None)
    return np.asarray(header["acquisition_time"], dtype=np.float64)


def _back_computed_times(header: Mapping[str, Any], acquired: np.ndarray, rate: float) -> np.ndarray | None:
    """``t_acq + T_ave - FRT`` per slice, or None unless every slice has both durations above 0."""
    reference, duration = header["frame_reference_time"], header["frame_duration"]
    if not all(value is not None and value > 0 for value in (*reference, *duration)):
        return None
    return acquired + average_activity_time(rate, np.asarray(duration)) - np.asarray(reference)


def _relative_change(exponent: np.ndarray) -> np.ndarray:
    """``exp(x) - 1``, for x up to 10: times in different years must not overflow."""
    return np.expm1(np.minimum(exponent, 10.0))


def _warn_if_ambiguous(chosen: DecayReference, candidates: Mapping[ReferenceTime, np.ndarray], rate: float) -> None:
    """A warning that names each alternative whose SUV would differ by more than 1 %: SUV grows as ``exp(l t)``."""
    notes = []
    for branch, times in candidates.items():
        changes = _relative_change(rate * (times - chosen.times))
        change = changes[np.argmax(np.abs(changes))]
        if abs(change) > TOLERANCE:
            notes.append(f"{branch} would change SUV by {100 * change:+.1f} %")
    spread = _relative_change(rate * np.ptp(chosen.times))
    if spread > TOLERANCE:
        notes.append(f"{chosen.branch} itself varies by {100 * spread:.1f} % between slices")
    if notes:
        text = f"DecayCorrection START: reference time taken from {chosen.branch}, but {'; '.join(notes)}"
        warnings.warn(text, SUVWarning, stacklevel=4)


def start_reference_times(header: Mapping[str, Any], rate: float) -> DecayReference:
    """
    The times to which a series with DecayCorrection START refers.

    In this order: SeriesDate and SeriesTime if not later than the earliest acquisition (a later one is the time of
    post-processing); the scan time of GE, private (0009,100D); the decay correction time of Siemens, private
    (0071,1022); per slice ``t_acq + T_ave - FrameReferenceTime`` where FrameReferenceTime and ActualFrameDuration are
    above 0 in every slice; the earliest acquisition. The order is that of the QIBA FDG-PET/CT pseudo-code, continued
    for the vendors as by IBSI-SUV (Vacha and Zwanenburg, 2026).

    Args:
        header: from ``build_pet_header``.
        rate: decay constant in 1/s.

    Raises:
        ScanTimeError: a slice has no acquisition time.

    Warns:
        SUVWarning: an alternative of this list, where the header gives it, would change SUV by more than 1 %.
    """
    acquired = acquisition_times(header)
    earliest = np.full_like(acquired, acquired.min())
    candidates = {
        ReferenceTime.SERIES: header["series_time"],
        ReferenceTime.GE_PRIVATE: header["ge_scan_time"],
        ReferenceTime.SIEMENS_PRIVATE: header["siemens_decay_time"],
        ReferenceTime.BACK_COMPUTED: _back_computed_times(header, acquired, rate),
        ReferenceTime.EARLIEST_ACQUISITION: earliest,
    }
    times = {branch: np.broadcast_to(t, earliest.shape) for branch, t in candidates.items() if t is not None}
    late_series = ReferenceTime.SERIES in times and times[ReferenceTime.SERIES][0] > earliest[0]
    branch = next(b for b in times if not (b == ReferenceTime.SERIES and late_series))
    chosen = DecayReference(times[branch], branch)
    _warn_if_ambiguous(chosen, times, rate)
    return chosen


def injection_time(header: Mapping[str, Any], scan_time: float) -> float:
    """
    Time of injection in s since midnight of the series date.

    RadiopharmaceuticalStartDateTime where present; else RadiopharmaceuticalStartTime on the series date, a day earlier
    if that is later than the scan (a scan after midnight).

    Args:
        header: from ``build_pet_header``.
        scan_time: time to which the activity refers, s since midnight of the series date.

    Raises:
        InjectionTimeError: the header gives neither.
    """
    if header["injection_datetime"] is not None:
        return header["injection_datetime"]
    clock = header["injection_time"]
    if clock is None:
        raise InjectionTimeError.of_tag(
            "RadiopharmaceuticalStartDateTime", file=header["files"][0], expected="the injection time", got=None
        )
    return clock - 86400.0 if clock > scan_time else clock
