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
"""Tests of the DenseNet encoder."""

from __future__ import annotations

import unittest

import torch
from monai.networks.nets import DenseNet
from monai.visualize import CAM
from parameterized import parameterized

from monai_dd.explain.safe_copy import make_safe_copy
from monai_dd.networks.encoders import DenseNetEncoder, ResNetEncoder
from monai_dd.networks.layers import marginalize
from monai_dd.networks.nets import AttentionClassifier

LAYERS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32), 264: (6, 12, 64, 48)}
SMALL = {"features": 4, "growth_rate": 2}
ATTEND = {"attend": ["block1", "block2"], "img_size": 32}
VARIANTS = {
    "baseline": {},
    "gated": {**ATTEND, "consistency": "dual"},
    "dual": {**ATTEND, "readout": "attention", "consistency": "dual", "smoothing": 2},
    "exact": {**ATTEND, "readout": "attention", "consistency": "exact", "init_scale": 10.0},
}


def _count(network):
    return sum(p.numel() for p in network.parameters())


def _classifier(name, dims=2, blocks=2, **changes):
    torch.manual_seed(0)
    encoder = DenseNetEncoder(dims, 1, num_blocks=blocks, **SMALL)
    return AttentionClassifier(encoder, 3, **{**VARIANTS[name], **changes}).eval()


