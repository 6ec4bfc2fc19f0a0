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
"""Contributions of a network's cells: with the biases they are the logits."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.encoders import VGGEncoder
from monai_dd.networks.nets import PatchClassifier, ViTClassifier
from monai_dd.utils.outputs import read_levels
from tests.networks.nets.variants import VARIANTS, build

SUMMING = ("mean", "attention", "gated_attention", "loss_attention", "capsule_loss_attention")


def _vit():
    return ViTClassifier(1, 32, 2, hidden_size=24, mlp_dim=48, num_layers=2, num_heads=2)


def _patches(pooling, **options):
    return PatchClassifier(VGGEncoder(2, 1, features=2, strides=1), pooling, 3, channels=8, img_size=32, **options)


class TestContributions(unittest.TestCase):
    @parameterized.expand([(name, dims) for name in VARIANTS for dims in (2, 3)])
    def test_with_the_biases_they_are_the_logits(self, name, dims):
        torch.manual_seed(0)
        plain = build(name, dims, "unet", 32, dropout=0.5)[0].double().eval()
        for head in plain.heads.values():
            torch.nn.init.normal_(head.bias)
        x = torch.randn(2, 1, *[32] * dims, dtype=torch.float64)
        network = plain.with_attention(contribution=True)
        output = network(x)
        maps = read_levels(output, "contribution")
        maps = maps if len(plain.heads) > 1 else maps[:1]
        total = sum(c.flatten(2).sum(2) for c in maps) + sum(head.bias for head in plain.heads.values())
        torch.testing.assert_close(total, plain(x), rtol=0, atol=1e-12)
        scripted = torch.jit.script(network)(x)
        for key, value in output.items():
            torch.testing.assert_close(scripted[key], value, rtol=0, atol=1e-12)
        # everything else is as without them
        without = plain.with_attention()(x)
        self.assertEqual(set(output) - set(without), {"contribution_fine", "contribution_coarse"})
        for key, value in without.items():
            self.assertTrue(torch.equal(output[key], value), key)

    @parameterized.expand(SUMMING)
    def test_patches(self, pooling):
        network = _patches(pooling).double().eval()
        x = torch.randn(2, 1, 32, 32, dtype=torch.float64)
        output = network.with_attention(contribution=True)(x)
        torch.testing.assert_close(output["contribution_fine"].flatten(2).sum(2), network(x), rtol=0, atol=1e-12)
        self.assertNotIn("contribution_fine", network.with_attention()(x))

    @parameterized.expand([("routing",), ("vit",)])
    def test_no_sum_over_cells(self, name):
        network = _vit() if name == "vit" else _patches("capsule_dynamic_routing")
        kind = type(network).__name__
        with self.assertRaisesRegex(ValueError, f"^contribution: expected .* sum over cells, got a {kind}$"):
            network.with_attention(contribution=True)
        self.assertIn("log_mu_fine", network.with_attention()(torch.zeros(1, 1, 32, 32)))

    def test_constructed_with_them(self):
        output = build("exact", 2, "unet", 32, return_attention=True, return_contribution=True)[0](
            torch.zeros(1, 1, 32, 32)
        )
        self.assertEqual(output["contribution_fine"].shape, (1, 3, 8, 8))
        with self.assertRaisesRegex(ValueError, "^return_contribution: expected return_attention=True with it, got"):
            build("exact", return_contribution=True)
        with self.assertRaisesRegex(ValueError, "^return_contribution: expected a pooling whose logits are a sum"):
            _patches("capsule_dynamic_routing", return_attention=True, return_contribution=True)


if __name__ == "__main__":
    unittest.main()
