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
"""Header values stay out of warnings and logs."""

from __future__ import annotations

import unittest
import warnings
from concurrent.futures import ThreadPoolExecutor

from pydicom import config

from monai_dd.dicom import load_pet_series
from monai_dd.dicom.quiet import no_value_warnings
from tests.dicom.builders import write_pet_folder
from tests.dicom.test_series_files import FolderTest


class TestQuiet(FolderTest):
    def test_invalid_values_are_not_quoted(self):
        def change(ds, index):
            ds.StudyDate, ds.SeriesDate = "20250101", "20250101"

        write_pet_folder(self.folder, change=change)
        for path in self.folder.iterdir():
            content = path.read_bytes()
            self.assertIn(b"DA\x08\x0020250101", content)
            path.write_bytes(content.replace(b"DA\x08\x0020250101", b"DA\x08\x002025.1.1"))
        with warnings.catch_warnings(), self.assertNoLogs("pydicom"):
            warnings.simplefilter("error")
            with self.assertRaises(ValueError) as caught:
                load_pet_series(self.folder)
        self.assertNotIn("2025", str(caught.exception))

    def test_setting_comes_back(self):
        before = config.settings.reading_validation_mode
        with no_value_warnings():
            with no_value_warnings():
                self.assertEqual(config.settings.reading_validation_mode, config.IGNORE)
            self.assertEqual(config.settings.reading_validation_mode, config.IGNORE)
        self.assertEqual(config.settings.reading_validation_mode, before)

    def test_setting_comes_back_after_threads(self):
        before = config.settings.reading_validation_mode
        write_pet_folder(self.folder)
        with ThreadPoolExecutor(4) as pool:
            shapes = list(pool.map(lambda _: tuple(load_pet_series(self.folder).shape), range(16)))
        self.assertEqual(set(shapes), {(5, 6, 4)})
        self.assertEqual(config.settings.reading_validation_mode, before)


if __name__ == "__main__":
    unittest.main()
