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
"""Tests of the two capsule layers."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.blocks import PatchCapsules, PrimaryCapsules, capsule_lengths
from tests.networks.blocks.reference_patches import lengths_above

GRIDS = [(2, (3, 4)), (3, (2, 3, 2))]


class TestCapsuleLengths(unittest.TestCase):
    @parameterized.expand([(grid,) for _, grid in GRIDS])
    def test_equals_loops(self, grid):
        torch.manual_seed(0)
        h = torch.randn(2, 3, 4, *grid, dtype=torch.float64, requires_grad=True)
        b = torch.tensor([0.0, 1.8, -0.5], dtype=torch.float64, requires_grad=True)
        fast, slow = capsule_lengths(h, b), lengths_above(h, b)
        torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-13)
        self.assertTrue(0 < int((slow[:, 1] == 0).sum()) < slow[:, 1].numel(), "the threshold removes some")
        upstream = torch.randn_like(slow)
        grads = [torch.autograd.grad((y * upstream).sum(), (h, b)) for y in (fast, slow)]
        for got, expected in zip(*grads, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)

    def test_zero_capsules_have_finite_gradients(self):
        h = torch.zeros(1, 2, 3, 4, 4, requires_grad=True)
        capsule_lengths(h, torch.zeros(2)).sum().backward()
        self.assertTrue(torch.equal(h.grad, torch.zeros_like(h)))

    def test_half_precision_is_computed_in_float32(self):
        h = torch.full((1, 1, 16, 2, 2), 3e4, dtype=torch.float16)  # its square overflows float16
        torch.testing.assert_close(capsule_lengths(h, torch.zeros(1)), 4 * h[:, :, 0].float())


class TestLayers(unittest.TestCase):
    @parameterized.expand([(dims, normalize) for dims in (2, 3) for normalize in (False, True)])
    def test_primary_capsules_are_convolutions(self, dims, normalize):
        """A capsule's entries are consecutive channels of one convolution."""
        layer = PrimaryCapsules(dims, 2, channels=3, dim=4, kernel_size=5, stride=2, normalize=normalize)
        x = torch.randn(2, 2, *[9] * dims)
        conv = layer.conv.conv
        functional = torch.nn.functional.conv2d if dims == 2 else torch.nn.functional.conv3d
        plain = functional(x, conv.weight, conv.bias, stride=2)
        if normalize:
            plain = plain - plain.transpose(0, 1).flatten(1).mean(1).reshape(1, -1, *[1] * dims)
            spread = plain.transpose(0, 1).flatten(1).var(1, correction=0).reshape(1, -1, *[1] * dims)
            plain = torch.relu(plain / (spread + 1e-5).sqrt())
        got = layer(x)
        self.assertEqual(got.shape, (2, 3, 4, *[3] * dims))
        torch.testing.assert_close(got.flatten(1, 2), plain, rtol=1e-4, atol=1e-5)  # float32 convolutions

    @parameterized.expand([(2,), (3,)])
    def test_patch_capsules(self, dims):
        layer = PatchCapsules(dims, in_channels=3, channels=2, dim=5).eval()
        h = torch.randn(2, 3, 4, *[3] * dims)
        got = layer(h)
        self.assertEqual(got.shape, (2, 2, 5, *[3] * dims))
        weight, bias = layer.conv.conv.weight.flatten(1), layer.conv.conv.bias
        lengths = h.square().sum(2).sqrt()
        expected = torch.einsum("oc,bc...->bo...", weight, lengths) + bias.reshape(1, -1, *[1] * dims)
        # batch normalization in evaluation, at its start
        torch.testing.assert_close(got.flatten(1, 2), torch.relu(expected / (1 + 1e-5) ** 0.5), rtol=1e-4, atol=1e-5)
        # lengths, so the direction of a capsule does not matter
        torch.testing.assert_close(layer(-h), got)
        torch.nn.init.constant_(layer.threshold, 100.0)
        torch.testing.assert_close(layer(h), layer(torch.zeros_like(h)))

    @parameterized.expand([(2,), (3,)])
    def test_scripts(self, dims):
        primary, second = PrimaryCapsules(dims, 2, 3, 4, 3, 2).eval(), PatchCapsules(dims, 3, 2, 5).eval()
        x = torch.randn(2, 2, *[7] * dims)
        capsules = torch.jit.script(primary)(x)
        torch.testing.assert_close(capsules, primary(x))
        torch.testing.assert_close(torch.jit.script(second)(capsules), second(capsules))

    @parameterized.expand(
        [(PrimaryCapsules, (2, 0, 3, 4)), (PatchCapsules, (2, 3, 0, 4)), (PatchCapsules, (2, 3, 2, 0))]
    )
    def test_bad_argument(self, kind, arguments):
        with self.assertRaisesRegex(ValueError, "^in_channels, channels, dim: expected positive numbers, got "):
            kind(*arguments)


if __name__ == "__main__":
    unittest.main()
