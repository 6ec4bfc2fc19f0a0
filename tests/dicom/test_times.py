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
"""DICOM dates and times."""

from __future__ import annotations

import unittest
from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.dicom.times import parse_da, parse_dt, parse_tm, utc_offset_seconds


class TestTimes(unittest.TestCase):
    @parameterized.expand(
        [
            ("10", 36000.0),
            ("1030", 37800.0),
            ("103015", 37815.0),
            ("103015.5", 37815.5),
            ("103015.123456 ", 37815.123456),
            ("10:30:15.5", 37815.5),
            ("235960", 86400.0),  # leap second
            ("000000\0", 0.0),
        ]
    )
    def test_time(self, text, seconds):
        self.assertAlmostEqual(parse_tm(text), seconds, places=9)

    @parameterized.expand(
        ["", "1", "240000", "106000", "103061", "100000-110000", "10h30", "103015.", "-10", "103015Z"]
    )
    def test_bad_time(self, text):
        with self.assertRaises(ValueError):
            parse_tm(text)

    @parameterized.expand([("20250131",), ("2025.01.31",), (" 20250131 ",)])
    def test_date(self, text):
        self.assertEqual(parse_da(text), date(2025, 1, 31))

    @parameterized.expand(["", "2025", "20250230", "20250101-20250102", "31.01.2025"])
    def test_bad_date(self, text):
        with self.assertRaises(ValueError):
            parse_da(text)

    def test_datetime_with_fraction(self):
        moment = parse_dt("20250101084500.25 ")
        self.assertEqual((moment.day, moment.seconds, moment.utc_offset), (date(2025, 1, 1), 31500.25, None))

    def test_suffix_without_local_offset_keeps_the_clock(self):
        self.assertEqual(parse_dt("20250101084500.00+0100").seconds, 31500.0)

    @parameterized.expand(
        [
            # 23:30 at UTC-5 is 04:30 UTC, which is 05:30 of the next day at UTC+1
            ("20250101233000-0500", "+0100", date(2025, 1, 2), 5.5 * 3600),
            # 00:15 at UTC+5:30 is 18:45 UTC of the day before
            ("20250101001500+0530", "+0000", date(2024, 12, 31), 18.75 * 3600),
        ]
    )
    def test_suffix_with_local_offset_moves_to_local_time(self, text, local, day, seconds):
        moment = parse_dt(text, utc_offset_seconds(local))
        self.assertEqual((moment.day, moment.seconds), (day, seconds))

    @parameterized.expand(["20250101", "202501", "", "20250101084500+99", "20250101084500&0100"])
    def test_bad_datetime(self, text):
        with self.assertRaises(ValueError):
            parse_dt(text)

    @given(st.integers(0, 86399), st.integers(0, 999999))
    def test_every_time_of_day_comes_back(self, whole, micro):
        text = f"{whole // 3600:02d}{whole // 60 % 60:02d}{whole % 60:02d}.{micro:06d}"
        # 1e-9 s: float64 resolves 1.5e-11 s at 86400 s
        self.assertAlmostEqual(parse_tm(text), whole + micro * 1e-6, delta=1e-9)


if __name__ == "__main__":
    unittest.main()
