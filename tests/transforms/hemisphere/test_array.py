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
from monai.transforms import Compose, Resize
from parameterized import parameterized

from monai_dd.transforms.hemisphere import SIDES, Hemisphere, hemisphere_windows, midline_column

SIZE = (10, 24)
AFFINE = torch.tensor([[0.0, -1, 0, 7], [-2, 0, 0, 9], [0, 0, 3, 60], [0, 0, 0, 1]], dtype=torch.float64)


def slice_of_brain(seed=0, channels=2):
    values = torch.zeros(channels, *SIZE)
    values[:, :, 4:20] = torch.from_numpy(np.random.default_rng(seed).uniform(0.1, 1, (channels, 10, 16))).float()
    image = MetaTensor(values, meta={"filename_or_obj": "slice"})
    image.affine = AFFINE
    return image


def tumor(columns=slice(6, 9)):
    mask = torch.zeros(1, *SIZE)
    mask[:, 3:6, columns] = 2
    return mask


class TestHemisphere(unittest.TestCase):
    @parameterized.expand([(mode, side) for mode in ("boundary", "midline", "matched") for side in SIDES])
    def test_keeps_the_window_in_its_place(self, mode, side):
        image, mask = slice_of_brain(), tumor()
        half = Hemisphere(mode, side)(image, mask)
        start, stop = hemisphere_windows(mode, image, mask)[SIDES.index(side)]
        for column in range(SIZE[1]):
            expected = image[..., column] if start <= column < stop else torch.zeros(2, SIZE[0])
            self.assertTrue((half[..., column] == expected).all(), column)
        self.assertIsInstance(half, MetaTensor)
        torch.testing.assert_close(half.affine, AFFINE, rtol=0, atol=0)
        self.assertEqual(half.meta["filename_or_obj"], "slice")

    @parameterized.expand([(mode, side) for mode in ("boundary", "midline", "matched") for side in SIDES])
    def test_crop_leaves_the_window_alone(self, mode, side):
        image, mask = slice_of_brain(), tumor()
        whole, cut = Hemisphere(mode, side)(image, mask), Hemisphere(mode, side, crop=True)
        half = cut(image, mask)
        start, stop = hemisphere_windows(mode, image, mask)[SIDES.index(side)]
        self.assertTrue(torch.equal(half.as_tensor(), image.as_tensor()[..., start:stop]))
        # a pixel lies where it lay
        before, after = (torch.tensor([2.0, column, 0, 1], dtype=torch.float64) for column in (3 + start, 3))
        torch.testing.assert_close(half.affine @ after, AFFINE @ before)
        self.assertEqual(half.meta["filename_or_obj"], "slice")
        torch.testing.assert_close(cut.inverse(half).as_tensor(), whole.as_tensor(), rtol=0, atol=0)
        resize = Resize((20, 16), mode="nearest")
        self.assertEqual(cut.inverse(resize.inverse(resize(cut(image, mask)))).shape, image.shape)

    def test_crop_without_metadata(self):
        set_track_meta(False)
        self.addCleanup(set_track_meta, True)
        image = slice_of_brain().as_tensor()
        half = Hemisphere("midline", "image_right", crop=True)(image)
        self.assertTrue(torch.equal(half, image[..., midline_column(image) :]))

    def test_side_and_window_of_the_call_count_first(self):
        image = slice_of_brain()
        cut = Hemisphere("midline", "image_left")
        right = Hemisphere("midline", "image_right")(image)
        self.assertTrue((cut(image, side="image_right") == right).all())
        half = cut(image, side="image_right", window=np.array([5, 7]))
        self.assertEqual(torch.nonzero(half.sum(dim=(0, 1)))[:, 0].tolist(), [5, 6])

    @given(st.integers(0, 1000), st.integers(1, SIZE[1] - 1), st.integers(1, 3))
    @settings(max_examples=30, deadline=None)
    def test_halves_and_their_maps_add_up(self, seed, cut, channels):
        image = slice_of_brain(seed)
        full = torch.from_numpy(np.random.default_rng(seed).normal(size=(channels, *SIZE)))
        hemisphere, halves, maps = Hemisphere(), [], []
        for window in ((0, cut), (cut, SIZE[1])):
            half = hemisphere(image, window=window)
            halves.append(half)
            carried = MetaTensor(full.clone(), meta=half.meta, applied_operations=list(half.applied_operations))
            maps.append(hemisphere.inverse(carried))
            self.assertEqual(maps[-1].applied_operations, [])
        self.assertTrue((halves[0] + halves[1] == image).all())
        torch.testing.assert_close((maps[0] + maps[1]).as_tensor(), full, rtol=0, atol=0)
        self.assertEqual(maps[0][..., cut:].abs().sum(), 0)
        self.assertEqual(maps[1][..., :cut].abs().sum(), 0)

    def test_inverse_of_the_half_is_the_half(self):
        """Cutting is a projection; its inverse is its adjoint, which is itself."""
        hemisphere = Hemisphere("matched", "image_right")
        half = hemisphere(slice_of_brain(), tumor())
        back = hemisphere.inverse(half.clone())
        torch.testing.assert_close(back.as_tensor(), half.as_tensor(), rtol=0, atol=0)
        torch.testing.assert_close(back.affine, AFFINE, rtol=0, atol=0)

    def test_after_a_resize(self):
        cut = Compose([Hemisphere("midline", "image_right"), Resize((30, 36), mode="nearest")])
        half = cut(slice_of_brain())
        ones = MetaTensor(torch.ones(1, 30, 36), meta=half.meta, applied_operations=list(half.applied_operations))
        ones.affine = half.affine
        back = cut.inverse(ones)
        self.assertEqual(tuple(back.shape), (1, *SIZE))
        start, stop = hemisphere_windows("midline", slice_of_brain())[1]
        expected = torch.zeros(1, *SIZE)
        expected[..., start:stop] = 1
        torch.testing.assert_close(back.as_tensor(), expected, rtol=0, atol=0)
        torch.testing.assert_close(back.affine, AFFINE, rtol=0, atol=1e-9)  # rounding of two matrix products

    def test_plain_tensors_and_arrays(self):
        expected = Hemisphere("boundary")(slice_of_brain(), tumor()).as_tensor()
        for image, mask in (
            (slice_of_brain().as_tensor(), tumor()),
            (slice_of_brain().numpy(), tumor()[0].numpy()),
        ):
            hemisphere = Hemisphere("boundary")
            half = hemisphere(image, mask)
            torch.testing.assert_close(half.as_tensor(), expected, rtol=0, atol=0)
            torch.testing.assert_close(hemisphere.inverse(half).as_tensor(), expected, rtol=0, atol=0)
        set_track_meta(False)
        try:
            half = Hemisphere("boundary")(slice_of_brain().as_tensor(), tumor())
        finally:
            set_track_meta(True)
        self.assertIs(type(half), torch.Tensor)
        torch.testing.assert_close(half, expected, rtol=0, atol=0)

    def test_integers_stay_integers(self):
        self.assertEqual(Hemisphere()(torch.ones(1, 4, 6, dtype=torch.uint8), window=(0, 2)).dtype, torch.uint8)

    def test_input_is_left_alone(self):
        image = slice_of_brain()
        before = image.clone()
        Hemisphere()(image)
        self.assertTrue((image == before).all())
        self.assertEqual(image.applied_operations, [])

    @parameterized.expand([("mode", {"mode": "half"}), ("side", {"side": "left"})])
    def test_refuses_arguments_at_construction(self, name, arguments):
        with self.assertRaisesRegex(ValueError, f"^{name}: expected one of"):
            Hemisphere(**arguments)

    @parameterized.expand(
        [
            ("flat", torch.ones(4, 6), {}, r"^img: expected the shape \(C, H, W\), got \(4, 6\)"),
            ("side", torch.ones(1, 4, 6), {"side": "left"}, "^side: expected one of"),
            ("empty", torch.ones(1, 4, 6), {"window": (3, 3)}, r"^window: .* <= 6 columns, got \(3, 3\)"),
            ("beyond", torch.ones(1, 4, 6), {"window": (3, 7)}, r"got \(3, 7\)"),
            ("negative", torch.ones(1, 4, 6), {"window": (-1, 3)}, r"got \(-1, 3\)"),
        ]
    )
    def test_refuses(self, _, image, arguments, message):
        with self.assertRaisesRegex(ValueError, message) as caught:
            Hemisphere()(image, **arguments)
        self.assertNotIn("\n", str(caught.exception))

    def test_refuses_a_map_of_another_size(self):
        hemisphere = Hemisphere()
        half = hemisphere(slice_of_brain())
        small = MetaTensor(torch.ones(1, 5, 12), applied_operations=list(half.applied_operations))
        with self.assertRaisesRegex(ValueError, r"^map: expected the size \(10, 24\) .* got \(5, 12\)"):
            hemisphere.inverse(small)


if __name__ == "__main__":
    unittest.main()
