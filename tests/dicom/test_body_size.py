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
"""Body measures against hand calculations for 80 kg and 160 cm (body mass index 31.25 kg/m2, W/H = 0.5 kg/cm)."""

from __future__ import annotations

import unittest

from parameterized import parameterized

from monai_dd.dicom.body_size import body_surface_area, mass_for_sex

CASES = [
    ("LBM", "M", 1.10 * 80 - 120 * 0.25),  # 58
    ("LBM", "F", 1.07 * 80 - 148 * 0.25),  # 48.6
    ("LBM", "O", (58.0 + 48.6) / 2),
    ("LBMJAMES128", "M", 1.10 * 80 - 128 * 0.25),  # 56
    ("LBMJAMES128", "F", 48.6),
    ("LBMJAMES128", "O", (56.0 + 48.6) / 2),
    ("LBMJANMA", "M", 741600 / (6680 + 6750)),  # 9270 * 80 / (6680 + 216 * 31.25) = 55.22
    ("LBMJANMA", "F", 741600 / (8780 + 7625)),  # 45.21
    ("IBW", "M", 48.0 + 1.06 * 8),  # 56.48
    ("IBW", "F", 45.5 + 0.91 * 8),  # 52.78
    ("IBW", "O", (56.48 + 52.78) / 2),
]


class TestBodySize(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_mass(self, suv_type, sex, expected):
        self.assertAlmostEqual(mass_for_sex(suv_type, 80.0, 160.0, sex), expected, places=9)

    def test_surface(self):
        # 80^0.425 = exp(0.425 * 4.3820266) = exp(1.862361) = 6.43892, 160^0.725 = exp(0.725 * 5.0751738) = 39.6266
        # 71.84 * 6.43892 * 39.6266 = 18330 cm2 (1.83 m2)
        self.assertAlmostEqual(body_surface_area(80.0, 160.0) / 18330.0, 1.0, delta=1e-4)  # 5 digits by hand


if __name__ == "__main__":
    unittest.main()
