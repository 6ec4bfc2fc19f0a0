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

import os
import tempfile
import unittest
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from monai.data.utils import affine_to_spacing
from monai.transforms import Orientation, Resize
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from parameterized import parameterized

from monai_dd.transforms.axial import LoadAxialSlice

REAL = Path(os.environ["MONAI_DD_REAL_DATA"]) if "MONAI_DD_REAL_DATA" in os.environ else None
PATIENT = "brain_4mod/TCGA-DU-7294/TCGA-DU-7294_{}.nii.gz"
SHAPE = (5, 6, 7)
# voxels of 2 x 3 x 4 mm, a little oblique
RAS = np.array([[2.0, 0.1, 0, -6], [-0.1, 3.0, 0.2, 4], [0, -0.15, 4.0, 100], [0, 0, 0, 1]])
ORIENTATIONS = ["RAS", "LPS", "PLS", "SAR", "LSP", "AIL", "IPR"]


class TestLoadAxialSlice(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.volume = np.random.default_rng(0).integers(1, 1000, SHAPE).astype(np.int16)

    def write(self, name="brain.nii.gz", axcodes="RAS", volume=None, affine=RAS):
        image = nib.Nifti1Image(self.volume if volume is None else volume, affine)
        target = ornt_transform(io_orientation(affine), axcodes2ornt(axcodes))
        path = self.folder / name
        nib.save(image.as_reoriented(target), path)
        return path

    @parameterized.expand([(axcodes, suffix) for axcodes in ORIENTATIONS for suffix in (".nii", ".nii.gz")])
    def test_storage_does_not_matter(self, axcodes, suffix):
        """The slice fourth from the feet, whatever the axes; RAS to rows backward, columns to the left: flip both."""
        path = self.write("brain" + suffix, axcodes)
        index = 3 if "S" in axcodes else SHAPE[2] - 1 - 3
        image = LoadAxialSlice()(path, index)
        expected = self.volume[::-1, ::-1, 3].T.astype(np.float32)
        np.testing.assert_array_equal(image.numpy(), expected[None])
        self.assertEqual(image.dtype, torch.float32)
        # the corner at the upper left of the picture is the most right and anterior voxel; float32 in the header
        corner = RAS @ [SHAPE[0] - 1, SHAPE[1] - 1, 3, 1]
        np.testing.assert_allclose(image.affine.numpy() @ [0, 0, 0, 1], corner, atol=1e-4)
        opposite = RAS @ [0, 0, 3, 1]
        np.testing.assert_allclose(image.affine.numpy() @ [SHAPE[1] - 1, SHAPE[0] - 1, 0, 1], opposite, atol=1e-4)

    def test_spacing_also_after_a_resize(self):
        image = LoadAxialSlice()(self.write(), 2)
        spacing = np.linalg.norm(RAS[:3, :3], axis=0)[[1, 0, 2]]
        np.testing.assert_allclose(affine_to_spacing(image.affine), spacing, rtol=1e-6)
        self.assertEqual(tuple(image.pixdim.shape), (2,))
        resized = Resize((12, 10))(image)
        np.testing.assert_allclose(affine_to_spacing(resized.affine)[:2], spacing[:2] / 2, rtol=1e-6)

    def test_several_files_are_channels_in_their_order(self):
        files = [self.write(f"{i}.nii.gz", volume=self.volume + i) for i in range(3)]
        image = LoadAxialSlice()([str(file) for file in files], np.int64(5))
        self.assertEqual(tuple(image.shape), (3, SHAPE[1], SHAPE[0]))
        for i in range(3):
            np.testing.assert_array_equal((image[i] - image[0]).numpy(), i)
        self.assertEqual(image.meta["filename_or_obj"], str(files[0]))
        self.assertIsInstance(image, MetaTensor)

    def test_channels_of_one_file(self):
        path = self.write(volume=np.stack([self.volume, self.volume * 2], axis=-1), axcodes="LPS")
        image = LoadAxialSlice()(path, 1)
        alone = LoadAxialSlice()(self.write("alone.nii"), 1)
        np.testing.assert_array_equal(image.numpy(), np.concatenate([alone, 2 * alone]))

    @parameterized.expand(["RAS", "SAR"])
    def test_one_volume_of_a_4d_file(self, axcodes):
        volumes = np.stack([self.volume + i for i in range(3)], axis=-1)
        path = self.write(axcodes=axcodes, volume=volumes)
        image = LoadAxialSlice()([f"{path}#2", f"{path}#0"], 3)
        expected = LoadAxialSlice()(path, 3)
        np.testing.assert_array_equal(image.numpy(), expected.numpy()[[2, 0]])
        self.assertEqual(image.meta["filename_or_obj"], str(path))
        (self.folder / "odd#1").mkdir()
        path = self.write("odd#1/brain.nii.gz", axcodes, volumes)
        np.testing.assert_array_equal(LoadAxialSlice()(f"{path}#1", 3).numpy(), expected.numpy()[[1]])
        for volume in ("3", "x"):
            with self.assertRaisesRegex(
                ValueError, rf"^brain.nii.gz: expected volume {volume} of a 4D file, got the shape"
            ):
                LoadAxialSlice()(f"{path}#{volume}", 3)

    def test_slope_and_intercept_of_the_header_count(self):
        image = nib.Nifti1Image(self.volume, RAS)
        image.header.set_slope_inter(0.5, 10)
        nib.save(image, self.folder / "scaled.nii.gz")
        stored = nib.load(self.folder / "scaled.nii.gz")
        expected = np.asarray(stored.dataobj)[::-1, ::-1, 0].T
        np.testing.assert_allclose(LoadAxialSlice()(self.folder / "scaled.nii.gz", 0)[0], expected, rtol=1e-6)

    @unittest.skipIf(REAL is None, "real data: MONAI_DD_REAL_DATA is not set")
    def test_real_patient(self):
        names = ("t1", "t1ce", "t2", "flair")
        image = LoadAxialSlice()([REAL / PATIENT.format(name) for name in names], 98)
        for channel, name in zip(image, names):
            full = nib.load(REAL / PATIENT.format(name))
            volume = MetaTensor(full.get_fdata(dtype=np.float32)[None], affine=torch.from_numpy(full.affine))
            turned = Orientation("PLS", labels=None)(volume)
            np.testing.assert_array_equal(channel.numpy(), turned[0, :, :, 98].numpy())
            position = turned.affine.numpy() @ [0, 0, 98, 1]
            np.testing.assert_allclose(image.affine.numpy()[:, 3], position, atol=1e-6)
            np.testing.assert_allclose(image.affine.numpy()[:, :3], turned.affine.numpy()[:, :3], atol=1e-6)
        self.assertGreater(float(image.std()), 0)

    @parameterized.expand([(".nii",), (".nii.gz",)])
    def test_refuses_a_truncated_file(self, suffix):
        noise = np.random.default_rng(0).integers(0, 2**15, (16, 16, 16)).astype(np.int16)
        path = self.write("cut" + suffix, volume=noise)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        self.assertEqual(tuple(LoadAxialSlice()(path, 2).shape), (1, 16, 16))  # before the damage
        self.refuse(path, 15, r"^cut\.nii\S*: expected \(16, 16, 16\) voxels, got a truncated or damaged file$")

    def refuse(self, files, index, message, error=ValueError):
        with self.assertRaisesRegex(error, message) as caught:
            LoadAxialSlice()(files, index)
        self.assertNotIn("\n", str(caught.exception))
        self.assertNotIn(str(self.folder), str(caught.exception))

    @parameterized.expand([("text.nii", b"no image" * 100), ("text.nii.gz", b"no image" * 100), ("empty.nii.gz", b"")])
    def test_refuses_what_is_not_nifti(self, name, content):
        (self.folder / name).write_bytes(content)
        self.refuse(self.folder / name, 0, f"^{name}: expected a NIfTI file, got a file that cannot be opened")

    def test_refuses_another_format_and_other_dimensions(self):
        nib.save(nib.MGHImage(self.volume, RAS), self.folder / "brain.mgz")
        self.refuse(self.folder / "brain.mgz", 0, r"^brain\.mgz: expected NIfTI .* of another kind")
        nib.save(nib.Nifti1Image(self.volume[0], RAS), self.folder / "flat.nii")
        self.refuse(self.folder / "flat.nii", 0, r"^flat\.nii: expected NIfTI .* got \(6, 7\)")

    def test_refuses_absent_files(self):
        self.refuse(self.folder / "t1.nii.gz", 0, r"^t1\.nii\.gz: expected a NIfTI file, got no", FileNotFoundError)
        self.refuse([], 0, "^filenames: expected at least one file")

    @parameterized.expand([(-1,), (SHAPE[2],)])
    def test_refuses_an_index_outside(self, index):
        self.refuse(self.write(), index, rf"^brain\.nii\.gz: expected a slice from 0 to 6, got {index}")

    def test_refuses_different_grids(self):
        first = self.write()
        self.refuse([first, self.write("b.nii", volume=self.volume[1:])], 0, r"^b\.nii: .* got slices of another size")
        shifted = RAS + np.eye(4, k=3) * 0.5
        self.refuse([first, self.write("c.nii", affine=shifted)], 0, r"^c\.nii: .* of brain\.nii\.gz, got another aff")
        # mirrored from feet to head: the same index is another slice
        self.refuse([first, self.write("d.nii", "RAI")], 0, r"^d\.nii: .* another affine")

    def test_refuses_nan_in_the_slice(self):
        volume = self.volume.astype(np.float32)
        volume[1, 2, 3] = np.nan
        path = self.write(volume=volume)
        self.refuse(path, 3, r"^brain\.nii\.gz: expected numbers, got NaN or infinite voxels in slice 3")
        self.assertEqual(LoadAxialSlice()(path, 2).isnan().sum(), 0)

    def test_refuses_a_singular_affine(self):
        image = nib.Nifti1Image(self.volume, None)
        image.header.set_sform(np.diag([1.0, 0, 1, 1]), code=1)
        image = nib.Nifti1Image(self.volume, None, image.header)
        nib.save(image, self.folder / "singular.nii")
        self.refuse(self.folder / "singular.nii", 0, r"^singular\.nii: expected an invertible affine")


if __name__ == "__main__":
    unittest.main()
