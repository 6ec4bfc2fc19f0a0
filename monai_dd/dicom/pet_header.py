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
"""What SUV needs to know of a PET series: one plain dictionary, without patient identity and without dates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from monai_dd.dicom.errors import InconsistentHeaderError, InvalidValueError
from monai_dd.dicom.private_tags import PRIVATE_ELEMENTS, private_value
from monai_dd.dicom.times import DicomDateTime, parse_da, parse_dt, parse_tm, utc_offset_seconds

__all__ = ["build_pet_header", "instance_facts"]

_SERIES_TEXTS = {
    "units": "Units",
    "suv_type": "SUVType",
    "decay_correction": "DecayCorrection",
    "patient_sex": "PatientSex",
}
_SERIES_NUMBERS = {
    "patient_weight": "PatientWeight",
    "patient_size": "PatientSize",
    "dose": "RadionuclideTotalDose",
    "half_life": "RadionuclideHalfLife",
}
_SLICE_NUMBERS = {
    "frame_reference_time": "FrameReferenceTime",
    "frame_duration": "ActualFrameDuration",
    "philips_suv_factor": "PhilipsSUVScaleFactor",
    "philips_activity_factor": "PhilipsActivityScaleFactor",
}
_DATASET_KEYWORDS = (
    *_SERIES_TEXTS.values(),
    *("PatientWeight", "PatientSize", "FrameReferenceTime", "ActualFrameDuration", "CorrectedImage"),
    *("SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime"),
    "TimezoneOffsetFromUTC",
)
_RADIOPHARMACEUTICAL_KEYWORDS = (
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
)
_DAY = 86400.0


def instance_facts(dataset: Dataset, file: str) -> dict[str, Any]:
    """
    The raw header values of one instance that ``build_pet_header`` reads, by DICOM keyword.

    Args:
        dataset: one instance of a PET series.
        file: base name of its file, for messages.

    Raises:
        InvalidValueError: an element cannot be converted.
        InconsistentHeaderError: more than one radiopharmaceutical.
    """
    facts: dict[str, Any] = {}
    items = dataset.get("RadiopharmaceuticalInformationSequence") or []
    if len(items) > 1:
        raise InconsistentHeaderError.of_tag(
            "RadiopharmaceuticalInformationSequence", file=file, expected="one item", got=f"{len(items)} items"
        )
    sources = [(dataset, keyword) for keyword in _DATASET_KEYWORDS]
    sources += [(item, keyword) for item in items for keyword in _RADIOPHARMACEUTICAL_KEYWORDS]
    for source, keyword in sources:
        try:
            facts[keyword] = source.get(keyword)
        except (ValueError, TypeError, OverflowError) as error:
            raise InvalidValueError.of_tag(keyword, file=file, expected="a valid value", got="another text") from error
    for name in PRIVATE_ELEMENTS:
        facts[name] = private_value(dataset, name)
    return facts


class _Instance:
    """Typed access to the raw values of one instance; says which tag of which file cannot be read."""

    def __init__(self, facts: Mapping[str, Any], file: str) -> None:
        self.facts = facts
        self.file = file

    def text(self, keyword: str) -> str | None:
        value = self.facts.get(keyword)
        if value is None:
            return None
        if isinstance(value, (list, tuple, MultiValue)):
            raise InvalidValueError.of_tag(keyword, file=self.file, expected="one value", got="several")
        return str(value).strip(" \0") or None

    def number(self, keyword: str) -> float | None:
        text = self.text(keyword)
        if text is None:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InvalidValueError.of_tag(keyword, file=self.file, expected="a finite number", got="another text")
        return number

    def parsed(self, keyword: str, parser: Any, expected: str) -> Any:
        text = self.text(keyword)
        if text is None:
            return None
        try:
            return parser(text)
        except ValueError as error:
            raise InvalidValueError.of_tag(keyword, file=self.file, expected=expected, got="another form") from error

    def date(self, keyword: str) -> date | None:
        return self.parsed(keyword, parse_da, "a date YYYYMMDD")

    def time(self, keyword: str) -> float | None:
        return self.parsed(keyword, parse_tm, "a time HHMMSS.FFFFFF")

    def datetime(self, keyword: str) -> DicomDateTime | None:
        offset = self.parsed("TimezoneOffsetFromUTC", utc_offset_seconds, "an offset +HHMM")
        return self.parsed(keyword, lambda text: parse_dt(text, offset), "a date and time YYYYMMDDHHMMSS.FFFFFF")

    def corrections(self) -> list[str]:
        value = self.facts.get("CorrectedImage")
        parts = value.split("\\") if isinstance(value, str) else (value or [])
        return sorted({str(part).strip().upper() for part in parts if str(part).strip()})


def _unpack_nested(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Vendor values as header listings of other tools name them, under the names used here."""
    flat = dict(facts)
    philips = flat.get("PhilipsPETPrivateGroup") or {}
    for name, other in (
        ("PhilipsSUVScaleFactor", philips.get("SUVScaleFactor")),
        ("PhilipsActivityScaleFactor", philips.get("ActivityConcentrationScaleFactor")),
        ("GEScanDateTime", flat.get("GEPrivatePostInjectionDateTime")),
    ):
        if flat.get(name) is None:
            flat[name] = other
    return flat


