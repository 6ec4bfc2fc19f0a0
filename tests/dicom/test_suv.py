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
"""
SUV factors against hand calculations.

The synthetic series: 80 kg, 4e8 Bq at 10:00, half-life 6000 s, series and acquisition at 11:40, one half-life later. So
the decayed dose is 2e8 Bq and the factor ``80000 g / 2e8 Bq = 4e-4 g/Bq``; without decay it is 2e-4.
"""

from __future__ import annotations

import json
import math
import os
import unittest
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.dicom import errors
from monai_dd.dicom.pet_header import build_pet_header
from monai_dd.dicom.suv import suv_factors
from tests.dicom.builders import HALF_LIFE

REAL_DATA = os.environ.get("MONAI_DD_REAL_DATA")
RATE = math.log(2.0) / HALF_LIFE
BASE = {
    "Units": "BQML",
    "DecayCorrection": "START",
    "CorrectedImage": ["DECY", "ATTN"],
    "PatientWeight": "80",
    "PatientSize": "1.60",
    "PatientSex": "F",
    "RadionuclideTotalDose": "4E8",
    "RadionuclideHalfLife": str(HALF_LIFE),
    "RadiopharmaceuticalStartDateTime": "20250101100000",
    "RadiopharmaceuticalStartTime": "100000",
    "SeriesDate": "20250101",
    "SeriesTime": "114000",
    "AcquisitionDate": "20250101",
    "AcquisitionTime": "114000",
    "FrameReferenceTime": 0,
    "ActualFrameDuration": 120000,
}


