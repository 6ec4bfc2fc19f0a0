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
"""Tests of data sets of brain phantoms on disk."""

from __future__ import annotations

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import nibabel as nib
import numpy as np

from monai_dd.__main__ import main
from monai_dd.data.phantoms import create_brain_phantom, write_brain_phantom_patients

NAMES = ["flair", "seg", "t1", "t1ce", "t2"]


class TestPatients(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "data"

    def _write(self, num_patients: int, **options) -> list[Path]:
        return write_brain_phantom_patients(self.root, num_patients, spacing=6.0, progress=False, **options)

    def test_files(self):
        first, second = self._write(2)
        self.assertEqual([first.name, second.name], ["BraTS_PHANTOM_0001", "BraTS_PHANTOM_0002"])
        self.assertEqual(sorted(p.name for p in self.root.iterdir()), [first.name, second.name])
        for folder in (first, second):
            files = sorted(p.name for p in folder.iterdir())
            self.assertEqual(files, [f"{folder.name}_{name}.nii.gz" for name in NAMES])
        images = {name: nib.load(first / f"{first.name}_{name}.nii.gz") for name in NAMES}
        self.assertEqual({image.shape for image in images.values()}, {(40, 40, 26)})
        self.assertEqual(nib.aff2axcodes(images["t1"].affine), ("L", "P", "S"))  # as BraTS stores its volumes
        self.assertEqual(images["t1"].header.get_zooms(), (6.0, 6.0, 6.0))
        self.assertLessEqual(set(np.unique(images["seg"].dataobj)), {0, 1, 2, 4})
        self.assertFalse(np.array_equal(images["t1"].dataobj, images["t2"].dataobj))

    def test_voxels_are_those_of_the_phantom(self):
        (folder,) = self._write(1, seed=4)
        seed = int(np.random.SeedSequence([4, 1]).generate_state(1)[0])
        brain = create_brain_phantom(seed, spacing=6.0)
        for index, name in enumerate(("t1", "t1ce", "t2", "flair")):
            voxels = nib.load(folder / f"{folder.name}_{name}.nii.gz").get_fdata()
            np.testing.assert_allclose(voxels, brain.images[index], atol=0.5)  # whole numbers, as scanners give
        np.testing.assert_array_equal(nib.load(folder / f"{folder.name}_seg.nii.gz").dataobj, brain.mask)

    def test_continues_and_keeps(self):
        (first,) = self._write(1)
        (self.root / ".BraTS_PHANTOM_0002.part").mkdir()  # what an interrupted run leaves
        before = {p.name: p.stat().st_mtime_ns for p in first.iterdir()}
        self._write(2)
        self.assertEqual({p.name: p.stat().st_mtime_ns for p in first.iterdir()}, before)
        self.assertEqual(len(list(self.root.iterdir())), 2)

    def test_processes_write_the_same(self):
        (folder,) = self._write(1)
        serial = {p.name: p.read_bytes() for p in folder.iterdir()}
        self.root = self.root.parent / "parallel"
        (folder,) = self._write(1, num_workers=2)
        self.assertEqual({p.name: p.read_bytes() for p in folder.iterdir()}, serial)

    def test_another_seed_does_not_mix_in(self):
        self._write(1)
        with self.assertRaisesRegex(
            FileExistsError, "^output_dir: expected BraTS_PHANTOM_0001 of this seed and spacing"
        ):
            self._write(1, seed=1)

    def test_command_line(self):
        arguments = ["phantoms", "brain", "--output_dir", str(self.root), "--spacing", "8"]
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(main([*arguments, "--num_patients", "1"]), 0)
        self.assertEqual(out.getvalue().strip(), str(self.root))
        with contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertEqual(main([*arguments, "--num_patients", "0"]), 2)
        self.assertIn(
            "error: num_patients, seed, num_workers: expected >= 1, >= 0 and >= 1, got 0, 0 and 1", err.getvalue()
        )


if __name__ == "__main__":
    unittest.main()