def _one_value(instances: Sequence[_Instance], keyword: str, values: Sequence[Any]) -> Any:
    """The value all instances share; dates and times are not shown in the message."""
    for instance, value in zip(instances, values):
        if value != values[0]:
            raise InconsistentHeaderError.of_tag(
                keyword, file=instance.file, expected=f"the value of {instances[0].file}", got="another one"
            )
    return values[0]


def _seconds(day: date | None, clock: float | None, origin: date | None, near: float | None) -> float | None:
    """Seconds since midnight of ``origin``; without a date the moment closest to ``near``."""
    if clock is None:
        return None
    if day is not None and origin is not None:
        return (day - origin).days * _DAY + clock
    if near is None:
        return clock
    return clock + _DAY * round((near - clock) / _DAY)


def build_pet_header(instances: Sequence[Mapping[str, Any]], files: Sequence[str] | None = None) -> dict[str, Any]:
    """
    The header facts of a series for ``suv_factors``, from the raw values of its instances in slice order.

    Times are seconds since midnight of SeriesDate (of AcquisitionDate where that is missing), so that no calendar date
    remains. An acquisition time without a date is taken within 12 h of the series time. Every value may be None where
    the header does not give it: whether it is needed is decided when SUV is asked for.

    Args:
        instances: one mapping per instance from DICOM keyword to value, as ``instance_facts`` returns them, or a
            header listing with the elements of the radiopharmaceutical sequence at top level.
        files: base names of the files, for messages. Default: ``instance 1`` and so on.

    Returns:
        a dict of plain values: for the series ``units``, ``suv_type``, ``decay_correction``, ``patient_sex``,
        ``patient_weight`` (kg or g), ``patient_size`` (m or cm), ``dose`` (Bq or MBq), ``half_life`` (s),
        ``corrected_image``, ``series_time``, ``injection_datetime``, ``injection_time``, ``ge_scan_time``,
        ``siemens_decay_time`` (s); lists with one entry per slice: ``files``, ``acquisition_time``,
        ``frame_reference_time``, ``frame_duration`` (s), ``philips_suv_factor``, ``philips_activity_factor``.

    Raises:
        ValueError: no instance.
        InvalidValueError: a number, date or time cannot be read.
        InconsistentHeaderError: a value of the series differs between instances.

    Example:
        >>> times = {"SeriesDate": "20200101", "SeriesTime": "100000", "RadiopharmaceuticalStartTime": "090000"}
        >>> header = build_pet_header([times | {"Units": "BQML", "AcquisitionTime": "100130"}])
        >>> header["units"], header["injection_time"], header["acquisition_time"], header["dose"]
        ('BQML', 32400.0, [36090.0], None)
    """
    if not instances:
        raise ValueError("instances: expected at least one instance of the series, got none")
    names = list(files) if files is not None else [f"instance {i + 1}" for i in range(len(instances))]
    readers = [_Instance(_unpack_nested(facts), name) for facts, name in zip(instances, names)]

    def shared(keyword: str, kind: str) -> Any:
        return _one_value(readers, keyword, [getattr(reader, kind)(keyword) for reader in readers])

    header: dict[str, Any] = {key: shared(keyword, "text") for key, keyword in _SERIES_TEXTS.items()}
    header = {key: value.upper() if value else None for key, value in header.items()}
    header |= {key: shared(keyword, "number") for key, keyword in _SERIES_NUMBERS.items()}
    corrections = [reader.corrections() for reader in readers]
    _one_value(readers, "CorrectedImage", ["ATTN" in each for each in corrections])
    header["corrected_image"] = corrections[0]

    series_day, series_clock = shared("SeriesDate", "date"), shared("SeriesTime", "time")
    injection = shared("RadiopharmaceuticalStartDateTime", "datetime")
    acquired = []
    for reader in readers:
        day, clock = reader.date("AcquisitionDate"), reader.time("AcquisitionTime")
        if clock is None and (moment := reader.datetime("AcquisitionDateTime")) is not None:
            day, clock = moment.day, moment.seconds
        acquired.append((day, clock))
    days = [series_day, *sorted(day for day, _ in acquired if day is not None), injection.day if injection else None]
    origin = next((day for day in days if day is not None), None)

    first_acquired = _seconds(*acquired[0], origin, None) if series_day is None else None
    header["series_time"] = _seconds(series_day, series_clock, origin, first_acquired)
    header["injection_time"] = shared("RadiopharmaceuticalStartTime", "time")
    for key, keyword in (
        ("injection_datetime", "RadiopharmaceuticalStartDateTime"),
        ("ge_scan_time", "GEScanDateTime"),
        ("siemens_decay_time", "SiemensDecayDateTime"),
    ):
        moment = shared(keyword, "datetime")
        header[key] = None if moment is None else _seconds(moment.day, moment.seconds, origin, None)

    header["files"] = names
    header["acquisition_time"] = [_seconds(day, clock, origin, header["series_time"]) for day, clock in acquired]
    for key, keyword in _SLICE_NUMBERS.items():
        scale = 1e-3 if key in ("frame_reference_time", "frame_duration") else 1.0
        values = [reader.number(keyword) for reader in readers]
        header[key] = [None if value is None else value * scale for value in values]
    return header