def factors_of(*changes, decay_correction="header", quiet=False):
    """Factors of a series whose instances are BASE with one dict of changes each (None removes a value)."""
    header = build_pet_header([{**BASE, **change} for change in changes or ({},)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if quiet else "error")
        return suv_factors(header, decay_correction)


class TestSUVFactors(unittest.TestCase):
    def check(self, result, expected, reference):
        # 1e-12: float64 rounding of a dozen operations
        np.testing.assert_allclose(result.values, expected, rtol=1e-12)
        self.assertEqual(result.values.dtype, np.float64)
        self.assertEqual(result.reference, reference)

    @parameterized.expand(
        [
            ("start", {}, 4e-4, "series"),
            ("admin", {"DecayCorrection": "ADMIN"}, 2e-4, "administration"),
            (
                "admin_needs_no_times",
                {"DecayCorrection": "ADMIN", "RadionuclideHalfLife": None},
                2e-4,
                "administration",
            ),
            ("dose_in_mbq", {"RadionuclideTotalDose": "400"}, 4e-4, "series"),
            ("weight_in_grams", {"PatientWeight": "80000"}, 4e-4, "series"),
            ("weight_of_1000_is_kg", {"PatientWeight": "1000"}, 5e-3, "series"),
            ("time_only", {"RadiopharmaceuticalStartDateTime": None}, 4e-4, "series"),
            ("lower_case_units", {"Units": "bqml "}, 4e-4, "series"),
            ("philips_factors_ignored", {"PhilipsPETPrivateGroup": {"SUVScaleFactor": "7"}}, 4e-4, "series"),
            ("gml", {"Units": "GML"}, 1.0, "stored_suv"),
            ("gml_bw", {"Units": "GML", "SUVType": "BW"}, 1.0, "stored_suv"),
            ("gml_needs_no_dose", {"Units": "GML", "RadionuclideTotalDose": None}, 1.0, "stored_suv"),
            ("gml_lbm_f", {"Units": "GML", "SUVType": "LBM"}, 80 / 48.6, "stored_suv"),
            ("gml_lbm_m", {"Units": "GML", "SUVType": "LBM", "PatientSex": "M"}, 80 / 58.0, "stored_suv"),
            ("gml_lbm_o", {"Units": "GML", "SUVType": "LBM", "PatientSex": "O"}, 80 / 53.3, "stored_suv"),
            ("gml_128", {"Units": "GML", "SUVType": "LBMJAMES128", "PatientSex": "M"}, 80 / 56.0, "stored_suv"),
            ("gml_janma", {"Units": "GML", "SUVType": "LBMJANMA"}, 80 / (741600 / 16405), "stored_suv"),
            ("gml_ibw", {"Units": "GML", "SUVType": "IBW"}, 80 / 52.78, "stored_suv"),
            ("height_in_cm", {"Units": "GML", "SUVType": "IBW", "PatientSize": "160"}, 80 / 52.78, "stored_suv"),
            ("cm2ml", {"Units": "CM2ML"}, 80000 / (71.84 * 80**0.425 * 160**0.725), "stored_suv"),
            ("cm2ml_bsa", {"Units": "CM2ML", "SUVType": "BSA"}, 80000 / (71.84 * 80**0.425 * 160**0.725), "stored_suv"),
            ("cnts_suv", {"Units": "CNTS", "PhilipsSUVScaleFactor": "0.0005"}, 5e-4, "stored_suv"),
            (
                "cnts_both",
                {"Units": "CNTS", "PhilipsSUVScaleFactor": "0.0005", "PhilipsActivityScaleFactor": "3"},
                5e-4,
                "stored_suv",
            ),
            (
                "cnts_suv_factor_0",
                {"Units": "CNTS", "PhilipsSUVScaleFactor": "0", "PhilipsActivityScaleFactor": "3"},
                1.2e-3,  # 3 * 4e-4
                "series",
            ),
            (
                "cnts_activity_admin",
                {"Units": "CNTS", "PhilipsActivityScaleFactor": "3", "DecayCorrection": "ADMIN"},
                6e-4,
                "administration",
            ),
        ]
    )
    def test_branch(self, _, change, expected, reference):
        self.check(factors_of(change, change), [expected] * 2, reference)

    def test_series_later_than_acquisition_with_ge_time(self):
        # GE says 11:40, the series was written at 15:00
        change = {"SeriesTime": "150000", "GEPrivatePostInjectionDateTime": "20250101114000"}
        self.check(factors_of(change, quiet=True), 4e-4, "ge_private")
        with pytest.warns(errors.SUVWarning, match=r"ge_private, but series would change SUV by \+\d+"):
            suv_factors(build_pet_header([{**BASE, **change}]))

    def test_siemens_time_follows_ge(self):
        change = {"SeriesTime": "150000", "SiemensDecayDateTime": "20250101114000", "AcquisitionTime": "114001"}
        self.check(factors_of(change, quiet=True), 4e-4, "siemens_private")

    def test_back_computed(self):
        # two beds: acquired at 11:40 and 11:45, frames of 120 s, reference 11:40 by construction
        average = math.log(RATE * 120 / (1 - math.exp(-RATE * 120))) / RATE
        late = {"SeriesTime": "150000"}
        beds = [
            {**late, "FrameReferenceTime": average * 1000},
            {**late, "AcquisitionTime": "114500", "FrameReferenceTime": (300 + average) * 1000},
        ]
        result = factors_of(*beds, quiet=True)
        np.testing.assert_allclose(result.values, 4e-4, rtol=1e-9)  # 1e-9: the millisecond values are rounded as text
        self.assertEqual(result.reference, "back_computed")

    def test_earliest_acquisition(self):
        # no FrameReferenceTime in the first slice: the earliest acquisition, 11:40, for all slices
        late = {"SeriesTime": "150000"}
        beds = [{**late}, {**late, "AcquisitionTime": "114500", "FrameReferenceTime": 360000}]
        self.check(factors_of(*beds, quiet=True), [4e-4] * 2, "earliest_acquisition")

    def test_fraction_of_a_second_decides(self):
        # the series is later than the acquisition by 5 microseconds: post-processed, by the rule
        change = {"AcquisitionTime": "113959.999995"}
        self.assertEqual(factors_of(change).reference, "earliest_acquisition")

    def test_series_before_acquisition(self):
        change = {"AcquisitionTime": "114030"}
        self.check(factors_of(change), 4e-4, "series")

    def test_warning_where_alternatives_differ(self):
        # acquisition 100 s after the series: exp(100 ln 2 / 6000) - 1 = 1.16 %; 80 s: 0.93 %
        header = build_pet_header([{**BASE, "AcquisitionTime": "114140"}])
        with pytest.warns(errors.SUVWarning, match=r"series, but earliest_acquisition would change SUV by \+1\.2 %"):
            suv_factors(header)
        factors_of({"AcquisitionTime": "114120"})  # warnings are errors there

    def test_alternative_of_another_year_is_reported_without_overflow(self):
        # 60 years of half-lives of 6000 s: exp(218,000) is not a number of a computer; exp(10) - 1 is reported
        header = build_pet_header([{**BASE, "GEPrivatePostInjectionDateTime": "20850101114000"}])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            suv_factors(header)
        self.assertEqual([each.category for each in caught], [errors.SUVWarning])
        self.assertIn("ge_private would change SUV by +2202546.6 %", str(caught[0].message))

    def test_none(self):
        # per slice: frame factor, and decay from injection to its own acquisition (6000 s and 6300 s)
        beds = [{"DecayCorrection": "NONE"}, {"DecayCorrection": "NONE", "AcquisitionTime": "114500"}]
        frame = RATE * 120 / (1 - math.exp(-RATE * 120))
        expected = [2e-4 * frame * 2.0, 2e-4 * frame * 2.0 * 2 ** (300 / 6000)]
        self.check(factors_of(*beds), expected, "acquisition")

    def test_midnight_with_time_only(self):
        # injected 23:30, scanned 01:10 of the next day: 6000 s
        change = {
            "RadiopharmaceuticalStartDateTime": None,
            "RadiopharmaceuticalStartTime": "233000",
            "SeriesTime": "011000",
            "AcquisitionTime": "011000",
        }
        self.check(factors_of(change), 4e-4, "series")

    def test_midnight_between_series_and_acquisition(self):
        # series 23:59:50, first acquisition 00:00:00 of the next day, injected 22:19:50
        change = {
            "RadiopharmaceuticalStartDateTime": None,
            "RadiopharmaceuticalStartTime": "221950",
            "SeriesTime": "235950",
            "AcquisitionDate": "20250102",
            "AcquisitionTime": "000000",
        }
        self.check(factors_of(change), 4e-4, "series")

    def test_processed_after_midnight_with_time_only(self):
        # acquired 23:40 on the day before the series date, injected 22:00 that day
        change = {
            "RadiopharmaceuticalStartDateTime": None,
            "RadiopharmaceuticalStartTime": "220000",
            "SeriesDate": "20250102",
            "SeriesTime": "000500",
            "AcquisitionTime": "234000",
        }
        self.check(factors_of(change, quiet=True), 4e-4, "earliest_acquisition")

    @parameterized.expand(
        [
            ("bqml", {}, 2e-4),
            ("no_times_needed", {"RadionuclideHalfLife": None, "RadiopharmaceuticalStartDateTime": None}, 2e-4),
            ("cnts", {"Units": "CNTS", "PhilipsActivityScaleFactor": "3", "PhilipsSUVScaleFactor": "9"}, 6e-4),
        ]
    )
    def test_option_none_is_the_formula_of_the_paper(self, _, change, expected):
        # appendix C.1: SUV = x * weight [g] / dose [Bq] = 80000 / 4e8 = 2e-4
        self.check(factors_of(change, decay_correction="none"), expected, "none")

    @given(st.floats(0.1, 10.0), st.floats(0.5, 2.0))
    def test_scaling(self, dose_scale, weight_scale):
        dose, weight = repr(4e8 * dose_scale), repr(80 * weight_scale)
        result = factors_of({"RadionuclideTotalDose": dose, "PatientWeight": weight})
        np.testing.assert_allclose(result.values, 4e-4 * weight_scale / dose_scale, rtol=1e-12)

    @given(st.integers(0, 3 * 6000))
    def test_later_scan_needs_a_higher_factor(self, delay):
        clock = 36000 + delay
        text = f"{clock // 3600:02d}{clock // 60 % 60:02d}{clock % 60:02d}"
        result = factors_of({"SeriesTime": text, "AcquisitionTime": text})
        np.testing.assert_allclose(result.values, 2e-4 * 2 ** (delay / 6000), rtol=1e-12)


class TestRefusals(unittest.TestCase):
    @parameterized.expand(
        [
            ("units_missing", {"Units": None}, errors.UnitsError, r"Units \(0054,1001\).*got nothing"),
            ("units_cps", {"Units": "CPS"}, errors.UnitsError, "BQML, CNTS, GML or CM2ML, got CPS"),
            ("units_propcps", {"Units": "PROPCPS"}, errors.UnitsError, "PROPCPS"),
            ("units_propcnts", {"Units": "PROPCNTS"}, errors.UnitsError, "PROPCNTS"),
            ("units_1cm", {"Units": "1CM"}, errors.UnitsError, "1CM"),
            ("no_attn", {"CorrectedImage": ["DECY"]}, errors.AttenuationCorrectionError, r"\(0028,0051\).*got DECY"),
            ("no_corrections", {"CorrectedImage": None}, errors.AttenuationCorrectionError, "got nothing"),
            ("no_weight", {"PatientWeight": None}, errors.WeightError, r"PatientWeight \(0010,1030\) in instance 1:"),
            ("weight_0", {"PatientWeight": "0"}, errors.WeightError, "got 0.0"),
            ("weight_negative", {"PatientWeight": "-70"}, errors.WeightError, "got -70"),
            ("no_dose", {"RadionuclideTotalDose": None}, errors.DoseError, r"\(0018,1074\)"),
            ("dose_0", {"RadionuclideTotalDose": "0"}, errors.DoseError, "got 0.0"),
            ("no_half_life", {"RadionuclideHalfLife": None}, errors.HalfLifeError, r"\(0018,1075\)"),
            (
                "no_injection",
                {"RadiopharmaceuticalStartDateTime": None, "RadiopharmaceuticalStartTime": None},
                errors.InjectionTimeError,
                r"\(0018,1078\)",
            ),
            ("no_acquisition", {"AcquisitionTime": None}, errors.ScanTimeError, r"\(0008,0032\)"),
            ("no_decay_correction", {"DecayCorrection": None}, errors.DecayCorrectionError, r"\(0054,1102\)"),
            ("odd_decay_correction", {"DecayCorrection": "YES"}, errors.DecayCorrectionError, "got YES"),
            (
                "injected_after_the_scan",
                {"RadiopharmaceuticalStartDateTime": "20250101114001"},
                errors.NegativeDecayTimeError,
                r"\(0018,1078\).*got one 1 s after",
            ),
            (
                "injected_years_before",
                {"RadiopharmaceuticalStartDateTime": "19600101100000"},
                errors.DecayTimeError,
                "20 half-lives",
            ),
            (
                "no_frame_duration",
                {"DecayCorrection": "NONE", "ActualFrameDuration": None},
                errors.FrameDurationError,
                r"\(0018,1242\)",
            ),
            ("cnts_without_factor", {"Units": "CNTS"}, errors.ScaleFactorError, r"\(7053,1000\).*\(7053,1009\)"),
            ("gml_bsa", {"Units": "GML", "SUVType": "BSA"}, errors.SUVTypeError, r"\(0054,1006\).*got BSA"),
            ("cm2ml_bw", {"Units": "CM2ML", "SUVType": "BW"}, errors.SUVTypeError, "got BW"),
            ("no_sex", {"Units": "GML", "SUVType": "LBM", "PatientSex": None}, errors.BodySizeError, r"\(0010,0040\)"),
            ("odd_sex", {"Units": "GML", "SUVType": "IBW", "PatientSex": "X"}, errors.BodySizeError, "got X"),
            (
                "no_size",
                {"Units": "GML", "SUVType": "LBM", "PatientSize": None},
                errors.BodySizeError,
                r"\(0010,1020\)",
            ),
            ("size_0", {"Units": "CM2ML", "PatientSize": "0"}, errors.BodySizeError, "got 0"),
            # James for women of 300 kg and 140 cm: 321 - 148 * 4.59 < 0
            (
                "no_lean_mass",
                {"Units": "GML", "SUVType": "LBM", "PatientWeight": "300", "PatientSize": "1.4"},
                errors.BodySizeError,
                "above 0",
            ),
        ]
    )
    def test_refusal(self, _, change, error, pattern):
        with self.assertRaisesRegex(error, pattern) as caught:
            factors_of(change)
        self.assertIs(type(caught.exception), error)
        self.assertNotIn("\n", str(caught.exception))
        self.assertIn("instance 1", str(caught.exception))

    def test_first_file_without_a_time_is_named(self):
        with self.assertRaisesRegex(errors.ScanTimeError, "in instance 2"):
            factors_of({}, {"AcquisitionTime": None})

    @parameterized.expand([("GML",), ("CM2ML",), ("CNTS",)])
    def test_option_none_needs_activity(self, units):
        with self.assertRaises(errors.UnitsError):
            factors_of({"Units": units, "PhilipsSUVScaleFactor": "0.1"}, decay_correction="none")

    def test_unknown_option(self):
        with self.assertRaisesRegex(ValueError, "decay_correction.*'START'"):
            factors_of({}, decay_correction="START")

    def test_suspiciously_late_scan_warns(self):
        # 10:00 to 23:59:59 is 8.4 half-lives
        change = {"SeriesTime": "235959", "AcquisitionTime": "235959"}
        with pytest.warns(errors.SUVWarning, match="8.4 half-lives"):
            suv_factors(build_pet_header([{**BASE, **change}]))


@unittest.skipUnless(REAL_DATA, "MONAI_DD_REAL_DATA is not set: no folder with real data")
class TestRealHeaders(unittest.TestCase):
    @parameterized.expand(
        [("PHILIPS_CNTS_AND_SUV",), ("SIEMENS",), ("GE_MEDICAL_AND_BQML",), ("CPS_AND_BQML_AC_DT_-_S_DT",)]
    )
    def test_published_factor(self, name):
        folder = Path(REAL_DATA) / "pet_suv_headers"
        expected = json.loads((folder / "expected_suvbw_factor.json").read_text())[name]
        header = build_pet_header(json.loads((folder / f"{name}-instances.json").read_text()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.SUVWarning)
            values = suv_factors(header).values
        np.testing.assert_allclose(values, expected, rtol=1e-6)  # the tolerance that comes with the data


if __name__ == "__main__":
    unittest.main()
