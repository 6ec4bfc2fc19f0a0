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
"""Secondary Captures that belong to their study, and that a viewer reads as they were drawn."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import unittest
from copy import deepcopy
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from parameterized import parameterized
from pydicom.uid import SecondaryCaptureImageStorage

from monai_dd.data.phantoms import create_pet_phantom, write_pet_series
from monai_dd.dicom.secondary_capture import attention_secondary_capture
from tests.dicom.builders import build_pet_series

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)


def make(source, picture=PICTURE, description="class and attention", **kwargs):
    return attention_secondary_capture(picture, source, description, "model", "1.2.3", **kwargs)


def saved(capture):
    stream = io.BytesIO()
    capture.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


class TestIdentity(unittest.TestCase):
    def setUp(self):
        self.source = build_pet_series()
        self.capture = pydicom.dcmread(io.BytesIO(saved(make(self.source))))

    def test_patient_and_study(self):
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
            self.assertEqual(self.capture[keyword].value, self.source[0][keyword].value, keyword)

    def test_name_in_another_character_set(self):
        for each in self.source:
            each.SpecificCharacterSet, each.PatientName = "ISO_IR 192", "Müller^Zoë"
        capture = pydicom.dcmread(io.BytesIO(saved(make(self.source))))
        self.assertEqual(str(capture.PatientName), "Müller^Zoë")

    def test_new_instance_of_a_new_series(self):
        again = make(self.source)
        series = {self.source[0].SeriesInstanceUID, self.capture.SeriesInstanceUID, again.SeriesInstanceUID}
        instances = {each.SOPInstanceUID for each in (*self.source, self.capture, again)}
        self.assertEqual((len(series), len(instances)), (3, len(self.source) + 2))
        self.assertEqual(self.capture.SOPClassUID, SecondaryCaptureImageStorage)

    def test_references(self):
        (series,) = self.capture.ReferencedSeriesSequence
        self.assertEqual(series.SeriesInstanceUID, self.source[0].SeriesInstanceUID)
        for sequence in (series.ReferencedInstanceSequence, self.capture.SourceImageSequence):
            pairs = [(item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) for item in sequence]
            self.assertEqual(pairs, [(each.SOPClassUID, each.SOPInstanceUID) for each in self.source])

    def test_maker(self):
        self.assertEqual(self.capture.ManufacturerModelName, "model")
        self.assertIn("model 1.2.3", self.capture.SoftwareVersions)
        self.assertEqual(self.capture.SeriesDescription, "class and attention")
        self.assertNotEqual(self.capture.Modality, "PT")
        self.assertEqual(self.capture.ImageType[:2], ["DERIVED", "SECONDARY"])
        self.assertEqual(self.capture.BurnedInAnnotation, "NO")  # nothing in the pixels names the patient

    def test_long_texts_are_cut(self):
        capture = attention_secondary_capture(PICTURE, self.source, "d" * 100, "m" * 100, "v" * 100)
        for keyword in ("SeriesDescription", "ManufacturerModelName", "SoftwareVersions"):
            self.assertEqual(len(capture[keyword].value), 64, keyword)

    def test_source_is_not_changed(self):
        before = deepcopy(self.source)
        make(self.source)
        self.assertEqual(self.source, before)


class TestPicture(unittest.TestCase):
    def setUp(self):
        self.source = build_pet_series()

    def test_pixels(self):
        content = saved(make(self.source))
        capture = pydicom.dcmread(io.BytesIO(content))
        np.testing.assert_array_equal(capture.pixel_array, PICTURE)
        np.testing.assert_array_equal(highdicom.imread(io.BytesIO(content)).pixel_array, PICTURE)
        self.assertEqual((capture.PhotometricInterpretation, capture.BitsAllocated), ("RGB", 8))

    def test_view_of_an_array(self):
        picture = np.concatenate([PICTURE, PICTURE[..., :1]], axis=-1)[::-1, :, :3]
        np.testing.assert_array_equal(make(self.source, picture).pixel_array, PICTURE[::-1])

    @parameterized.expand(
        [
            ("gray", PICTURE[..., 0]),
            ("rgba", np.zeros((4, 4, 4), np.uint8)),
            ("channel_first", np.zeros((3, 4, 5), np.uint8)),
            ("float", PICTURE / 255.0),
        ]
    )
    def test_refused(self, _, picture):
        with self.assertRaisesRegex(ValueError, r"^rgb: expected uint8 \(H, W, 3\), got "):
            make(self.source, picture)

    def test_no_source(self):
        with self.assertRaisesRegex(ValueError, "^source: expected the headers of one series, got none$"):
            make([])


@unittest.skipUnless(shutil.which("dciodvfy"), "dciodvfy is not installed (package dicom3tools)")
class TestStandard(unittest.TestCase):
    def test_phantom(self):
        with tempfile.TemporaryDirectory() as folder:
            phantom = create_pet_phantom("mild", seed=0, voxel_size=20)
            source = [pydicom.dcmread(path) for path in write_pet_series(phantom, Path(folder) / "in", "PHANTOM-0")]
            path = Path(folder) / "capture.dcm"
            path.write_bytes(saved(make(source)))
            done = subprocess.run(["dciodvfy", path], capture_output=True, text=True)
        self.assertIn("SCImage", done.stdout + done.stderr)  # it has recognized the object
        self.assertNotIn("Error", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
