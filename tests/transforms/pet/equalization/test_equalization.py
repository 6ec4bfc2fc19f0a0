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
from monai.data import MetaTensor
from monai.transforms import HistogramNormalize
from monai.transforms import utils as monai_utils
from parameterized import parameterized

from monai_dd.transforms.pet.equalization import (
    HistogramEqualization,
    HistogramEqualizationD,
    HistogramEqualizationd,
    HistogramEqualizationDict,
    equalize_histogram,
)


def reference(values, num_bins):
    """Slow and obvious: count, cumulate, interpolate between the centers of the bins."""
    values = np.asarray(values, dtype=np.float64)
    low, high = values.min(), values.max()
    width = (high - low) / num_bins
    counts = [0] * num_bins
    for value in values.ravel():
        counts[min(int((value - low) / (high - low) * num_bins), num_bins - 1)] += 1
    cumulated = [sum(counts[: b + 1]) for b in range(num_bins)]
    share = [(c - cumulated[0]) / (cumulated[-1] - cumulated[0]) for c in cumulated]
    return np.interp(values, [low + (b + 0.5) * width for b in range(num_bins)], share)


def pet_like(seed, shape=(1, 40, 30)):
    return np.random.default_rng(seed).gamma(0.3, 2.0, shape)


class TestHistogramEqualization(unittest.TestCase):
    @given(st.integers(0, 10**6), st.integers(2, 300), st.integers(2, 200))
    @settings(max_examples=60, deadline=None)
    def test_equals_reference(self, seed, num_bins, size):
        values = pet_like(seed, (1, size))
        equalized = HistogramEqualization(num_bins)(values)
        np.testing.assert_allclose(equalized[0], reference(values[0], num_bins), atol=1e-6)  # float32 output

    @parameterized.expand([(2,), (16,), (256,)])
    def test_equals_monai_with_numpy(self, num_bins):
        image = pet_like(1)
        with mock.patch.object(monai_utils, "has_skimage", False):
            expected = HistogramNormalize(num_bins=num_bins, min=0, max=1)(image)
        np.testing.assert_allclose(HistogramEqualization(num_bins)(image), expected, atol=1e-6)  # float32 output

    @given(st.integers(0, 10**6))
    @settings(max_examples=30, deadline=None)
    def test_keeps_the_order_and_fills_the_range(self, seed):
        image = torch.from_numpy(pet_like(seed))
        equalized = HistogramEqualization()(image)
        order = image.flatten().argsort()
        self.assertTrue((equalized.flatten()[order].diff() >= -1e-7).all())  # half a unit in the last place of float32
        self.assertEqual((equalized.min(), equalized.max()), (0, 1))

    def test_amount_of_background_has_no_effect(self):
        image = torch.from_numpy(pet_like(0))
        image[0, 0, 0] = 0
        padded = torch.nn.functional.pad(image, (7, 9, 3, 2))
        equalized = HistogramEqualization()(padded)[:, 3:-2, 7:-9]
        torch.testing.assert_close(equalized, HistogramEqualization()(image), rtol=0, atol=0)

    def test_scale_has_no_effect(self):
        """Bq/ml or SUV: the same picture; a power of two is exact in floating point."""
        image = torch.from_numpy(pet_like(0))
        torch.testing.assert_close(
            HistogramEqualization()(image * 4096), HistogramEqualization()(image), rtol=0, atol=0
        )

    def test_integers_as_floats(self):
        image = torch.from_numpy(np.random.default_rng(0).integers(0, 20000, (1, 30, 30)).astype(np.int16))
        torch.testing.assert_close(
            HistogramEqualization()(image), HistogramEqualization()(image.double()), rtol=0, atol=0
        )

    def test_channels_are_independent(self):
        image = torch.from_numpy(pet_like(0, (2, 20, 20)))
        image[1] *= 50
        for channel in range(2):
            alone = HistogramEqualization()(image[channel : channel + 1])
            torch.testing.assert_close(HistogramEqualization()(image)[channel], alone[0], rtol=0, atol=0)

    def test_constant_image_is_zero(self):
        equalized = HistogramEqualization()(torch.full((1, 4, 4), 3.0))
        self.assertEqual(equalized.dtype, torch.float32)
        self.assertTrue((equalized == 0).all())

    def test_two_values(self):
        self.assertEqual(equalize_histogram(torch.tensor([2.0, 5.0, 5.0])).tolist(), [0.0, 1.0, 1.0])

    def test_metadata_is_kept(self):
        affine = torch.diag(torch.tensor([2.0, 3.0, 4.0, 1.0], dtype=torch.float64))
        image = MetaTensor(pet_like(0), affine=affine, meta={"unit": "SUV"})
        equalized = HistogramEqualization()(image)
        self.assertIsInstance(equalized, MetaTensor)
        self.assertEqual(equalized.meta["unit"], "SUV")
        torch.testing.assert_close(equalized.affine, affine, rtol=0, atol=0)

    @parameterized.expand(
        [
            ("nan", torch.tensor([[0.0, torch.nan]]), "img: expected finite numbers"),
            ("infinite", torch.tensor([[0.0, torch.inf]]), "img: expected finite numbers"),
            ("empty", torch.zeros(1, 0, 4), r"not empty, got the shape \(1, 0, 4\)"),
            ("no_channel", torch.zeros(4), r"img: expected \(C, \*spatial\)"),
        ]
    )
    def test_refuses(self, _, image, message):
        with self.assertRaisesRegex(ValueError, message):
            HistogramEqualization()(image)

    def test_refuses_one_bin(self):
        with self.assertRaisesRegex(ValueError, "num_bins: expected 2 or more, got 1"):
            HistogramEqualization(1)


class TestHistogramEqualizationd(unittest.TestCase):
    def test_wraps_the_array_form(self):
        image = torch.from_numpy(pet_like(0))
        out = HistogramEqualizationd("image", num_bins=32)({"image": image, "label": 1})
        torch.testing.assert_close(out["image"], HistogramEqualization(32)(image), rtol=0, atol=0)
        self.assertEqual(out["label"], 1)
        self.assertEqual(HistogramEqualizationd("image", allow_missing_keys=True)({}), {})
        self.assertIs(HistogramEqualizationD, HistogramEqualizationd)
        self.assertIs(HistogramEqualizationDict, HistogramEqualizationd)
