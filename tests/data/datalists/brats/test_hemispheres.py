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
"""Tests of one study: its volumes are checked, and its slices become halves however the file stores them."""

from __future__ import annotations

import os
import unittest
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
from parameterized import parameterized

from monai_dd.data.datalists.brats.hemispheres import brain_slices, read_study, study_halves
from monai_dd.data.datalists.brats.layout import find_brats_studies
from monai_dd.transforms.axial import LoadAxialSlice
from tests.data.datalists.brats.small import (
    AREA,
    LPS,
    SHAPE,
    TUMOR_SLICES,
    InFolder,
    brain,
    save,
    tumor,
    write_msd,
    write_study,
)

REAL = os.environ.get("MONAI_DD_REAL_DATA", "")


class InStudy(InFolder):
    def setUp(self):
        super().setUp()
        self.folder = write_study(self.root / "p1")

    def halves(self, mode: str = "boundary", min_area: int = AREA, slice_step: int = 1) -> list[dict]:
        (study,) = find_brats_studies(self.root)
        return study_halves(self.root, study, mode, min_area, 0.02, slice_step)


class TestHalves(InStudy):
    def test_boundary(self):
        # tumor in columns 5 to 8, brain in 4 to 19
        left = {"side": "image_left", "window": [0, 9], "label": 1, "width": 5}
        right = {"side": "image_right", "window": [9, 24], "label": 0, "width": 11}
        self.assertEqual(self.halves(), [h | {"slice": k} for k in TUMOR_SLICES for h in (left, right)])

    def test_least_area(self):
        self.assertEqual(self.halves(min_area=AREA + 1), [])

    def test_slices_without_tumor_count_in_mode_midline(self):
        halves = self.halves("midline")
        labels = Counter((half["slice"], half["label"]) for half in halves)
        self.assertEqual(labels, {(1, 0): 2, (2, 0): 1, (2, 1): 1, (3, 0): 1, (3, 1): 1, (4, 0): 2})

    def test_slice_step(self):
        self.assertEqual({half["slice"] for half in self.halves(slice_step=3)}, {3})

    def test_healthy_patient(self):
        save(self.folder / "p1_seg.nii", np.zeros(SHAPE, np.uint8))
        self.assertEqual(self.halves(), [])
        self.assertEqual({half["label"] for half in self.halves("midline")}, {0})

    @parameterized.expand(["RAS", "LPI", "SAL", "IPR", "PSL"])
    def test_orientation_of_the_file_does_not_matter(self, codes):
        expected = self.halves()
        to = nib.orientations.axcodes2ornt(codes)
        for path in self.folder.iterdir():
            image = nib.load(path)
            image = image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(image.affine), to))
            nib.save(nib.Nifti1Image(np.array(image.dataobj), image.affine), path)  # a copy, not the mapped file
        if "I" in codes:  # counted along the file's own axis
            expected = [half | {"slice": SHAPE[2] - 1 - half["slice"]} for half in reversed(expected)]
        key = str
        self.assertEqual(sorted(self.halves(), key=key), sorted(expected, key=key))

    @parameterized.expand([("old", False), ("decathlon", True)])
    def test_sees_what_the_loader_loads(self, _name, decathlon):
        """The window is cut in the slices that the transform reads."""
        root = self.root / "msd" if decathlon else self.root
        if decathlon:
            write_msd(root, 1)
        (study,) = find_brats_studies(root)
        volumes, mask = read_study(root, study, needs_mask=True)
        self.assertEqual((volumes.shape, mask.shape), ((4, 20, 24, 6), (20, 24, 6)))
        np.testing.assert_array_equal(LoadAxialSlice()(root / study.mask, 3)[0] > 0, mask[..., 3])
        if not decathlon:
            image = LoadAxialSlice()([root / study.image[c] for c in ("T1", "T1ce", "T2", "FLAIR")], 3)
            np.testing.assert_array_equal(image, volumes[..., 3])
        else:  # FLAIR is the first volume of the file: once the brain; T1 is the second
            np.testing.assert_array_equal(volumes.max(axis=(1, 2, 3)) / brain().max(), [2, 3, 4, 1])

    def test_slices_with_brain(self):
        (study,) = find_brats_studies(self.root)
        share = 16 * 16 / (24 * 20)
        self.assertEqual(brain_slices(self.root, study, share), [1, 2, 3, 4])
        self.assertEqual(brain_slices(self.root, study, share + 1e-6), [])


