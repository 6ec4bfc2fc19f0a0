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
"""Tests of the gradient of a class's logit as a map."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from captum.attr import Saliency as CaptumSaliency
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.visualize import VanillaGrad
from parameterized import parameterized
from torch import nn

from monai_dd.explain import Saliency, saliency_map
from tests.explain.settled import settled
from tests.networks.nets.patches import build as build_patches


def _image(*size, batch=3, channels=1):
    return torch.randn(batch, channels, *size, generator=torch.Generator().manual_seed(1))


class _Linear(nn.Module):
    """Logits that are linear in the image: the gradient is the weights."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)  # (K, C, *S)

    def forward(self, x):
        return x.flatten(1) @ self.weight.flatten(1).T


def _loop(gradient, deviations):
    """One image in numpy, pixel by pixel."""
    mean, sd = gradient.mean(), gradient.std()
    values = np.zeros(gradient.shape[1:])
    for at in np.ndindex(*values.shape):
        column = gradient[(slice(None), *at)]
        values[at] = max(abs(min(max(g, mean - deviations * sd), mean + deviations * sd)) for g in column)
    return values / values.max()


class TestValues(unittest.TestCase):
    @given(st.integers(0, 999), st.sampled_from([0.5, 1.0, 3.0]), st.sampled_from([(5, 4), (3, 4, 2)]))
    @settings(max_examples=20, deadline=None)
    def test_equals_a_loop_over_the_pixels(self, seed, deviations, size):
        gradient = np.random.default_rng(seed).standard_t(2, size=(3, 2, *size))  # heavy tails: some are clipped
        maps = saliency_map(torch.from_numpy(gradient), deviations)
        for row, g in zip(maps, gradient, strict=True):
            np.testing.assert_allclose(row[0].numpy(), _loop(g, deviations), rtol=1e-12)
        torch.testing.assert_close(maps.flatten(1).amax(1), torch.ones(3, dtype=torch.float64))

    def test_by_hand(self):
        """99 pixels of 0 and one of 100: mean 1, standard deviation sqrt(100 - 1) = 9.95; 1 + 3 * 9.95 = 30.85."""
        gradient = torch.zeros(1, 1, 10, 10, dtype=torch.float64)
        gradient[0, 0, 4, 4] = 100
        gradient[0, 0, 0, 0] = -20  # below the lower end, 0.8 - 3 * 10.18
        sd = (10400 / 100 - 0.8**2) ** 0.5
        maps = saliency_map(gradient)
        self.assertAlmostEqual(float(maps[0, 0, 0, 0]), 20 / (0.8 + 3 * sd), places=12)
        self.assertEqual(float(maps[0, 0, 4, 4]), 1)
        self.assertEqual(int((maps == 0).sum()), 98)

    @parameterized.expand([(0.0,), (-2.5,)])
    def test_equal_gradients(self, value):
        """No deviation at all: all pixels matter as much, or none does."""
        maps = saliency_map(torch.full((2, 1, 4, 4), value))
        self.assertEqual(maps.unique().tolist(), [float(value != 0)])

    @parameterized.expand([(2,), (3,)])
    def test_gradient_of_a_linearsettled(self, spatial_dims):
        weight = _image(*[4] * spatial_dims, channels=2)
        classes = torch.tensor([2, 0])
        maps = Saliency(_Linear(weight), None)(_image(*[4] * spatial_dims, batch=2, channels=2), classes)
        torch.testing.assert_close(maps, weight[classes].abs().amax(1, keepdim=True))

    @parameterized.expand([(name, dims) for name in ("baseline", "exact") for dims in (2, 3)])
    def test_gradient_of_monai_and_captum(self, name, spatial_dims):
        network, image = settled(name, spatial_dims, 16), _image(*[16] * spatial_dims)
        for class_idx in (0, 2):
            captum = CaptumSaliency(network).attribute(image.clone().requires_grad_(), target=class_idx)
            monai = torch.cat([VanillaGrad(network)(x.clone(), class_idx) for x in image.split(1)]).abs()
            maps = Saliency(network, None)(image, class_idx)
            torch.testing.assert_close(maps, captum)
            torch.testing.assert_close(maps, monai)

    @parameterized.expand([(1,), (2,), (7,)])
    def test_batches_classes_and_forms(self, batch_size):
        network, image = settled("exact", size=16), _image(16, 16)
        explainer = Saliency(network, batch_size=batch_size)
        expected = Saliency(network)(image)
        torch.testing.assert_close(explainer(image), expected)
        torch.testing.assert_close(explainer(image, network(image).argmax(1)), expected)
        torch.testing.assert_close(Saliency(network.with_attention())(image), expected)
        torch.testing.assert_close(explainer(image[1:2], 2), explainer(image, torch.tensor([0, 2, 1]))[1:2])

    def test_a_network_of_another_kind(self):
        maps = Saliency(build_patches("capsule_dynamic_routing"))(_image(13, 13, channels=2))
        self.assertEqual(maps.shape, (3, 1, 13, 13))
        self.assertEqual((float(maps.min()) >= 0, float(maps.max())), (True, 1.0))


class TestManners(unittest.TestCase):
    @parameterized.expand([(False,), (True,)])
    def test_leaves_nothing_behind(self, frozen):
        network, image = settled("exact", size=16), _image(16, 16)
        expected = Saliency(network)(image, 1)
        network.train()
        network.encoder.stages[0].eval()
        network(image).sum().backward()
        network.requires_grad_(not frozen)
        modes = [m.training for m in network.modules()]
        before = [p.grad.clone() for p in network.parameters() if p.grad is not None]
        network.load_state_dict(settled("exact", size=16).state_dict())  # the step has moved running statistics
        with torch.inference_mode():
            torch.testing.assert_close(Saliency(network)(image.clone(), 1), expected)
        self.assertFalse(image.requires_grad)
        self.assertEqual([m.training for m in network.modules()], modes)
        after = [p.grad for p in network.parameters() if p.grad is not None]
        torch.testing.assert_close(after, before, rtol=0, atol=0)

    def test_refusals(self):
        network = settled(size=16)
        for options, line in (
            ({"deviations": 0.0}, "deviations: expected a positive number or None, got 0.0"),
            ({"batch_size": 0}, "batch_size: expected 1 or more, got 0"),
        ):
            with self.assertRaisesRegex(ValueError, f"^{line}$"):
                Saliency(network, **options)
        with self.assertRaisesRegex(ValueError, "^class_idx: expected a whole number or 3 of them, got "):
            Saliency(network)(_image(16, 16), torch.tensor([0, 1, 2, 0]))

        class Constant(nn.Module):
            def forward(self, x):
                return torch.zeros(len(x), 2)

        line = "network: expected logits that depend on the image, those of Constant do not"
        with self.assertRaisesRegex(ValueError, f"^{line}$"):
            Saliency(Constant())(_image(16, 16))


if __name__ == "__main__":
    unittest.main()
