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
"""Patches that are classified one by one."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.encoders import UNetEncoder
from monai_dd.networks.nets import IndependentPatchClassifier


def _build(dims=2, patch_size=16, **options):
    torch.manual_seed(0)
    network = IndependentPatchClassifier(UNetEncoder(dims, 1, features=2), 3, patch_size, **options)
    torch.nn.init.normal_(network.head.bias)
    return network.double().eval()


class TestIndependentPatchClassifier(unittest.TestCase):
    @parameterized.expand([(2, [16, 32], (32, 64)), (3, [16, 16, 32], (32, 16, 64))])
    def test_equals_a_loop_over_the_patches(self, dims, patch, size):
        network = _build(dims, patch, dropout=0.5)
        image = torch.rand(2, 1, *size, dtype=torch.float64)
        grid = [n // p for n, p in zip(size, patch)]
        expected = torch.zeros(2, 3, *grid, dtype=torch.float64)
        for cell in torch.cartesian_prod(*[torch.arange(n) for n in grid]).tolist():
            window = tuple(slice(c * p, (c + 1) * p) for c, p in zip(cell, patch))
            features = network.encoder(image[(slice(None), slice(None), *window)])[-1]
            expected[(slice(None), slice(None), *cell)] = network.head(features.flatten(2).mean(2))
        count = expected[0, 0].numel()
        torch.testing.assert_close(network(image), expected.flatten(2).mean(2), rtol=0, atol=1e-12)
        described = network.with_attention(contribution=True)
        output = described(image)
        torch.testing.assert_close(output["contribution_fine"], expected / count, rtol=0, atol=1e-12)
        torch.testing.assert_close(
            output["log_mu_fine"].exp(), torch.full((2, 1, *grid), 1 / count, dtype=torch.float64)
        )
        for key, value in torch.jit.script(described)(image).items():
            torch.testing.assert_close(value, output[key], rtol=0, atol=1e-12)
        self.assertNotIn("contribution_fine", network.with_attention()(image))

    def test_a_patch_knows_nothing_of_the_others(self):
        network = _build().with_attention(contribution=True)
        image = torch.rand(1, 1, 32, 32, dtype=torch.float64)
        changed = image.clone()
        changed[..., 16:, :] = 0
        before, after = (network(x)["contribution_fine"] for x in (image, changed))
        torch.testing.assert_close(before[:, :, 0], after[:, :, 0], rtol=0, atol=1e-12)
        self.assertFalse(torch.allclose(before[:, :, 1], after[:, :, 1]))

    def test_refused(self):
        for patch in (24, 0, 8):
            with self.assertRaisesRegex(ValueError, "^patch_size: expected multiples of the stride 16, got "):
                _build(patch_size=patch)
        with self.assertRaisesRegex(
            ValueError, r"^patch_size: expected a divisor of the image size \[32, 40\], got 16$"
        ):
            _build()(torch.zeros(1, 1, 32, 40, dtype=torch.float64))


if __name__ == "__main__":
    unittest.main()
