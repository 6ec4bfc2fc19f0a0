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
"""The picture of phantoms next to patients, with phantoms in the place of the patients."""

from __future__ import annotations

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import numpy as np
from PIL import Image

from examples.phantoms_and_patients import main, read_projection, read_slice
from monai_dd.__main__ import main as monai_dd
from monai_dd.data.phantoms import create_pet_phantom, write_pet_series


class TestPhantomsAndPatients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.pet = create_pet_phantom("severe", seed=1, voxel_size=16)
        write_pet_series(cls.pet, cls.folder / "series", "PHANTOM", "test")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            monai_dd(
                [
                    "phantoms",
                    "brain",
                    "--num_patients",
                    "1",
                    "--spacing",
                    "4",
                    "--output_dir",
                    str(cls.folder / "brain"),
                ]
            )
        cls.brain = next(path for path in (cls.folder / "brain").iterdir() if path.is_dir())

    def test_projection_is_that_of_the_series(self):
        expected = self.pet.suv.max(1).T
        got = read_projection(self.folder / "series")
        self.assertEqual(got.shape, expected.shape)
        np.testing.assert_allclose(got, expected, rtol=0, atol=0.01)  # of 16 bits

    def test_slice_has_no_margin_and_the_tumor(self):
        image = read_slice(self.brain)
        self.assertTrue((image[0] > 0).any() and (image[-1] > 0).any())
        self.assertTrue((image[:, 0] > 0).any() and (image[:, -1] > 0).any())

    def test_command(self):
        output = self.folder / "pictures" / "picture.png"
        arguments = ["--series", str(self.folder / "series"), "--brain", str(self.brain), "--output", str(output)]
        self.assertEqual(main(arguments), 0)
        self.assertGreater(Image.open(output).size[0], 700)

    def test_refusals(self):
        (self.folder / "empty").mkdir()
        series, brain, empty = (str(path) for path in (self.folder / "series", self.brain, self.folder / "empty"))
        lines = {
            (empty, brain): "phantoms_and_patients: folder: expected the files of a DICOM PET series, got an empty",
            (series, empty): "phantoms_and_patients: brain: expected a folder with *flair.nii.gz and *seg.nii.gz, got",
        }
        for (pet, patient), line in lines.items():
            error = io.StringIO()
            with contextlib.redirect_stderr(error):
                status = main(["--series", pet, "--brain", patient, "--output", str(self.folder / "none.png")])
            self.assertEqual(status, 2)
            self.assertTrue(error.getvalue().startswith(line), error.getvalue())
            self.assertFalse((self.folder / "none.png").exists())


if __name__ == "__main__":
    unittest.main()
