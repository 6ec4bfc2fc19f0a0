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
"""Tests of what all explainers share: every one keeps the contract."""

from __future__ import annotations

import unittest

import torch
from monai.data import MetaTensor
from parameterized import parameterized

from monai_dd.explain import (
    AttentionExplainer,
    CenteredGaussian,
    GradCAM,
    HiResCAM,
    RandomControl,
    SmoothedIntensity,
)
from monai_dd.explain.base import choose_class
from tests.networks.nets.variants import build

CONTROLS = [(RandomControl, {}), (CenteredGaussian, {}), (SmoothedIntensity, {})]
OF_NETWORKS = [(AttentionExplainer, {}), (GradCAM, {"layer": "block3"}), (HiResCAM, {"layer": "block3"})]


def _explainer(kind, options, spatial_dims=2):
    if (kind, options) in CONTROLS:
        return kind(**options)
    torch.manual_seed(0)
    return kind(build("exact", spatial_dims, "unet", img_size=16)[0], **options)


def _image(spatial_dims, batch=3):
    return torch.randn(batch, 1, *[16] * spatial_dims, generator=torch.Generator().manual_seed(1))


class TestContract(unittest.TestCase):
    @parameterized.expand([(*case, dims) for case in CONTROLS + OF_NETWORKS for dims in (2, 3)])
    def test_every_image_is_explained_by_itself(self, kind, options, spatial_dims):
        explainer, image = _explainer(kind, options, spatial_dims), _image(spatial_dims)
        maps = explainer(image, 1)
        self.assertEqual(maps.shape[:2], (3, 1))
        self.assertEqual(maps.dim(), image.dim())
        self.assertTrue(bool((maps >= 0).all()) and bool(maps.isfinite().all()))
        self.assertGreater(maps.std(), 0)
        self.assertFalse(maps.requires_grad)
        alone = torch.cat([explainer(image[i, None], 1) for i in (2, 0, 1)])[[1, 2, 0]]
        torch.testing.assert_close(maps, alone)
        torch.testing.assert_close(explainer(image, 1), maps, rtol=0, atol=0)

    @parameterized.expand(CONTROLS + OF_NETWORKS)
    def test_gradients_and_metadata_of_the_image_are_left_alone(self, kind, options):
        explainer, image = _explainer(kind, options), _image(2)
        expected = explainer(image, 1)
        for form in (MetaTensor(image), image.clone().requires_grad_()):
            maps = explainer(form, 1)
            self.assertIs(type(maps), torch.Tensor)
            torch.testing.assert_close(maps, expected)
        with torch.inference_mode():
            torch.testing.assert_close(explainer(image.clone(), 1), expected)

    @parameterized.expand([(*case, shape) for case in CONTROLS + OF_NETWORKS for shape in ((1, 16, 16), (16,))])
    def test_images_without_a_batch(self, kind, options, shape):
        with self.assertRaisesRegex(ValueError, "^image: expected [^\n]*, got [^\n]*$"):
            _explainer(kind, options)(torch.zeros(shape))

    @parameterized.expand(CONTROLS + OF_NETWORKS)
    def test_no_image(self, kind, options):
        with self.assertRaisesRegex(ValueError, "^image: expected one image or more, got an empty batch$"):
            _explainer(kind, options)(torch.zeros(0, 1, 16, 16))

    @parameterized.expand(OF_NETWORKS)
    def test_classes(self, kind, options):
        explainer, image = _explainer(kind, options), _image(2)
        predicted = explainer.network.eval()(image)
        predicted = (predicted["logits"] if isinstance(predicted, dict) else predicted).argmax(1)
        each = torch.cat([explainer(image[i, None], int(k)) for i, k in enumerate(predicted)])
        torch.testing.assert_close(explainer(image), each)
        torch.testing.assert_close(explainer(image, predicted), each)
        with self.assertRaisesRegex(ValueError, "^class_idx: expected classes 0 to 2, got 3 to 3$"):
            explainer(image, 3)


class TestChooseClass(unittest.TestCase):
    @parameterized.expand(
        [
            ("predicted", None, [1, 0]),
            ("one for all", 2, [2, 2]),
            ("tensor for all", torch.tensor(2), [2, 2]),
            ("each its own", torch.tensor([0, 2]), [0, 2]),
            ("small type", torch.tensor([0, 2], dtype=torch.uint8), [0, 2]),
        ]
    )
    def test_values(self, _name, class_idx, expected):
        chosen = choose_class(torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), class_idx)
        self.assertEqual(chosen.tolist(), expected)
        self.assertEqual(chosen.dtype, torch.int64)

    @parameterized.expand(
        [
            ("too high", 3, "expected classes 0 to 2, got 3 to 3"),
            ("negative", -1, "expected classes 0 to 2, got -1 to -1"),
            ("one of them", torch.tensor([0, 5]), "expected classes 0 to 2, got 0 to 5"),
            ("number", torch.tensor([0, 1, 2]), r"expected a whole number or 2 of them, got \(3,\) of torch.int64"),
            ("axes", torch.tensor([[0], [1]]), r"expected a whole number or 2 of them, got \(2, 1\) of torch.int64"),
            ("fraction", 0.5, r"expected a whole number or 2 of them, got \(\) of torch.float32"),
        ]
    )
    def test_refused(self, _name, class_idx, line):
        with self.assertRaisesRegex(ValueError, f"^class_idx: {line}$"):
            choose_class(torch.zeros(2, 3), class_idx)


if __name__ == "__main__":
    unittest.main()
