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
from unittest import mock

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.transforms.pet.projection import back_projection, functional, maximum_intensity_projection, view_geometry
from tests.transforms.pet.projection.reference import VIEWS, project_along_axis, project_turned, stored_as

sizes = st.tuples(*[st.integers(1, 4)] * 3)
spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 2.0, 3.3])] * 3)
storages = st.tuples(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
seeds = st.integers(0, 2**32 - 1)


def random_volume(shape, seed, levels=5):
    """Few levels, so that there are ties."""
    return np.random.default_rng(seed).integers(0, levels, shape).astype(np.float32)


class TestMaximumIntensityProjection(unittest.TestCase):
    @given(sizes, spacings, storages, st.sampled_from(sorted(VIEWS)), seeds)
    @settings(max_examples=150, deadline=None)
    def test_axis_views_equal_reference(self, shape, spacing, storage, view, seed):
        volume, affine = stored_as(random_volume(shape, seed), spacing, *storage)
        image, voxel = maximum_intensity_projection(
            torch.from_numpy(volume)[None], view_geometry(affine, volume.shape, *view)
        )
        expected, index = project_along_axis(volume, affine, *view)
        np.testing.assert_array_equal(image[0].numpy(), expected)
        np.testing.assert_array_equal(voxel[0].numpy(), index)

    @given(sizes, spacings, storages, st.floats(-400, 400), seeds)
    @settings(max_examples=80, deadline=None)
    def test_turned_views_equal_reference(self, shape, spacing, storage, angle, seed):
        angle = round(angle, 1)  # a sample on the border of the volume to within 1e-6 may fall on either side
        upright = random_volume(shape, seed).astype(np.float64)
        volume, affine = stored_as(upright, spacing, *storage)
        geometry = view_geometry(affine, volume.shape, "coronal", angle)
        if geometry.is_exact:
            return
        image, voxel = maximum_intensity_projection(torch.from_numpy(volume)[None], geometry)
        expected, hit = project_turned(upright, spacing, angle)
        image, voxel = image[0].numpy(), voxel[0].numpy()
        # coordinates are rounded to 1e-6 voxel, values go up to 4
        np.testing.assert_allclose(image, expected, atol=2e-5)
        np.testing.assert_array_equal(voxel >= 0, hit)
        self.assertTrue((image[hit] <= volume.ravel()[voxel[hit]] + 2e-5).all())

    @given(sizes, spacings, st.sampled_from([0, 90, 180, 270]), seeds)
    @settings(max_examples=30, deadline=None)
    def test_turned_views_tend_to_the_axis_views(self, shape, spacing, angle, seed):
        """For equal in-plane spacing a turn by next to nothing changes next to nothing."""
        affine = np.diag([spacing[0], spacing[0], spacing[2], 1])
        volume = torch.from_numpy(random_volume(shape, seed))[None]
        exact, _ = maximum_intensity_projection(volume, view_geometry(affine, shape, "coronal", angle))
        turned, _ = maximum_intensity_projection(volume, view_geometry(affine, shape, "coronal", angle + 1e-5))
        torch.testing.assert_close(turned, exact, rtol=0, atol=1e-4)  # 2e-7 rad times 4 voxels times values of 4

    @parameterized.expand([("coronal", 0), ("sagittal", 0), ("axial", 0), ("coronal", 30)])
    def test_slabs_do_not_matter(self, axis, angle):
        volume = torch.from_numpy(random_volume((2, 5, 6, 7), 0))
        geometry = view_geometry(np.diag([-1.0, 2, -3, 1]), (5, 6, 7), axis, angle)
        image, voxel = maximum_intensity_projection(volume, geometry)
        with mock.patch.object(functional, "_SLAB_SAMPLES", 2 * 3 * geometry.view_shape[1] * geometry.view_shape[2]):
            image_in_slabs, voxel_in_slabs = maximum_intensity_projection(volume, geometry)
        torch.testing.assert_close(image_in_slabs, image, rtol=0, atol=0)
        torch.testing.assert_close(voxel_in_slabs, voxel, rtol=0, atol=0)

    @parameterized.expand([(0,), (30,)])
    def test_channels_are_independent(self, angle):
        volume = torch.from_numpy(random_volume((3, 5, 6, 7), 0))
        geometry = view_geometry(np.eye(4), (5, 6, 7), "coronal", angle)
        together = maximum_intensity_projection(volume, geometry)
        for channel in range(3):
            alone = maximum_intensity_projection(volume[channel : channel + 1], geometry)
            for a, b in zip(together, alone):
                torch.testing.assert_close(a[channel], b[0], rtol=0, atol=0)

    @parameterized.expand(
        [
            (torch.int16, torch.float32),
            (torch.uint8, torch.float32),
            (torch.float16, torch.float16),
            (torch.float64, torch.float64),
        ]
    )
    def test_dtypes(self, dtype, expected):
        volume = torch.arange(60).reshape(1, 3, 4, 5).to(dtype)
        for angle in (0, 45):
            image, _ = maximum_intensity_projection(volume, view_geometry(np.eye(4), (3, 4, 5), "coronal", angle))
            self.assertEqual(image.dtype, expected)
            # the hottest voxel is a corner: a turned ray passes its center at less than a voxel's distance
            self.assertLessEqual(image.max().item(), 59)
            self.assertGreaterEqual(image.max().item(), 59 if angle == 0 else 50)

    def test_background_is_the_minimum_also_below_zero(self):
        volume = torch.full((1, 6, 6, 2), -1000.0)
        image, voxel = maximum_intensity_projection(volume, view_geometry(np.eye(4), (6, 6, 2), "coronal", 45))
        torch.testing.assert_close(image, torch.full_like(image, -1000), rtol=1e-6, atol=0)  # float32 interpolation
        self.assertTrue((voxel >= 0).any())

    @parameterized.expand(
        [(0, (0, 0, 0)), (0, (2, 3, 4)), (45, (0, 0, 0)), (45, (2, 0, 4)), (45, (1, 2, 3)), (10, (2, 3, 0))]
    )
    def test_every_nan_is_found(self, angle, place):
        volume = torch.zeros(1, 3, 4, 5)
        volume[0][place] = torch.nan
        with self.assertRaisesRegex(ValueError, "volume: expected numbers, got NaN"):
            maximum_intensity_projection(volume, view_geometry(np.eye(4), (3, 4, 5), "coronal", angle))


class TestBackProjection(unittest.TestCase):
    def test_largest_value_of_pixels_that_share_a_voxel(self):
        voxel = torch.tensor([[[3, 3, -1], [0, 7, 3]]], dtype=torch.int32)
        pixels = torch.tensor([[[1.0, 5.0, 9.0], [-2.0, 4.0, 2.0]]])
        volume = back_projection(pixels, voxel, (2, 2, 2))
        self.assertEqual(volume.flatten().tolist(), [-2.0, 0, 0, 5.0, 0, 0, 0, 4.0])

    def test_several_maps_through_one_projection(self):
        voxel = torch.tensor([[[1, 2]]])
        volume = back_projection(torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]), voxel, (1, 1, 4))
        self.assertEqual(volume.reshape(2, 4).tolist(), [[0, 1, 2, 0], [0, 3, 4, 0]])

    @parameterized.expand([((1, 2, 4),), ((3, 2, 3),), ((2, 3),)])
    def test_refuses_other_sizes(self, shape):
        with self.assertRaisesRegex(ValueError, r"map: expected the shape \(channels, 2, 3\)"):
            back_projection(torch.zeros(shape), torch.zeros(2, 2, 3, dtype=torch.int32), (2, 2, 2))
