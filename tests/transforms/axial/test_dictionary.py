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
from monai.transforms import Compose, Invertd, Resized

from monai_dd.transforms.axial import LoadAxialSlice, LoadAxialSliced
from monai_dd.transforms.hemisphere import SIDES, Hemisphered, hemisphere_windows

REAL = Path(os.environ["MONAI_DD_REAL_DATA"]) if "MONAI_DD_REAL_DATA" in os.environ else None
PATIENT = "brain_4mod/TCGA-DU-7294/TCGA-DU-7294_{}.nii.gz"


class TestLoadAxialSliced(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.volume = np.random.default_rng(0).integers(1, 9, (4, 5, 6)).astype(np.int16)

    def write(self, name, volume, affine=None):
        nib.save(nib.Nifti1Image(volume, np.eye(4) if affine is None else affine), self.folder / name)
        return str(self.folder / name)

    def test_every_key(self):
        files = [self.write(f"{i}.nii", self.volume + i) for i in range(2)]
        mask = self.write("mask.nii.gz", (self.volume > 4).astype(np.uint8))
        item = {"image": files, "mask": mask, "k": 4, "label": 1}
        out = LoadAxialSliced(["image", "mask"], slice_key="k")(item)
        for key in ("image", "mask"):
            expected = LoadAxialSlice()(item[key], 4)
            torch.testing.assert_close(out[key].as_tensor(), expected.as_tensor(), rtol=0, atol=0)
            torch.testing.assert_close(out[key].affine, expected.affine, rtol=0, atol=0)
        self.assertEqual((out["k"], out["label"], item["mask"]), (4, 1, mask))

    def test_missing_keys(self):
        file = self.write("a.nii", self.volume)
        out = LoadAxialSliced(["image", "mask"], allow_missing_keys=True)({"image": file, "slice": 0})
        self.assertEqual(set(out), {"image", "slice"})
        with self.assertRaisesRegex(KeyError, "mask"):
            LoadAxialSliced(["image", "mask"])({"image": file, "slice": 0})
        with self.assertRaisesRegex(KeyError, "expected the index of the slice under 'slice'"):
            LoadAxialSliced("image")({"image": file})

    def test_refuses_a_mask_on_another_grid(self):
        image = self.write("image.nii", self.volume)
        load = LoadAxialSliced(["image", "mask"])
        mask = self.write("small.nii", self.volume[1:])
        with self.assertRaisesRegex(ValueError, r"^mask: expected the size \(5, 4\) of image, got \(5, 3\)$"):
            load({"image": image, "mask": mask, "slice": 0})
        mask = self.write("moved.nii", self.volume, np.diag([1, 1, 2.0, 1]))
        with self.assertRaisesRegex(ValueError, "^mask: expected the affine of image, got another one$"):
            load({"image": image, "mask": mask, "slice": 0})

    @unittest.skipIf(REAL is None, "real data: MONAI_DD_REAL_DATA is not set")
    def test_real_patient_from_file_to_halves_and_back(self):
        """The tumor is at the patient's right, so at the left of the picture; each half's map returns to its place."""
        files = [str(REAL / PATIENT.format(name)) for name in ("t1", "t1ce", "t2", "flair")]
        load = LoadAxialSliced(["image", "mask"])
        item = load({"image": files, "mask": str(REAL / PATIENT.format("seg")), "slice": 98})
        for mode in ("boundary", "midline", "matched"):
            windows = hemisphere_windows(mode, item["image"], item["mask"])
            prepare = Compose([Hemisphered(["image", "mask"], mode), Resized(["image", "mask"], 256, "longest")])
            for side, (start, stop) in zip(SIDES, windows):
                out = prepare({**item, "side": side})
                self.assertEqual(bool((out["mask"] > 0).any()), side == "image_left")
                out["pred"] = MetaTensor(torch.ones(1, 256, 256))
                back = Invertd("pred", prepare, orig_keys="image")(out)["pred"]
                expected = torch.zeros(1, 240, 240)
                expected[..., start:stop] = 1
                # enlarged and reduced again, ones stay ones up to the rounding of interpolation weights in float32
                torch.testing.assert_close(back.as_tensor(), expected, rtol=0, atol=1e-5)
                torch.testing.assert_close(back.affine, item["image"].affine, rtol=0, atol=1e-6)


if __name__ == "__main__":
    unittest.main()
