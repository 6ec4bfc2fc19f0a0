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
"""Tests of the vision transformer, against MONAI's own forward pass and a slow attention."""

from __future__ import annotations

import copy
import io
import math
import pickle
import unittest

import torch
from monai.networks.nets import ViT
from parameterized import parameterized

from monai_dd.losses import DualDecompositionLoss
from monai_dd.networks.nets import ViTClassifier
from monai_dd.utils.outputs import AttentionKeys

SMALL = {"img_size": 32, "patch_size": 8, "hidden_size": 24, "mlp_dim": 48, "num_layers": 3, "num_heads": 4}
KEYS = {str(key) for key in AttentionKeys}
LAYERS = {"in_channels": 1, "num_classes": 3, "img_size": 32, "patch_size": 16, "num_layers": 2}


def build(spatial_dims: int = 2, **changes) -> ViTClassifier:
    torch.manual_seed(0)
    network = ViTClassifier(2, num_classes=3, spatial_dims=spatial_dims, **{**SMALL, **changes})
    with torch.no_grad():  # tokens that differ, so that attention does
        network.encoder.cls_token.normal_()
        network.encoder.patch_embedding.position_embeddings.normal_()
    return network.eval()


def image(spatial_dims: int = 2, batch: int = 2, **options) -> torch.Tensor:
    return torch.randn(batch, 2, *[32] * spatial_dims, generator=torch.Generator().manual_seed(1), **options)


def _count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


class TestSize(unittest.TestCase):
    def test_vit_b16(self):
        """By hand, and the 85.4M of Ron et al. (2022), Table 3, which is one channel of 224x224 and three classes."""
        patches, token = 14 * 14, 768
        embedding = 16 * 16 * token + token + patches * token + token
        attention = token * 3 * token + 3 * token + token * token + token
        mlp = 2 * token * 3072 + 3072 + token
        layer = attention + mlp + 2 * 2 * token
        expected = embedding + 12 * layer + 2 * token + token * 3 + 3
        count = _count(ViTClassifier(1, 224, 3))
        self.assertEqual(count, expected)
        self.assertEqual(round(count / 1e6, 1), 85.4)


