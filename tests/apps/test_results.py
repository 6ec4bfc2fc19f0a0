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
"""A run that succeeds: what it writes, and what a viewer finds in it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import highdicom
import numpy as np
import pydicom
from pydicom.uid import SecondaryCaptureImageStorage

from monai_dd.visualize import report_picture
from tests.apps.setting import PATIENT, AppTest, bundle, series
from tests.dicom.builders import write_pet_folder


class TestResults(AppTest):
    """One run, seen from all sides."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pictures = []
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.output = Path(temporary.name) / "output"

        def draw(*args, **kwargs):
            cls.pictures.append(report_picture(*args, **kwargs))
            return cls.pictures[-1]

        with mock.patch("result.report_picture", draw):
            cls.outcome = cls("test_exit").run_app(series(), output=cls.output)

    def setUp(self):
        self.sources = [pydicom.dcmread(path) for path in sorted(series().iterdir())]

    def capture(self):
        return pydicom.dcmread(self.output / "attention.dcm")

    def test_exit(self):
        self.assertEqual(self.outcome, (0, []))
        self.assertEqual(self.left_in_output(), ["attention.dcm", "result.json", "status.json"])
        status = self.read("status.json")
        self.assertEqual((status["exit_code"], status["status"], status["message"]), (0, "ok", "results written"))

    def test_probabilities(self):
        result = self.read("result.json")
        probabilities = result["probabilities"]
        self.assertEqual(list(probabilities), ["normal", "mild", "severe"])
        # 1e-6: a softmax of three values in float32, each rounded to 6e-8
        self.assertAlmostEqual(sum(probabilities.values()), 1, delta=1e-6)
        self.assertEqual(result["class"], max(probabilities, key=probabilities.get))
        self.assertGreaterEqual(result["consistency_gap"], 0)

    def test_provenance(self):
        result = self.read("result.json")
        self.assertEqual(result["notice"], "Research use only. Not for diagnosis.")
        self.assertLessEqual({"name", "version", "data_source"}, set(result["model"]))
        self.assertTrue(result["software"].startswith("monai_dd "))
        source = result["input"]
        self.assertEqual(source["series_instance_uid"], self.sources[0].SeriesInstanceUID)
        self.assertEqual((source["slices"], source["warnings"]), (len(self.sources), []))
        self.assertEqual(source["suv_reference_time"], "series")
        self.assertEqual(result["secondary_capture"]["file"], "attention.dcm")
        self.assertEqual(result["secondary_capture"]["sop_instance_uid"], self.capture().SOPInstanceUID)

    def test_result_names_no_patient(self):
        text = (self.output / "result.json").read_text()
        for value in PATIENT.values():
            self.assertNotIn(value, text)

    def test_capture_belongs_to_the_study(self):
        capture, source = self.capture(), self.sources[0]
        self.assertEqual(capture.SOPClassUID, SecondaryCaptureImageStorage)
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
            self.assertEqual(capture[keyword].value, source[keyword].value, keyword)
        self.assertEqual(capture.PatientName, PATIENT["name"])

    def test_capture_is_new(self):
        capture = self.capture()
        self.assertNotIn(capture.SOPInstanceUID, {each.SOPInstanceUID for each in self.sources})
        self.assertNotEqual(capture.SeriesInstanceUID, self.sources[0].SeriesInstanceUID)

    def test_capture_references_every_slice(self):
        (referenced,) = self.capture().ReferencedSeriesSequence
        self.assertEqual(referenced.SeriesInstanceUID, self.sources[0].SeriesInstanceUID)
        uids = [item.ReferencedSOPInstanceUID for item in referenced.ReferencedInstanceSequence]
        self.assertEqual(sorted(uids), sorted(each.SOPInstanceUID for each in self.sources))

    def test_picture_is_the_one_drawn(self):
        (drawn,) = self.pictures
        np.testing.assert_array_equal(self.capture().pixel_array, drawn)
        again = highdicom.imread(self.output / "attention.dcm")
        np.testing.assert_array_equal(again.pixel_array, drawn)
        self.assertEqual((drawn.dtype, again.PhotometricInterpretation), (np.uint8, "RGB"))
        self.assertGreater(drawn.std(), 10)  # gray levels; an empty page has 0

    @unittest.skipUnless(shutil.which("dciodvfy"), "dciodvfy is not installed (package dicom3tools)")
    def test_dciodvfy(self):
        done = subprocess.run(["dciodvfy", self.output / "attention.dcm"], capture_output=True, text=True)
        self.assertIn("SCImage", done.stdout + done.stderr)  # it has recognized the object
        self.assertNotIn("Error", done.stdout + done.stderr)


class TestInputs(AppTest):
    """Folders as they come."""

    def test_other_files_are_passed_over(self):
        source = write_pet_folder(self.folder / "in")
        (source / "slice_000.dcm.json").write_text('{"00100010": "not a slice"}')
        (source / "DICOMDIR").write_text("looks like a directory of a disk, and is text")
        (source / ".hidden.dcm").write_text("")
        self.assertEqual(self.run_app(source), (0, []))
        self.assertEqual(self.read("result.json")["input"]["slices"], 4)

    def test_series_in_a_sub_folder(self):
        write_pet_folder(self.folder / "in" / "study" / "series")
        (self.folder / "in" / "study" / "notes").mkdir()
        (self.folder / "in" / "study" / "notes" / "a.txt").write_text("no DICOM")
        self.assertEqual(self.run_app(self.folder / "in"), (0, []))

    def test_warnings_about_the_suv_are_told(self):
        # the series begins 600 s before its first slice, a tenth of a half-life: 7 % of SUV between the two readings
        source = write_pet_folder(self.folder / "in", change=lambda ds, i: setattr(ds, "SeriesTime", "113000"))
        self.assertEqual(self.run_app(source), (0, []))
        (warning,) = self.read("result.json")["input"]["warnings"]
        self.assertRegex(warning, r"would change SUV by [+-]\d\.\d %")

    def test_bundle_in_a_sub_folder(self):
        source = write_pet_folder(self.folder / "in")
        shutil.copytree(bundle(), self.folder / "models" / "fdg")
        self.assertEqual(self.run_app(source, self.folder / "models"), (0, []))

    def test_again_into_the_same_folder(self):
        source = write_pet_folder(self.folder / "in")
        self.run_app(source)
        first = self.read("result.json")
        self.assertEqual(self.run_app(source), (0, []))
        second = self.read("result.json")
        self.assertEqual(first["probabilities"], second["probabilities"])
        self.assertNotEqual(first["secondary_capture"], second["secondary_capture"])
        self.assertEqual(self.left_in_output(), ["attention.dcm", "result.json", "status.json"])


if __name__ == "__main__":
    unittest.main()
