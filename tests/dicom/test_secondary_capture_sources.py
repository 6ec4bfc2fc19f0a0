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
"""Secondary Captures of sources as hospitals have them: other alphabets, and values that break the standard."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np
import pydicom
from parameterized import parameterized
from pydicom import config

from monai_dd.dicom.secondary_capture import attention_secondary_capture
from monai_dd.dicom.series_files import read_slice_headers
from tests.dicom.builders import write_pet_folder

PICTURE = np.zeros((4, 6, 3), dtype=np.uint8)
JAPANESE = "Yamada^Tarou=山田^太郎=やまだ^たろう"


class TestSources(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def source(self, **values):
        """Headers of a series on disk; None takes an attribute away. Values are stored as they are, also wrong ones."""

        def change(ds, index):
            for keyword, value in values.items():
                delattr(ds, keyword) if value is None else setattr(ds, keyword, value)

        before = config.settings.writing_validation_mode, config.settings.reading_validation_mode
        config.settings.writing_validation_mode = config.settings.reading_validation_mode = config.IGNORE
        try:
            write_pet_folder(self.folder / "in", change=change)
        finally:
            config.settings.writing_validation_mode, config.settings.reading_validation_mode = before
        return [header.dataset for header in read_slice_headers(self.folder / "in")]

    def capture(self, source, model_name="a model"):
        """The capture as somebody else reads it from a file."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pydicom and highdicom about the values that break the standard
            stream = io.BytesIO()
            made = attention_secondary_capture(PICTURE, source, "class and attention", model_name, "1.2.3")
            made.save_as(stream, enforce_file_format=True)
        (self.folder / "sc.dcm").write_bytes(stream.getvalue())
        return pydicom.dcmread(self.folder / "sc.dcm")

    @parameterized.expand(
        [
            ("utf8", "ISO_IR 192", JAPANESE),
            ("several", ["", "ISO 2022 IR 87"], JAPANESE),
            ("latin", "ISO_IR 100", "Müller^Jürgen"),
            ("none", None, "Doe^Jane"),
        ]
    )
    def test_character_sets(self, _, charset, name):
        values = {"PatientName": name} if charset is None else {"PatientName": name, "SpecificCharacterSet": charset}
        capture = self.capture(self.source(**values), model_name="modèle \\ α")
        self.assertEqual(str(capture.PatientName), name)
        self.assertEqual(capture.ManufacturerModelName, "mod?le / ?")

    @parameterized.expand(
        [
            ("sex", {"PatientSex": "X"}),
            ("date", {"PatientBirthDate": "1970-01-01"}),
            ("one_part_name", {"PatientName": "Secret"}),
            ("long_institution", {"InstitutionName": "I" * 70}),
            ("whose_number", {"IssuerOfPatientID": "HOSPITAL", "AccessionNumber": "A-17"}),
        ]
    )
    def test_values_are_kept(self, _, values):
        """Also those that break the standard: the result must be filed with its study, whatever is wrong there."""
        capture = self.capture(self.source(**values))
        for keyword, value in values.items():
            self.assertEqual(str(capture[keyword].value), value)

    def test_empty_where_the_source_has_nothing(self):
        capture = self.capture(self.source(PatientName=None, PatientID=None, StudyTime=None))
        for keyword in ("PatientName", "PatientID", "StudyTime"):  # type 2: present, and empty
            self.assertFalse(capture[keyword].value, keyword)

    @unittest.skipUnless(shutil.which("dciodvfy"), "dciodvfy is not installed (package dicom3tools)")
    def test_dciodvfy(self):
        self.capture(self.source(SpecificCharacterSet="ISO_IR 192", PatientName=JAPANESE))
        done = subprocess.run(["dciodvfy", "-new", self.folder / "sc.dcm"], capture_output=True, text=True)
        self.assertIn("SCImage", done.stdout + done.stderr)  # it has recognized the object
        self.assertNotIn("Error", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