class TestOutput(unittest.TestCase):
    @parameterized.expand([(2,), (3,)])
    def test_shapes_and_keys(self, dims):
        output = build(dims, return_attention=True)(image(dims))
        self.assertEqual(set(output), KEYS)
        self.assertEqual(output["logits"].shape, (2, 3))
        for key in KEYS - {"logits"}:
            self.assertEqual((tuple(output[key].shape), output[key].dtype), ((2, 1, *[4] * dims), torch.float32))
        self.assertEqual(build(dims)(image(dims)).shape, (2, 3))

    @parameterized.expand([(2,), (3,)])
    def test_logits_equal_those_of_monai(self, dims):
        """The same weights in MONAI's own classifier, before its hyperbolic tangent."""
        network = build(dims)
        options = {"classification": True, "num_classes": 3, "spatial_dims": dims, "qkv_bias": True}
        peer = ViT(2, **SMALL, **options).eval()
        state = {**network.encoder.state_dict(), **{f"classification_head.0.{k}": w for k, w in _state(network.head)}}
        missing, unexpected = peer.load_state_dict(state, strict=False)
        self.assertEqual(unexpected, [])
        self.assertTrue(all("norm_cross_attn" in key for key in missing), missing)
        with torch.no_grad():
            logits = network(image(dims))
            self.assertGreater(logits.abs().max().item(), 0.1)
            torch.testing.assert_close(logits.tanh(), peer(image(dims))[0])

    @parameterized.expand([(2,), (3,)])
    def test_attention_equals_loops(self, dims):
        network = build(dims).double()
        x = image(dims, dtype=torch.float64)
        with torch.no_grad():
            output = network.with_attention()(x)
            states = network.encoder(x)[1]
            layer = network.encoder.blocks[-1]
            weight, bias = layer.attn.qkv.weight, layer.attn.qkv.bias
            tokens = layer.norm1(states[-2])
            width, cells = 24 // 4, 4**dims
            for sample in range(2):
                mean = torch.zeros(cells, dtype=torch.float64)
                for head in range(4):
                    rows = slice(head * width, (head + 1) * width)
                    query = (weight[:24] @ tokens[sample, 0] + bias[:24])[rows]
                    keys = [(weight[24:48] @ t + bias[24:48])[rows] for t in tokens[sample]]
                    scores = torch.stack([(query @ key / math.sqrt(width)).exp() for key in keys])
                    mean += (scores / scores.sum())[1:] / 4
                # float64: only the order of the sums differs
                torch.testing.assert_close(output["phi_fine"][sample].exp().flatten(), mean, rtol=1e-10, atol=0)
                mu = output["log_mu_fine"][sample].exp().flatten()
                torch.testing.assert_close(mu, mean / mean.sum(), rtol=1e-10, atol=0)
            self.assertGreater((mu.max() / mu.min()).item(), 1.2, "not a uniform map")

    def test_first_axis_of_the_image_is_the_first_of_the_map(self):
        """The only patch that differs from the others is the only cell that does."""
        network = build(return_attention=True)
        torch.nn.init.zeros_(network.encoder.patch_embedding.position_embeddings)
        x = torch.zeros(1, 2, 32, 32)
        x[..., 8:16, 24:32] = 1.0
        mu = network(x)["log_mu_fine"][0, 0]
        self.assertGreater((mu - mu.median()).abs()[1, 3].item(), 1e-3)
        others = torch.ones(4, 4, dtype=torch.bool)
        others[1, 3] = False
        torch.testing.assert_close(mu[others], mu.median().expand(15))

    def test_one_map_under_both_names(self):
        output = build(return_attention=True)(image())
        for prefix in ("phi", "log_tau", "log_mu"):
            self.assertTrue(torch.equal(output[f"{prefix}_fine"], output[f"{prefix}_coarse"]))
        self.assertTrue(torch.equal(output["log_tau_fine"], output["log_mu_fine"]))

    def test_batch_of_one_equals_row_of_four(self):
        network, x = build(return_attention=True), image(batch=4)
        batch = network(x)
        for row in range(4):
            for key, value in network(x[row : row + 1]).items():
                # matrix products may sum in another order for another batch size
                torch.testing.assert_close(value[0], batch[key][row], rtol=1e-4, atol=1e-5)


def _state(module: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    return list(module.state_dict().items())


class TestTravel(unittest.TestCase):
    @parameterized.expand([(attention, dims) for attention in (False, True) for dims in (2, 3)])
    def test_script(self, attention, dims):
        network = build(dims, return_attention=attention)
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.script(network), buffer)
        buffer.seek(0)
        with torch.no_grad():
            torch.testing.assert_close(torch.jit.load(buffer)(image(dims)), network(image(dims)))

    def test_with_attention_shares_everything_and_changes_nothing(self):
        network, x = build(), image()
        explained = network.with_attention()
        self.assertFalse(network.return_attention)
        self.assertIsInstance(network(x), torch.Tensor)
        for ours, theirs in zip(network.parameters(), explained.parameters(), strict=True):
            self.assertIs(ours, theirs)
        with torch.no_grad():
            network.head.bias.add_(1.0)
        self.assertTrue(torch.equal(explained(x)["logits"], network(x)))
        self.assertIsInstance(torch.jit.script(explained)(x), dict)

    def test_both_forms_load_the_same_checkpoint(self):
        logits, maps = build(), ViTClassifier(2, num_classes=3, return_attention=True, **SMALL).eval()
        maps.load_state_dict(logits.state_dict(), strict=True)
        self.assertTrue(torch.equal(maps(image())["logits"], logits(image())))

    def test_deepcopy_and_pickle(self):
        network = build()
        expected = network(image())
        for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            self.assertTrue(torch.equal(twin(image()), expected))
            torch.nn.init.zeros_(twin.head.weight)
        self.assertTrue(torch.equal(network(image()), expected))

    @parameterized.expand([(torch.bfloat16,), (torch.float16,)])
    def test_half_precision(self, dtype):
        network = build(return_attention=True)
        with torch.autocast("cpu", dtype=dtype), torch.no_grad():
            output = network(image())
        self.assertEqual({output[key].dtype for key in KEYS - {"logits"}}, {torch.float32})
        # softmax in float32 sums to one; in half precision 16 cells would not to 1e-5
        torch.testing.assert_close(output["log_mu_fine"].exp().sum((2, 3)), torch.ones(2, 1), rtol=0, atol=1e-5)
        with torch.no_grad():
            network = network.to(dtype)
            self.assertEqual(network(image(dtype=dtype))["log_mu_fine"].dtype, torch.float32)

    def test_channels_last(self):
        network = build(return_attention=True)
        expected = network(image())
        got = network.to(memory_format=torch.channels_last)(image().contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)  # other kernels sum in another order


