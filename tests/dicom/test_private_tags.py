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
"""Private vendor elements with, without and with another creator."""

from __future__ import annotations

import unittest

from pydicom.dataset import Dataset

from monai_dd.dicom.private_tags import private_value


class TestPrivateValue(unittest.TestCase):
    def test_by_creator(self):
        ds = Dataset()
        ds.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x09, "DS", "1.5")
        self.assertEqual(private_value(ds, "PhilipsActivityScaleFactor"), "1.5")
        self.assertIsNone(private_value(ds, "PhilipsSUVScaleFactor"))

    def test_by_creator_in_another_block(self):
        ds = Dataset()
        ds.add_new((0x7053, 0x0010), "LO", "SOMEONE ELSE")
        ds.add_new((0x7053, 0x1000), "DS", "99")
        ds.add_new((0x7053, 0x0011), "LO", "Philips PET Private Group")
        ds.add_new((0x7053, 0x1100), "DS", "0.5")
        self.assertEqual(private_value(ds, "PhilipsSUVScaleFactor"), "0.5")

    def test_raw_address_without_creator(self):
        ds = Dataset()
        ds.add_new((0x7053, 0x1000), "UN", b"0.0005 ")
        self.assertEqual(private_value(ds, "PhilipsSUVScaleFactor"), "0.0005")

    def test_block_of_another_creator_is_left_alone(self):
        ds = Dataset()
        ds.add_new((0x7053, 0x0010), "LO", "SOMEONE ELSE")
        ds.add_new((0x7053, 0x1000), "DS", "99")
        self.assertIsNone(private_value(ds, "PhilipsSUVScaleFactor"))

    def test_vendor_times(self):
        ds = Dataset()
        ds.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20250101113000.00")
        ds.private_block(0x0071, "SIEMENS MED PT", create=True).add_new(0x22, "DT", "20250101113100.00")
        self.assertEqual(private_value(ds, "GEScanDateTime"), "20250101113000.00")
        self.assertEqual(private_value(ds, "SiemensDecayDateTime"), "20250101113100.00")

    def test_empty_is_none(self):
        ds = Dataset()
        ds.add_new((0x0009, 0x100D), "DT", "")
        self.assertIsNone(private_value(ds, "GEScanDateTime"))


if __name__ == "__main__":
    unittest.main()
