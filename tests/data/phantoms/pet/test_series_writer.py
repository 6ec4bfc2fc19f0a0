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
from __future__ import annotations

import importlib
import shutil
import subprocess
import tempfile
import unittest
from datetime import datetime
from pathlib import Path
from unittest import mock

import numpy as np
from pydicom import dcmread
from pydicom.uid import PositronEmissionTomographyImageStorage

from monai_dd.data.phantoms import create_pet_phantom, write_pet_series


class TestWritePETSeries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)
        cls.phantom = create_pet_phantom("severe", 7, (10.0, 12.0, 11.0))
        cls.folder = cls.root / "series"
        cls.paths = write_pet_series(cls.phantom, cls.folder, "PHANTOM-0007", uid_seed="test")
        cls.slices = [dcmread(path) for path in cls.paths]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_identity(self):
        first = self.slices[0]
        self.assertEqual(first.SOPClassUID, PositronEmissionTomographyImageStorage)
        self.assertEqual(first.file_meta.MediaStorageSOPInstanceUID, first.SOPInstanceUID)
        self.assertEqual((first.Modality, first.Units, first.DecayCorrection), ("PT", "BQML", "START"))
        self.assertEqual((first.PatientID, str(first.PatientName)), ("PHANTOM-0007", "PHANTOM^0007"))
        self.assertIn("phantom", first.SeriesDescription)
        self.assertIn("ATTN", first.CorrectedImage)
        self.assertEqual(len({s.SOPInstanceUID for s in self.slices}), len(self.slices))
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SeriesDate", "SeriesTime"):
            self.assertEqual(len({s[keyword].value for s in self.slices}), 1, keyword)
        self.assertEqual([s.ImageIndex for s in self.slices], list(range(1, first.NumberOfSlices + 1)))
        self.assertEqual(len(self.slices), self.phantom.suv.shape[2])

    def test_slope_differs_between_slices_and_uses_the_range(self):
        slopes = {float(s.RescaleSlope) for s in self.slices}
        self.assertGreater(len(slopes), len(self.slices) // 2)
        self.assertEqual({float(s.RescaleIntercept) for s in self.slices}, {0.0})
        self.assertEqual({int(s.pixel_array.max()) for s in self.slices}, {32767})

    def test_suv_by_hand(self):
        """Activity over decayed dose per gram, from the tags alone, with the slice's position from the tags."""
        for header in self.slices[:: len(self.slices) // 5]:
            drug = header.RadiopharmaceuticalInformationSequence[0]
            form = "%Y%m%d%H%M%S.%f"
            start = datetime.strptime(header.SeriesDate + header.SeriesTime, form)
            delay = (start - datetime.strptime(drug.RadiopharmaceuticalStartDateTime, form)).total_seconds()
            self.assertEqual(delay, self.phantom.uptake_time_s)
            dose = float(drug.RadionuclideTotalDose) * 0.5 ** (delay / float(drug.RadionuclideHalfLife))
            slope = float(header.RescaleSlope)
            factor = float(header.PatientWeight) * 1000 / dose
            suv = header.pixel_array.astype(float) * slope * factor
            expected = self.phantom.suv[:, :, header.InstanceNumber - 1].T
            # Rounding to whole stored values, plus float32 of the phantom's SUV.
            self.assertLessEqual(np.abs(suv - expected).max(), 0.5 * slope * factor + 1e-5 * expected.max())

    def test_geometry(self):
        for number in (1, len(self.slices)):
            header = self.slices[number - 1]
            corner = self.phantom.affine @ (0, 0, number - 1, 1)
            np.testing.assert_allclose(header.ImagePositionPatient, corner[:3] * (-1, -1, 1), atol=1e-5)
        self.assertEqual((header.Rows, header.Columns), self.phantom.suv.shape[1::-1])
        np.testing.assert_allclose(header.PixelSpacing, (12.0, 10.0))
        self.assertEqual(
            (float(header.SliceThickness), list(header.ImageOrientationPatient)), (11.0, [1, 0, 0, 0, 1, 0])
        )

    def test_times_agree_with_one_another(self):
        """``t_acq + T_ave - FRT / 1000`` is the series time, and FRT rises from foot to head."""
        for header in self.slices:
            start = datetime.strptime(header.SeriesDate + header.SeriesTime, "%Y%m%d%H%M%S.%f")
            acquired = datetime.strptime(header.AcquisitionDate + header.AcquisitionTime, "%Y%m%d%H%M%S.%f")
            decay, duration = np.log(2) / 6586.2, header.ActualFrameDuration / 1000
            mean = np.log(decay * duration / (1 - np.exp(-decay * duration))) / decay
            offset = (acquired - start).total_seconds() + mean - float(header.FrameReferenceTime) / 1000
            self.assertAlmostEqual(offset, 0, places=3)
        self.assertGreater(float(self.slices[0].FrameReferenceTime), float(self.slices[-1].FrameReferenceTime))

    def test_same_uid_seed_same_bytes(self):
        again = write_pet_series(self.phantom, self.root / "again", "PHANTOM-0007", uid_seed="test")
        self.assertEqual(again[3].read_bytes(), self.paths[3].read_bytes())
        new = write_pet_series(self.phantom, self.root / "new", "PHANTOM-0007")
        self.assertNotEqual(dcmread(new[0]).SeriesInstanceUID, self.slices[0].SeriesInstanceUID)

    def test_read_back(self):
        try:
            load_pet_suv = importlib.import_module("monai_dd.dicom").load_pet_suv
        except (ImportError, AttributeError):
            self.skipTest("monai_dd.dicom.load_pet_suv is not there")
        volume = load_pet_suv(self.folder)
        np.testing.assert_allclose(np.asarray(volume.affine), self.phantom.affine, atol=1e-4)
        error = np.abs(np.asarray(volume) - self.phantom.suv).max((0, 1))
        step = self.phantom.suv.max((0, 1)) / 32767
        self.assertTrue((error <= 0.5 * step + 1e-5 * self.phantom.suv.max((0, 1))).all())

    @unittest.skipUnless(shutil.which("dciodvfy"), "dciodvfy (dicom3tools) is not installed")
    def test_conforms_to_the_standard(self):
        for path in (self.paths[0], self.paths[-1]):
            answer = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
            self.assertNotIn("Error", answer.stdout + answer.stderr)
            self.assertIn("PETImage", answer.stdout + answer.stderr)

    def test_refuses_a_folder_with_files(self):
        with self.assertRaisesRegex(FileExistsError, "new or empty"):
            write_pet_series(self.phantom, self.folder, "P")

    def test_refuses_bad_arguments(self):
        for arguments, named in (
            ({"patient_id": ""}, "patient_id"),
            ({"frame_duration": 0.0}, "frame_duration"),
            ({"NoSuchKeyword": 1}, "NoSuchKeyword"),
        ):
            with self.assertRaisesRegex(ValueError, named):
                write_pet_series(self.phantom, self.root / "bad", **({"patient_id": "P"} | arguments))
        self.assertFalse((self.root / "bad").exists())

    def test_whole_or_not_at_all(self):
        target = self.root / "interrupted"
        target.mkdir()
        module = "monai_dd.data.phantoms.pet.series_writer.dcmwrite"
        with mock.patch(module, side_effect=[None, None, OSError("disk full")]), self.assertRaises(OSError):
            write_pet_series(self.phantom, target, "P")
        self.assertEqual(list(target.iterdir()), [])
        self.assertEqual([p for p in self.root.iterdir() if "interrupted" in p.name], [target])
        self.assertEqual(len(write_pet_series(self.phantom, target, "P")), len(self.slices))


if __name__ == "__main__":
    unittest.main()
