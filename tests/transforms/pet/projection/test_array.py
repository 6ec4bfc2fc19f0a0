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

import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor, set_track_meta
from monai.data.utils import affine_to_spacing
from monai.transforms import Orientation, Resize
from parameterized import parameterized

from monai_dd.transforms.pet.projection import MaximumIntensityProjection

SHAPE = (6, 5, 9)
RAS = np.array([[2.0, 0, 0, -6], [0, 3.0, 0, 4], [0, 0, 4.0, 100], [0, 0, 0, 1]])
# where a viewer sees a spot at the patient's right, front and head: (row, column) of the corner of the image
CORNERS = [
    ("coronal", 0, "top", "left"),
    ("coronal", 90, "top", "left"),
    ("coronal", 180, "top", "right"),
    ("coronal", 270, "top", "right"),
    ("sagittal", 0, "top", "left"),
    ("axial", 0, "top", "left"),
]
VIEWS = [("coronal", 0), ("coronal", 90), ("sagittal", 0), ("axial", 0), ("coronal", 37), ("sagittal", -120)]


def volume_with_affine(seed=0, channels=1, affine=RAS):
    values = torch.from_numpy(np.random.default_rng(seed).random((channels, *SHAPE)))
    return MetaTensor(values, affine=torch.from_numpy(affine))


