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
"""Tests of the ResNet encoder."""

from __future__ import annotations

import math
import unittest

import torch
from monai.networks.nets import ResNet
from parameterized import parameterized

from monai_dd.networks.encoders import ResNetEncoder

LAYERS = {18: ("basic", [2, 2, 2, 2]), 34: ("basic", [3, 4, 6, 3]), 50: ("bottleneck", [3, 4, 6, 3])}


class TestResNetEncoder(unittest.TestCase):
    @parameterized.expand([(depth, dims) for depth in LAYERS for dims in (2, 3)])
    def test_equals_monai(self, depth, dims):
        torch.manual_seed(0)
        block, layers = LAYERS[depth]
        peer = ResNet(
            block,
            layers,
            [4, 8, 16, 32],
            spatial_dims=dims,
            n_input_channels=2,
            conv1_t_stride=2,
            feed_forward=False,
            bias_downsample=False,
        )
        encoder = ResNetEncoder(dims, 2, depth, features=4)
        ours, theirs = encoder.state_dict(), peer.state_dict()
        self.assertEqual(len(ours), len(theirs))
        # both list their modules in the order of the forward pass
        encoder.load_state_dict(dict(zip(ours, theirs.values(), strict=True)), strict=True)

        expected = []
        for layer in (peer.layer1, peer.layer2, peer.layer3, peer.layer4):
            layer.register_forward_hook(lambda _module, _input, output: expected.append(output.clone()))
        x = torch.randn(2, 2, *[64] * dims)
        for train in (True, False):
            expected.clear()
            pooled = peer.train(train)(x)
            features = encoder.train(train)(x)
            for got, want in zip(features, expected, strict=True):
                self.assertTrue(torch.equal(got, want))
            torch.testing.assert_close(features[-1].flatten(2).mean(-1), pooled)

    @parameterized.expand([(depth, dims) for depth in LAYERS for dims in (2, 3)])
    def test_feature_info(self, depth, dims):
        encoder = ResNetEncoder(dims, 1, depth, features=4).eval()
        features = encoder(torch.zeros(1, 1, *[32] * dims))
        self.assertEqual([info.name for info in encoder.feature_info], ["block1", "block2", "block3", "block4"])
        for info, v in zip(encoder.feature_info, features, strict=True):
            self.assertEqual(tuple(v.shape), (1, info.channels, *[32 // info.stride] * dims))

    @parameterized.expand([(d, n, s) for d in LAYERS for n in (2, 3) for s in (1, 2, [1, 2, 1, 1], [1, 2, 2, 2])])
    def test_strides(self, depth, dims, strides):
        encoder = ResNetEncoder(dims, 1, depth, features=2, strides=strides).eval()
        steps = [strides] * 4 if isinstance(strides, int) else strides
        for info, v in zip(encoder.feature_info, encoder(torch.zeros(1, 1, *[16] * dims)), strict=True):
            self.assertEqual(tuple(v.shape), (1, info.channels, *[16 // info.stride] * dims))
        self.assertEqual([info.stride for info in encoder.feature_info], [math.prod(steps[: i + 1]) for i in range(4)])
        published = ResNetEncoder(dims, 1, depth, features=2)
        counts = [sum(p.numel() for p in network.parameters()) for network in (encoder, published)]
        self.assertEqual(counts[1] - counts[0], 2 * (7**dims - 3**dims), "only the stem is smaller")

    @parameterized.expand([(dims,) for dims in (2, 3)])
    def test_strides_equal_monai(self, dims):
        """MONAI's own network with a 3x3 stem and no pooling, whose stages have strides of 1, 2, 2, 2."""
        torch.manual_seed(0)
        options = {"conv1_t_size": 3, "no_max_pool": True, "feed_forward": False, "bias_downsample": False}
        peer = ResNet("basic", [2, 2, 2, 2], [4, 8, 16, 32], dims, n_input_channels=2, **options).eval()
        encoder = ResNetEncoder(dims, 2, 18, features=4, strides=[1, 2, 2, 2]).eval()
        encoder.load_state_dict(dict(zip(encoder.state_dict(), peer.state_dict().values(), strict=True)))
        x = torch.randn(2, 2, *[16] * dims)
        torch.testing.assert_close(encoder(x)[-1].flatten(2).mean(-1), peer(x))

    def test_sixth_layer_strides(self):
        encoder = ResNetEncoder(2, 1, 18, features=2, strides=[1, 2, 1, 1])
        convs = [m for m in encoder.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3)]
        self.assertEqual([conv.stride[0] for conv in convs], [1] * 5 + [2] + [1] * 11)

    def test_parameters_of_resnet50(self):
        # He et al. (2016) with one input channel: 25,557,032 - 2,049,000 (head) - 2 * 64 * 49 (two channels)
        self.assertEqual(sum(p.numel() for p in ResNetEncoder(2, 1).parameters()), 25_557_032 - 2_049_000 - 6_272)

    def test_scripts(self):
        encoder = ResNetEncoder(2, 1, 18, features=4).eval()
        x = torch.randn(1, 1, 32, 32)
        for scripted, eager in zip(torch.jit.script(encoder)(x), encoder(x), strict=True):
            torch.testing.assert_close(scripted, eager)

    @parameterized.expand(
        [
            ("spatial_dims", {"spatial_dims": 1}),
            ("in_channels", {"in_channels": 0}),
            ("features", {"features": 0}),
            ("strides", {"strides": [1, 1]}),
            ("strides", {"strides": 0}),
            ("depth", {"depth": 19}),
        ]
    )
    def test_bad_argument(self, name, change):
        with self.assertRaisesRegex(ValueError, f"^[^\n]*{name}[^\n]*expected[^\n]*got[^\n]*$"):
            ResNetEncoder(**{"spatial_dims": 2, "in_channels": 1, **change})


if __name__ == "__main__":
    unittest.main()
