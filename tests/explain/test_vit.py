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
"""Tests of the transformer's attention, against full matrices from every layer, multiplied one by one."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.explain import ViTAttention
from tests.networks.nets.test_vit_classifier import SMALL, build, image
from tests.networks.nets.variants import build as build_attention_classifier


def _matrices(network, x):
    """Mean of the heads of every layer by the textbook, ``(1 + N, 1 + N)`` of one image."""
    encoder = network.encoder
    tokens = torch.cat([encoder.cls_token, encoder.patch_embedding(x)], dim=1)
    matrices, heads = [], SMALL["num_heads"]
    for block in encoder.blocks:
        query, key, _ = block.attn.qkv(block.norm1(tokens))[0].split(SMALL["hidden_size"], dim=1)
        pairs = zip(query.chunk(heads, dim=1), key.chunk(heads, dim=1), strict=True)
        matrices.append(sum((q @ k.T / q.shape[1] ** 0.5).softmax(1) for q, k in pairs) / heads)
        tokens = block(tokens)
    return matrices


class TestViTAttention(unittest.TestCase):
    @parameterized.expand([(dims, form) for dims in (2, 3) for form in (False, True)])
    def test_last_layer(self, dims, return_attention):
        network = build(dims, return_attention=return_attention).double()
        x = image(dims, dtype=torch.float64)
        maps = ViTAttention(network)(x)
        self.assertEqual(maps.shape, (2, 1, *[4] * dims))
        with torch.no_grad():
            for row in range(2):
                expected = _matrices(network, x[row : row + 1])[-1][0, 1:]
                torch.testing.assert_close(maps[row].flatten(), expected)

    @parameterized.expand([(dims, form) for dims in (2, 3) for form in (False, True)])
    def test_rollout(self, dims, return_attention):
        network = build(dims, return_attention=return_attention).double()
        x = image(dims, dtype=torch.float64)
        maps = ViTAttention(network, rollout=True)(x)
        with torch.no_grad():
            for row in range(2):
                product = eye = torch.eye(4**dims + 1, dtype=torch.float64)
                for attention in _matrices(network, x[row : row + 1]):
                    product = (0.5 * attention + 0.5 * eye) @ product
                torch.testing.assert_close(maps[row].flatten(), product[0, 1:])
                torch.testing.assert_close(maps[row].sum() + product[0, 0], torch.ones((), dtype=torch.float64))
        self.assertGreater(
            (maps - ViTAttention(network)(x)).abs().max().item(), 1e-3, "another map than the last layer"
        )

    @parameterized.expand([(False,), (True,)])
    def test_leaves_the_network_as_it_was(self, rollout):
        network = build().train()
        kept = torch.ones(3)
        network.encoder.blocks[1].attn.save_attn, network.encoder.blocks[1].attn.att_mat = True, kept
        state = {key: w.clone() for key, w in network.state_dict().items()}
        first = ViTAttention(network, rollout)(image())
        units = [block.attn for block in network.encoder.blocks]
        self.assertEqual([unit.save_attn for unit in units], [False, True, False])
        self.assertEqual([unit.att_mat.numel() for unit in units], [0, 3, 0] if rollout else [0, 2 * 4 * 17 * 17, 0])
        self.assertFalse(any(unit._forward_hooks for unit in units))
        self.assertTrue(all(module.training for module in network.modules()))
        self.assertTrue(all(p.grad is None for p in network.parameters()))
        self.assertFalse(network.return_attention)
        self.assertFalse(first.requires_grad)
        for key, w in network.state_dict().items():
            self.assertTrue(torch.equal(w, state[key]))
        self.assertTrue(torch.equal(ViTAttention(network, rollout)(image()), first))

    def test_nothing_stays_after_an_error(self):
        network = build()
        with self.assertRaisesRegex(ValueError, "^expected an image of"):
            ViTAttention(network, rollout=True)(torch.zeros(1, 2, 16, 16))
        self.assertFalse(any(block.attn.save_attn or block.attn._forward_hooks for block in network.encoder.blocks))

    @parameterized.expand([(False,), (True,)])
    def test_each_image_by_itself(self, rollout):
        explainer, x = ViTAttention(build(), rollout), image(batch=4)
        # matrix products may sum in another order for another batch size
        torch.testing.assert_close(explainer(x[2:3])[0], explainer(x)[2], rtol=1e-4, atol=1e-6)

    @parameterized.expand([(False,), (True,)])
    def test_same_for_every_class(self, rollout):
        explainer = ViTAttention(build(), rollout)
        self.assertTrue(torch.equal(explainer(image(), 0), explainer(image(), torch.tensor([1, 2]))))
        with self.assertRaisesRegex(ValueError, "^class_idx: expected classes 0 to 2, got 3 to 3$"):
            explainer(image(), 3)

    @parameterized.expand([("gates", build_attention_classifier("exact")[0]), ("another", torch.nn.Identity())])
    def test_refuses_any_other_network(self, _name, network):
        with self.assertRaisesRegex(ValueError, r"^network: expected a ViTClassifier, got [A-Z]\w+$"):
            ViTAttention(network)


if __name__ == "__main__":
    unittest.main()