class TestMaximumIntensityProjection(unittest.TestCase):
    @parameterized.expand(CORNERS)
    def test_display_convention(self, axis, angle, vertical, horizontal):
        volume = torch.zeros(1, *SHAPE)
        volume[0, -1, -1, -1] = 1  # RAS: the patient's right, front, head
        image = MaximumIntensityProjection(axis, angle)(MetaTensor(volume, affine=torch.from_numpy(RAS)))[0]
        corner = 0 if vertical == "top" else -1, 0 if horizontal == "left" else -1
        self.assertEqual(image[corner], 1)
        self.assertEqual(image.sum(), 1)

    def test_left_lateral_view_is_the_sagittal_view(self):
        volume = volume_with_affine()
        lateral, sagittal = MaximumIntensityProjection("coronal", 90)(volume), MaximumIntensityProjection("sagittal")(
            volume
        )
        torch.testing.assert_close(lateral, sagittal, rtol=0, atol=0)
        torch.testing.assert_close(lateral.affine, sagittal.affine, rtol=0, atol=0)
        # the viewer is at the patient's left: of two equal spots he meets the left one (small x) first
        spots = torch.zeros(1, *SHAPE)
        spots[0, 1, 2, 3] = spots[0, 4, 2, 3] = 1
        lateral = MaximumIntensityProjection("coronal", 90)
        back = lateral.inverse(lateral(MetaTensor(spots, affine=torch.from_numpy(RAS))))
        self.assertEqual((back[0, 1, 2, 3], back[0, 4, 2, 3]), (1, 0))

    @given(
        st.sampled_from(["LPS", "RAS", "PIR", "SAL", "ILA", "ASR", "LAI"]), st.sampled_from(VIEWS), st.integers(0, 1000)
    )
    @settings(max_examples=40, deadline=None)
    def test_storage_orientation_does_not_matter(self, axcodes, view, seed):
        volume = volume_with_affine(seed)
        stored = Orientation(axcodes)(volume)
        self.assertEqual(tuple(stored.shape[1:]), Orientation(axcodes)(volume_with_affine(1)).shape[1:])
        projection = MaximumIntensityProjection(*view)
        image, same = projection(volume), projection(stored)
        atol = 0 if view[1] % 90 == 0 else 1e-12  # interpolation weights of flipped axes round differently
        torch.testing.assert_close(same.as_tensor(), image.as_tensor(), rtol=0, atol=atol)
        torch.testing.assert_close(same.affine, image.affine, rtol=0, atol=1e-9)
        back = Orientation("RAS")(projection.inverse(same))
        torch.testing.assert_close(back.as_tensor(), projection.inverse(image).as_tensor(), rtol=0, atol=atol)

    @parameterized.expand(VIEWS)
    def test_affine_leads_from_a_pixel_to_the_patient(self, axis, angle):
        """A hot voxel lies on the ray of its pixel: row and column, and some depth, give its position in mm."""
        voxel = (4, 1, 6)
        volume = torch.zeros(1, *SHAPE)
        volume[0][voxel] = 1
        image = MaximumIntensityProjection(axis, angle)(MetaTensor(volume, affine=torch.from_numpy(RAS)))
        row, column = divmod(int(image[0].argmax()), image.shape[-1])
        position = RAS @ [*voxel, 1]
        place = np.linalg.inv(image.affine.numpy()) @ position
        self.assertAlmostEqual(place[0], row, places=9)
        # turned views: the nearest column is at most half a column away, and bilinear weights may prefer the next
        self.assertLessEqual(abs(place[1] - column), 1e-9 if angle % 90 == 0 else 1)

    def test_pixel_spacing(self):
        volume = volume_with_affine()
        for view, spacing in (
            (("coronal", 0), (4, 2)),
            (("sagittal", 0), (4, 3)),
            (("axial", 0), (3, 2)),
            (("coronal", 30), (4, 2)),
        ):
            image = MaximumIntensityProjection(*view)(volume)
            np.testing.assert_allclose(affine_to_spacing(image.affine)[:2], spacing, rtol=1e-12)

    @parameterized.expand([("coronal", 0), ("sagittal", 20)])
    def test_resize_keeps_the_geometry(self, axis, angle):
        image = MaximumIntensityProjection(axis, angle)(volume_with_affine())
        resized = Resize((64, 32))(image)
        self.assertEqual(tuple(resized.shape), (1, 64, 32))
        self.assertEqual(image.pixdim.shape, (2,))  # two spatial dimensions
        expected = affine_to_spacing(image.affine)[:2] * torch.tensor([image.shape[1] / 64, image.shape[2] / 32])
        np.testing.assert_allclose(affine_to_spacing(resized.affine)[:2], expected, rtol=1e-12)
        centers = [i.affine.numpy() @ [(i.shape[1] - 1) / 2, (i.shape[2] - 1) / 2, 0, 1] for i in (image, resized)]
        np.testing.assert_allclose(centers[0], centers[1], atol=1e-9)

    @given(
        st.integers(0, 1000), st.sampled_from(["RAS", "LPS", "SAL"]), st.sampled_from(["coronal", "sagittal", "axial"])
    )
    @settings(max_examples=30, deadline=None)
    def test_projection_undoes_its_inverse(self, seed, axcodes, axis):
        projection = MaximumIntensityProjection(axis)
        volume = Orientation(axcodes)(volume_with_affine(seed))
        image = projection(volume)
        weights = torch.from_numpy(np.random.default_rng(seed).exponential(size=image.shape))
        back = projection.inverse(
            MetaTensor(weights, meta=image.meta, applied_operations=list(image.applied_operations))
        )
        self.assertEqual(back.shape, volume.shape)
        torch.testing.assert_close(back.affine, volume.affine, rtol=0, atol=0)
        self.assertEqual(back.applied_operations, volume.applied_operations)
        torch.testing.assert_close(projection(back).as_tensor(), weights, rtol=0, atol=0)

    @parameterized.expand(VIEWS)
    def test_image_returns_below_the_volume(self, axis, angle):
        volume = volume_with_affine(channels=2)
        projection = MaximumIntensityProjection(axis, angle)
        image = projection(volume)
        back = projection.inverse(image.clone())
        self.assertEqual(back.shape, volume.shape)
        self.assertTrue((back <= volume + 1e-12).all())  # rounding of the interpolation
        hit = back > 0
        self.assertTrue(hit.any())
        if angle % 90 == 0:
            self.assertTrue((back[hit] == volume[hit]).all())
            self.assertEqual(int(hit.sum()), image.numel())

    def test_dicom_coordinates(self):
        """A reader told to keep LPS says so in the metadata; the picture is the same."""
        lps = np.diag([-1.0, -1, 1, 1]) @ RAS
        volume = volume_with_affine()
        kept = MetaTensor(volume.as_tensor(), affine=torch.from_numpy(lps), meta={"space": "LPS"})
        projection = MaximumIntensityProjection()
        torch.testing.assert_close(projection(kept).as_tensor(), projection(volume).as_tensor(), rtol=0, atol=0)

    def test_without_metadata_ras_is_assumed(self):
        volume = volume_with_affine()
        expected = MaximumIntensityProjection()(volume).as_tensor()
        for img in (volume.as_tensor(), volume.numpy()):
            torch.testing.assert_close(MaximumIntensityProjection()(img).as_tensor(), expected, rtol=0, atol=0)
        set_track_meta(False)
        try:
            image = MaximumIntensityProjection()(volume.as_tensor())
        finally:
            set_track_meta(True)
        self.assertIs(type(image), torch.Tensor)
        torch.testing.assert_close(image, expected, rtol=0, atol=0)

    def test_input_is_left_alone(self):
        volume = volume_with_affine()
        before = volume.clone()
        MaximumIntensityProjection("coronal", 30)(volume)
        self.assertTrue((volume == before).all())
        torch.testing.assert_close(volume.affine, torch.from_numpy(RAS), rtol=0, atol=0)
        self.assertEqual(volume.applied_operations, [])

    @parameterized.expand(
        [
            ("no_channel", torch.zeros(3, 4, 5), r"img: expected the shape \(C, X, Y, Z\), got \(3, 4, 5\)"),
            ("batch", torch.zeros(1, 1, 3, 4, 5), r"img: expected the shape \(C, X, Y, Z\)"),
            ("empty", torch.zeros(1, 3, 0, 5), r"one voxel or more along every axis, got the shape \(1, 3, 0, 5\)"),
            ("nan", torch.full((1, 3, 4, 5), torch.nan), "volume: expected numbers, got NaN"),
        ]
    )
    def test_refuses(self, _, img, message):
        with self.assertRaisesRegex(ValueError, message) as caught:
            MaximumIntensityProjection()(img)
        self.assertNotIn("\n", str(caught.exception))

    @parameterized.expand([("axis", {"axis": "front"}), ("angle", {"angle": float("inf")})])
    def test_refuses_arguments_at_construction(self, name, arguments):
        with self.assertRaisesRegex(ValueError, f"^{name}: expected"):
            MaximumIntensityProjection(**arguments)

    def test_refuses_a_map_of_another_size(self):
        projection = MaximumIntensityProjection()
        resized = Resize((7, 7))(projection(volume_with_affine()))
        with self.assertRaisesRegex(ValueError, r"map: expected the shape \(channels, 9, 6\)"):
            projection.inverse(resized)