class TestDenseNetEncoder(unittest.TestCase):
    @parameterized.expand([(depth, 2, 4) for depth in LAYERS] + [(121, dims, n) for dims in (2, 3) for n in (1, 2, 4)])
    def test_equals_monai(self, depth, dims, blocks):
        """MONAI's network with as many dense blocks: pooled features, and what its transitions and head read."""
        torch.manual_seed(0)
        config = LAYERS[depth][:blocks]
        peer = DenseNet(dims, 2, 3, init_features=4, growth_rate=2, block_config=config)
        encoder = DenseNetEncoder(dims, 2, depth, blocks, **SMALL)
        weights = [w for k, w in peer.state_dict().items() if not k.startswith("class_layers.out")]
        # both list their modules in the order of the forward pass
        encoder.load_state_dict(dict(zip(encoder.state_dict(), weights, strict=True)))
        expected = []
        readers = [peer.features.get_submodule(f"transition{i}.relu") for i in range(1, blocks)]
        for relu in (*readers, peer.class_layers.relu):
            relu.register_forward_hook(lambda _module, _input, output: expected.append(output.clone()))
        x = torch.randn(2, 2, *[64 if dims == 2 else 32] * dims)
        for train in (True, False):
            expected.clear()
            logits = peer.train(train)(x)
            features = encoder.train(train)(x)
            for got, want in zip(features, expected, strict=True):
                self.assertTrue(torch.equal(got, want))
            torch.testing.assert_close(peer.class_layers.out(features[-1].flatten(2).mean(-1)), logits)

    @parameterized.expand([(depth, dims) for depth in LAYERS for dims in (2, 3)])
    def test_feature_info(self, depth, dims):
        encoder = DenseNetEncoder(dims, 1, depth, **SMALL).eval()
        features = encoder(torch.zeros(1, 1, *[32] * dims))
        self.assertEqual([info.name for info in encoder.feature_info], ["block1", "block2", "block3", "block4"])
        for info, v in zip(encoder.feature_info, features, strict=True):
            self.assertEqual(tuple(v.shape), (1, info.channels, *[32 // info.stride] * dims))
            self.assertGreaterEqual(float(v.detach().min()), 0, "rectified")

    def test_the_cut_network_is_the_beginning_of_the_whole(self):
        torch.manual_seed(0)
        whole, cut = DenseNetEncoder(2, 1, **SMALL), DenseNetEncoder(2, 1, num_blocks=2, **SMALL)
        shared = {k: w for k, w in whole.state_dict().items() if k in cut.state_dict()}
        cut.load_state_dict(shared, strict=True)
        x = torch.randn(2, 1, 32, 32)
        for got, want in zip(cut(x), whole(x)[:2], strict=True):
            self.assertTrue(torch.equal(got, want))

    def test_parameters(self):
        """Huang et al. (2017) with 1000 classes: 7,978,856, of which the head has 1000 * 1024 + 1000."""
        with torch.device("meta"):
            whole = AttentionClassifier(DenseNetEncoder(2, 3), 14)
            cut = AttentionClassifier(DenseNetEncoder(2, 1, num_blocks=2), 14)
        self.assertEqual(_count(whole.encoder), 7_978_856 - 1_025_000)
        self.assertEqual(_count(whole), 6_968_206)
        # by hand: a layer on n channels has norms of 2n and 2 * 128, and convolutions of 128n and 9 * 128 * 32
        layers = sum(130 * n + 256 + 36_864 for n in (*range(64, 256, 32), *range(128, 512, 32)))
        stem, transition, last, head = 49 * 64 + 2 * 64, 2 * 256 + 256 * 128, 2 * 512, 14 * 512 + 14
        self.assertEqual(_count(cut), stem + layers + transition + last + head)
        self.assertEqual([(i.channels, i.stride) for i in cut.encoder.feature_info], [(256, 4), (512, 8)])

    def test_parameters_of_the_compared_resnet(self):
        """He et al. (2016), 25,557,032 with 1000 classes; with 14 and no layer between the last block and pooling."""
        with torch.device("meta"):
            network = AttentionClassifier(ResNetEncoder(2, 3), 14)
        self.assertEqual(_count(network), 25_557_032 - (1000 * 2048 + 1000) + 14 * 2048 + 14)

    def test_scripts(self):
        encoder = DenseNetEncoder(2, 1, **SMALL).eval()
        x = torch.randn(1, 1, 32, 32)
        for scripted, eager in zip(torch.jit.script(encoder)(x), encoder(x), strict=True):
            torch.testing.assert_close(scripted, eager)

    @parameterized.expand(
        [
            ("spatial_dims", {"spatial_dims": 1}),
            ("in_channels", {"in_channels": 0}),
            ("features", {"features": 0}),
            ("growth_rate", {"growth_rate": 0}),
            ("depth", {"depth": 120}),
            ("num_blocks", {"num_blocks": 0}),
            ("num_blocks", {"num_blocks": 5}),
        ]
    )
    def test_bad_argument(self, name, change):
        with self.assertRaisesRegex(ValueError, f"^[^\n]*{name}[^\n]*expected[^\n]*got[^\n]*$"):
            DenseNetEncoder(**{"spatial_dims": 2, "in_channels": 1, **change})


class TestInAClassifier(unittest.TestCase):
    @parameterized.expand([(name, dims, blocks) for name in VARIANTS for dims in (2, 3) for blocks in (2, 4)])
    def test_batch_independent(self, name, dims, blocks):
        network = _classifier(name, dims, blocks, return_attention=True)
        x = torch.randn(4, 1, *[32] * dims)
        with torch.no_grad():
            output, one = network(x), network(x[1:2])
        self.assertEqual(tuple(output["logits"].shape), (4, 3))
        for key, value in output.items():
            torch.testing.assert_close(one[key], value[1:2], rtol=1e-4, atol=1e-5)

    @parameterized.expand([("baseline", 2), ("gated", 2), ("dual", 2), ("exact", 3)])
    def test_scripts(self, name, dims):
        network = _classifier(name, dims, return_attention=True)
        x = torch.randn(2, 1, *[32] * dims)
        with torch.no_grad():
            output, scripted = network(x), torch.jit.script(network)(x)
        for key, value in output.items():
            torch.testing.assert_close(scripted[key], value)

    @parameterized.expand([(dims,) for dims in (2, 3)])
    def test_exact_maps_agree(self, dims):
        output = _classifier("exact", dims, return_attention=True)(torch.randn(2, 1, *[32] * dims))
        fine, coarse = (output[f"log_mu_{level}"].exp() for level in ("fine", "coarse"))
        self.assertEqual([m.shape[-1] for m in (fine, coarse)], [8, 4])
        torch.testing.assert_close(marginalize(fine, [2] * dims), coarse)

    @parameterized.expand([(name,) for name in VARIANTS])
    def test_learns(self, name):
        network = _classifier(name, return_attention=True).train()
        sum(v.square().sum() for v in network(torch.randn(4, 1, 32, 32)).values()).backward()
        for key, p in network.named_parameters():
            self.assertTrue(not p.requires_grad or (p.grad is not None and p.grad.isfinite().all()), key)

    @parameterized.expand([(2,), (4,)])
    def test_class_activation_map(self, blocks):
        """The mean of the last stage's map (MONAI's has the bias in it) is the logit: these features are pooled."""
        network = _classifier("baseline", blocks=blocks)
        cam = CAM(network, f"encoder.stages.{blocks - 1}", f"heads.block{blocks}")
        x = torch.randn(2, 1, 64, 64)
        for k in range(3):
            maps = cam.compute_map(x, class_idx=[k, k])
            self.assertEqual(maps.shape[-1], 64 // network.encoder.feature_info[-1].stride)
            torch.testing.assert_close(maps.flatten(1).mean(1), network(x)[:, k])

    @parameterized.expand([(2,), (3,)])
    def test_safe_copy(self, dims):
        network = _classifier("baseline", dims)
        x = torch.randn(2, 1, *[32] * dims)
        with torch.no_grad():
            torch.testing.assert_close(make_safe_copy(network)(x), network(x))


if __name__ == "__main__":
    unittest.main()