class TestTraining(unittest.TestCase):
    def test_every_parameter_gets_a_gradient(self):
        """Distributed training stops at parameters that get none; the maps have no part in the loss."""
        network = build(return_attention=True).train()
        DualDecompositionLoss(alpha=0.0)(network(image()), torch.tensor([0, 2])).backward()
        for key, p in network.named_parameters():
            self.assertIsNotNone(p.grad, key)
            self.assertTrue(p.grad.isfinite().all(), key)

    def test_encoder_is_all_but_the_head(self):
        """What ``--freeze True`` freezes and ``--init_name`` must find."""
        names = {name.split(".")[0] for name, _ in build().named_parameters()}
        self.assertEqual(names, {"encoder", "head"})

    def test_loss_falls(self):
        network, loss = build(return_attention=True).train(), DualDecompositionLoss(alpha=0.0)
        optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
        values = []
        for _ in range(15):
            optimizer.zero_grad()
            value = loss(network(image(batch=6)), torch.tensor([0, 1, 2, 0, 1, 2]))
            value.backward()
            optimizer.step()
            values.append(value.item())
        self.assertLess(values[-1], 0.5 * values[0])

    def test_dropout_only_in_training(self):
        network = build(dropout_rate=0.5)
        self.assertTrue(torch.equal(network(image()), network(image())))
        network.train()
        self.assertFalse(torch.equal(network(image()), network(image())))


class TestBadInput(unittest.TestCase):
    @parameterized.expand(
        [
            ("in_channels", {"in_channels": 0}),
            ("num_classes", {"num_classes": 0}),
            ("img_size", {"img_size": 30}),
            ("img_size", {"img_size": [32, 32, 32]}),
            ("img_size", {"img_size": 0}),
            ("img_size", {"img_size": 8}),
            ("patch_size", {"patch_size": [8, 8, 8]}),
            ("patch size", {"patch_size": 0}),
            ("hidden_size", {"hidden_size": 100}),
            ("hidden_size", {"hidden_size": 0}),
            ("mlp_dim", {"mlp_dim": 0}),
            ("num_heads", {"num_heads": 0}),
            ("num_layers", {"num_layers": 1}),
            ("dropout_rate", {"dropout_rate": 1.0}),
            ("spatial_dims", {"spatial_dims": 4}),
        ]
    )
    def test_argument(self, name, change):
        with self.assertRaisesRegex(ValueError, f"^(?=[^\n]*{name})[^\n]*expected[^\n]*got[^\n]*$"):
            ViTClassifier(**{**LAYERS, **change})

    @parameterized.expand([(False,), (True,)])
    def test_image_of_another_size(self, scripted):
        network = torch.jit.script(build()) if scripted else build()
        with self.assertRaisesRegex(Exception, r"expected an image of \[32, 32\], got \[32, 40\]"):
            network(torch.zeros(1, 2, 32, 40))


if __name__ == "__main__":
    unittest.main()