class TestBroken(InStudy):
    def refused(self, reason: str) -> None:
        (study,) = find_brats_studies(self.root)
        with self.assertRaisesRegex(ValueError, f"^{reason}$"):
            read_study(self.root, study, needs_mask=True)

    @parameterized.expand([np.nan, np.inf])
    def test_voxels_that_are_no_numbers(self, value):
        volume = brain()
        volume[0, 0, 0] = value
        save(self.folder / "p1_t1ce.nii", volume)
        self.refused("T1ce: expected numbers, got NaN or infinite voxels")

    @parameterized.expand([("_flair", "FLAIR"), ("_seg", "mask")])
    def test_other_shape(self, name, what):
        save(self.folder / f"p1{name}.nii", brain()[..., :5])
        self.refused(rf"{what}: expected the shape \(24, 20, 6\) of T1, got \(24, 20, 5\)")

    @parameterized.expand([("_t2", "T2"), ("_seg", "mask")])
    def test_other_affine(self, name, what):
        moved = LPS.copy()
        moved[2, 3] = 1
        save(self.folder / f"p1{name}.nii", tumor(), moved)
        self.refused(f"{what}: expected the affine of T1, got another one")

    def test_rounding_of_affines_is_allowed(self):
        moved = LPS.copy()
        moved[2, 3] = 1e-4
        save(self.folder / "p1_t2.nii", brain(), moved)
        self.assertEqual(len(self.halves()), 4)

    @parameterized.expand([0, 1, 40, 200])
    def test_truncated(self, size):
        rng = np.random.default_rng(0)
        (self.folder / "p1_t2.nii").unlink()
        path = self.folder / "p1_t2.nii.gz"
        save(path, rng.random(SHAPE).astype(np.float32))  # noise: does not shrink to nothing when compressed
        path.write_bytes(path.read_bytes()[:size])
        self.refused("T2: expected a NIfTI file, got a truncated or another one")

    def test_truncated_without_compression(self):
        path = self.folder / "p1_t2.nii"
        path.write_bytes(path.read_bytes()[:-1])
        self.refused("T2: expected a NIfTI file, got a truncated or another one")

    def test_text(self):
        (self.folder / "p1_t1.nii").write_text("version https://git-lfs.github.com/spec/v1\n" * 20)
        self.refused("T1: expected a NIfTI file, got a truncated or another one")

    def test_no_volume(self):
        save(self.folder / "p1_t1.nii", np.zeros((4, 4, 4, 2), np.float32))
        self.refused(r"T1: expected a volume, got the shape \(4, 4, 4, 2\)")

    def test_affine_without_inverse(self):
        image = nib.Nifti1Image(brain(), None)
        image.header.set_sform(np.diag([1.0, 1.0, 0.0, 1.0]), code=1)
        image.header.set_qform(None, code=0)
        nib.save(nib.Nifti1Image.from_bytes(image.to_bytes()), self.folder / "p1_t1.nii")
        self.refused("T1: expected an invertible affine, got one that is not")

    def test_missing(self):
        (self.folder / "p1_t1.nii").unlink()
        self.refused("T1 missing")

    def test_file_of_other_volumes(self):
        root = self.root / "msd"
        write_msd(root, 1)
        save(root / "imagesTr" / "BRATS_001.nii.gz", np.zeros((*SHAPE, 3), np.float32))
        with self.assertRaisesRegex(ValueError, r"^T1: expected a file of 4 volumes, got the shape \(24, 20, 6, 3\)"):
            read_study(root, find_brats_studies(root)[0], needs_mask=True)


@unittest.skipUnless(REAL, "needs real data: MONAI_DD_REAL_DATA names no folder")
class TestReal(unittest.TestCase):
    """One real patient in BraTS space, 240 x 240 x 155 voxels; areas counted in its mask by hand."""

    @classmethod
    def setUpClass(cls):
        cls.root = Path(REAL) / "brain_4mod"
        if not cls.root.is_dir():
            raise unittest.SkipTest("MONAI_DD_REAL_DATA has no brain_4mod")
        (cls.study,) = find_brats_studies(cls.root)
        mask = np.asarray(nib.load(cls.root / cls.study.mask).dataobj) > 0
        cls.areas = mask.sum(axis=(0, 1))

    @parameterized.expand([("boundary", 0), ("matched", 0.01)])
    def test_cut_at_the_tumor(self, mode, lost):
        halves = study_halves(self.root, self.study, mode, 500, 0.02, 1)
        slices = np.flatnonzero(self.areas >= 500).tolist()
        self.assertEqual(sorted({half["slice"] for half in halves}), slices)
        positive = [half for half in halves if half["label"]]
        self.assertEqual(len(positive), len(slices))
        for half in positive:
            mask = LoadAxialSlice()(self.root / self.study.mask, half["slice"])[0]
            start, stop = half["window"]
            inside = int((mask[:, start:stop] > 0).sum())
            # where the tumor just crosses the middle of the brain, mode matched cuts its last pixels off
            self.assertLessEqual(1 - inside / self.areas[half["slice"]], lost)

    def test_paper_finds_no_slice(self):
        self.assertEqual(study_halves(self.root, self.study, "boundary", 1000, 0.02, 1), [])
