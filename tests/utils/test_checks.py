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
"""Tests of the checks of arguments."""

from __future__ import annotations

import unittest

from parameterized import parameterized

from monai_dd.utils.checks import check_option
from monai_dd.utils.enums import Readout


class TestCheckOption(unittest.TestCase):
    @parameterized.expand([("pool", Readout), (Readout.POOL, Readout), ("a", ["a", "b"]), (18, {18: 1, 34: 2})])
    def test_returns_what_is_allowed(self, value, options):
        self.assertEqual(check_option("argument", value, options), value)

    def test_members_of_enumerations_become_plain_values(self):
        """TorchScript keeps plain strings only."""
        self.assertIs(type(check_option("readout", Readout.POOL, Readout)), str)

    @parameterized.expand([("pol", Readout, "'pol'"), (None, Readout, "None"), (50.5, {18: 1}, "50.5")])
    def test_names_the_argument(self, value, options, got):
        with self.assertRaisesRegex(ValueError, f"^readout: expected one of \\[[^\n]*\\], got {got}$"):
            check_option("readout", value, options)


if __name__ == "__main__":
    unittest.main()
