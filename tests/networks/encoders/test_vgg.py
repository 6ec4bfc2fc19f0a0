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
"""Tests of the VGG encoder."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized
from torch import nn

from monai_dd.networks.encoders import VGGEncoder

WIDTHS = {11: [1, "M", 2, "M", 4, 4, "M", 8, 8, "M", 8, 8, "M"]}
WIDTHS[16] = [1, 1, "M", 2, 2, "M", 4, 4, 4, "M", 8, 8, 8, "M", 8, 8, 8, "M"]
STRIDES = [[1, 1, 1, 2, 1, 1, 1, 1], [2, 1, 1, 2, 1, 1, 2, 1]]


def _published(dims: int, depth: int, in_channels: int, features: int) -> nn.Sequential:
    """Table 1 of Simonyan and Zisserman (2015), a layer a line."""
    conv, norm, pool = (
        (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d) if dims == 2 else (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d)
    )
    layers: list[nn.Module] = []
    for width in WIDTHS[depth]:
        if width == "M":
            layers.append(pool(2, 2))
            continue
        layers += [conv(in_channels, features * width, 3, padding=1), norm(features * width), nn.ReLU()]
        in_channels = features * width
    return nn.Sequential(*layers)


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


class TestVGGEncoder(unittest.TestCase):
    @parameterized.expand([(depth, dims, strides) for depth in WIDTHS for dims in (2, 3) for strides in (None, 1)])
    def test_equals_the_published_layers(self, depth, dims, strides):
        torch.manual_seed(0)
        encoder, peer = VGGEncoder(dims, 2, depth, 3, strides), _published(dims, depth, 2, 3)
        encoder.load_state_dict(dict(zip(encoder.state_dict(), peer.state_dict().values(), strict=True)))
        if strides is not None:
            peer = nn.Sequential(*(layer for layer in peer if "Pool" not in type(layer).__name__))
        x = torch.randn(2, 2, *[32 if strides is None else 4] * dims)
        for train in (True, False):
            got, expected = encoder.train(train)(x)[-1], peer.train(train)(x)
            self.assertTrue(torch.equal(got, expected))

    @parameterized.expand([(dims, strides) for dims in (2, 3) for strides in (None, 1, *STRIDES)])
    def test_feature_info(self, dims, strides):
        encoder = VGGEncoder(dims, 1, features=2, strides=strides).eval()
        side = 32
        features = encoder(torch.zeros(1, 1, *[side] * dims))
        self.assertEqual([info.name for info in encoder.feature_info], [f"block{i}" for i in range(1, 6)])
        self.assertEqual([info.channels for info in encoder.feature_info], [2, 4, 8, 16, 16])
        for info, v in zip(encoder.feature_info, features, strict=True):
            self.assertEqual(tuple(v.shape), (1, info.channels, *[side // info.stride] * dims))

    def test_stride_of_the_fourth_layer(self):
        encoder = VGGEncoder(2, 1, features=2, strides=[1, 1, 1, 2, 1, 1, 1, 1])
        convs = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
        self.assertEqual([conv.stride[0] for conv in convs], [1, 1, 1, 2, 1, 1, 1, 1])
        self.assertEqual([info.stride for info in encoder.feature_info], [1, 1, 2, 2, 2])

    def test_parameters(self):
        """By hand: 3x3 convolutions with bias and batch normalization; strides change nothing."""
        layers = [(3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512)]
        expected = sum(9 * i * o + o + 2 * o for i, o in layers)
        with torch.device("meta"):
            self.assertEqual({_count(VGGEncoder(2, 3, strides=s)) for s in (None, 1, STRIDES[0])}, {expected})

    @parameterized.expand([(None,), (1,)])
    def test_scripts(self, strides):
        encoder = VGGEncoder(2, 1, features=2, strides=strides).eval()
        x = torch.randn(1, 1, 32, 32)
        for scripted, eager in zip(torch.jit.script(encoder)(x), encoder(x), strict=True):
            torch.testing.assert_close(scripted, eager)

    @parameterized.expand(
        [
            ("spatial_dims", {"spatial_dims": 1}),
            ("in_channels", {"in_channels": 0}),
            ("features", {"features": 0}),
            ("depth", {"depth": 12}),
            ("strides", {"strides": [1, 1]}),
            ("strides", {"strides": 0}),
        ]
    )
    def test_bad_argument(self, name, change):
        with self.assertRaisesRegex(ValueError, f"^[^\n]*{name}[^\n]*expected[^\n]*got[^\n]*$"):
            VGGEncoder(**{"spatial_dims": 2, "in_channels": 1, **change})


if __name__ == "__main__":
    unittest.main()
