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
"""DICOM dates and times (value representations DA, TM and DT) as Python values."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

__all__ = ["DicomDateTime", "parse_da", "parse_dt", "parse_tm", "utc_offset_seconds"]

_DA = re.compile(r"(\d{4})(?:(\d{2})(\d{2})|\.(\d{2})\.(\d{2}))")
_TM = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,9}))?)?)?")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")


class DicomDateTime(NamedTuple):
    """A DT value: day, seconds since its midnight, and the offset from UTC in seconds where one is given."""

    day: date
    seconds: float
    utc_offset: float | None


def parse_da(value: str) -> date:
    """A DA value, ``YYYYMMDD`` or the old ``YYYY.MM.DD``. Raises ValueError for anything else, ranges included."""
    match = _DA.fullmatch(value.strip(" \0"))
    if match is None:
        raise ValueError("expected YYYYMMDD")
    year, month, day = (int(part) for part in match.groups() if part is not None)
    return date(year, month, day)


def parse_tm(value: str) -> float:
    """
    A TM value, ``HH[MM[SS[.F]]]`` or the old form with colons, as seconds since midnight.

    Raises ValueError for anything else, ranges included. A leap second (60) is accepted.
    """
    match = _TM.fullmatch(value.strip(" \0"))
    if match is None:
        raise ValueError("expected HHMMSS.FFFFFF")
    hour, minute, second = (int(part or 0) for part in match.groups()[:3])
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError("expected a time of day")
    fraction = float(f"0.{match.group(4) or 0}")
    return hour * 3600.0 + minute * 60.0 + second + fraction


def utc_offset_seconds(value: str) -> float:
    """An offset from UTC, ``+ZZXX`` or ``-ZZXX``, in seconds. Raises ValueError for anything else."""
    match = _OFFSET.fullmatch(value.strip(" \0"))
    if match is None or int(match.group(2)) > 14 or int(match.group(3)) > 59:
        raise ValueError("expected +HHMM or -HHMM")
    return (1.0 if match.group(1) == "+" else -1.0) * (int(match.group(2)) * 3600.0 + int(match.group(3)) * 60.0)


def parse_dt(value: str, utc_offset: float | None = None) -> DicomDateTime:
    """
    A DT value, ``YYYYMMDDHH[MM[SS[.F]]][&ZZXX]``, given at least to the hour.

    Args:
        value: the DT string.
        utc_offset: the local offset from UTC in seconds, from TimezoneOffsetFromUTC (0008,0201). Where both this and
            the suffix ``&ZZXX`` are there, the result is moved to local time; without it the clock of the suffix is
            taken for the local one, as all other times of the header are local.

    Raises:
        ValueError: for anything else, ranges and dates without a time included.
    """
    text = value.strip(" \0")
    own_offset = None
    if len(text) > 5 and text[-5] in "+-":
        own_offset = utc_offset_seconds(text[-5:])
        text = text[:-5]
    day, seconds = parse_da(text[:8]), parse_tm(text[8:])
    if own_offset is not None and utc_offset is not None:
        moved = datetime(day.year, day.month, day.day) + timedelta(seconds=seconds + utc_offset - own_offset)
        midnight = datetime(moved.year, moved.month, moved.day)
        return DicomDateTime(moved.date(), (moved - midnight).total_seconds(), utc_offset)
    return DicomDateTime(day, seconds, own_offset)
