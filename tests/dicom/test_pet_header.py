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
"""Header facts of a series."""

from __future__ import annotations

import json
import unittest

from parameterized import parameterized

from monai_dd.dicom.errors import InconsistentHeaderError, InvalidValueError, PETSeriesError
from monai_dd.dicom.pet_header import build_pet_header, instance_facts
from tests.dicom.builders import build_pet_series


def header_of(change=None, count=2):
    datasets = build_pet_series(count, change=change)
    return build_pet_header([instance_facts(ds, f"{i}.dcm") for i, ds in enumerate(datasets)], ["0.dcm", "1.dcm"])


def setting(keyword, value, only=None):
    """A change that sets a keyword in all data sets or in one."""

    def change(ds, index):
        if only is None or index == only:
            target = ds
            if keyword.startswith("Radio"):
                target = ds.RadiopharmaceuticalInformationSequence[0]
            setattr(target, keyword, value)

    return change


class TestPETHeader(unittest.TestCase):
    def test_values(self):
        header = header_of()
        self.assertEqual(header["patient_weight"], 80.0)
        self.assertEqual(header["dose"], 4e8)
        self.assertEqual(header["series_time"], 11 * 3600 + 40 * 60)
        self.assertEqual(header["injection_datetime"], 36000.0)
        self.assertEqual(header["frame_duration"], [120.0, 120.0])  # ms to s
        self.assertEqual(header["files"], ["0.dcm", "1.dcm"])
        self.assertEqual(header["corrected_image"], ["ATTN", "DECY", "SCAT"])

    def test_plain_values_and_no_identity(self):
        text = json.dumps(header_of())
        for secret in ("Phantom", "SECRET", "1970", "2025"):
            self.assertNotIn(secret, text)

    def test_injection_on_the_day_before(self):
        header = header_of(setting("RadiopharmaceuticalStartDateTime", "20241231233000"))
        self.assertEqual(header["injection_datetime"], -1800.0)

    def test_time_zone_of_the_injection(self):
        def change(ds, index):
            ds.TimezoneOffsetFromUTC = "+0100"
            ds.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime = "20250101090000+0000"

        self.assertEqual(header_of(change)["injection_datetime"], 36000.0)

    def test_acquisition_without_a_date_is_close_to_the_series(self):
        def change(ds, index):
            del ds.AcquisitionDate
            ds.SeriesTime, ds.AcquisitionTime = "235000", "001000"

        header = header_of(change)
        self.assertEqual(header["acquisition_time"], [86400.0 + 600.0] * 2)

    def test_acquisition_datetime_where_the_time_is_missing(self):
        def change(ds, index):
            del ds.AcquisitionTime
            ds.AcquisitionDateTime = "20250102000500"

        self.assertEqual(header_of(change)["acquisition_time"], [86400.0 + 300.0] * 2)

    def test_series_without_a_date(self):
        def change(ds, index):
            del ds.SeriesDate

        header = header_of(change)
        self.assertEqual((header["series_time"], header["acquisition_time"][0]), (42000.0, 42000.0))

    def test_missing_values_are_none(self):
        def change(ds, index):
            del ds.PatientWeight, ds.RadiopharmaceuticalInformationSequence, ds.SUVType
            ds.Units = ""

        header = header_of(lambda ds, i: (setattr(ds, "SUVType", "BW"), change(ds, i)))
        for key in ("patient_weight", "dose", "half_life", "units", "suv_type", "injection_datetime", "injection_time"):
            self.assertIsNone(header[key], key)

    def test_same_number_written_differently(self):
        self.assertEqual(header_of(setting("PatientWeight", "80.00", only=1))["patient_weight"], 80.0)

    @parameterized.expand(
        [
            ("PatientWeight", "81"),
            ("Units", "CNTS"),
            ("RadionuclideTotalDose", "4.1E8"),
            ("RadionuclideHalfLife", "6586.2"),
            ("RadiopharmaceuticalStartDateTime", "20250101100100"),
            ("DecayCorrection", "ADMIN"),
            ("SeriesTime", "113900"),
            ("CorrectedImage", ["DECY"]),
            ("PatientWeight", None),
        ]
    )
    def test_differing(self, keyword, value):
        with self.assertRaisesRegex(InconsistentHeaderError, rf"^{keyword} \(\w{{4}},\w{{4}}\) in 1.dcm: .*0.dcm"):
            header_of(setting(keyword, value, only=1))

    def test_two_radiopharmaceuticals(self):
        def change(ds, index):
            ds.RadiopharmaceuticalInformationSequence.append(ds.RadiopharmaceuticalInformationSequence[0])

        with self.assertRaisesRegex(InconsistentHeaderError, "one item, got 2 items"):
            header_of(change)

    @parameterized.expand(
        [
            ("AcquisitionTime", "100000-110000"),
            ("SeriesDate", "20250101-20250102"),
            ("RadiopharmaceuticalStartDateTime", "20250101"),
            ("PatientWeight", ["80", "81"]),
        ]
    )
    def test_unreadable(self, keyword, value):
        with self.assertRaisesRegex(InvalidValueError, keyword) as caught:
            header_of(setting(keyword, value))
        self.assertNotIn("2025", str(caught.exception))

    @parameterized.expand([("seventy",), ("nan",), ("inf",)])
    def test_unreadable_number_in_a_listing(self, text):
        with self.assertRaises(InvalidValueError):
            build_pet_header([{"PatientWeight": text}])

    def test_empty_listing_of_an_instance(self):
        header = build_pet_header([{}])
        self.assertIsNone(header["dose"])
        self.assertEqual(header["files"], ["instance 1"])

    def test_no_instance(self):
        with self.assertRaisesRegex(ValueError, "at least one instance"):
            build_pet_header([])

    def test_errors_are_value_errors(self):
        self.assertTrue(issubclass(PETSeriesError, ValueError))


if __name__ == "__main__":
    unittest.main()
