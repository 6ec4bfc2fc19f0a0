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
"""Tests of the U-Net encoder."""

from __future__ import annotations

import unittest

import torch
from monai.networks.nets import BasicUNet
from parameterized import parameterized

from monai_dd.networks.encoders import UNetEncoder


class TestUNetEncoder(unittest.TestCase):
    @parameterized.expand([(2,), (3,)])
    def test_equals_monai(self, dims):
        torch.manual_seed(0)
        peer = BasicUNet(dims, 2, 2, features=(2, 4, 8, 16, 32, 2), act="RELU", norm="BATCH", bias=False)
        contracting = [peer.conv_0, peer.down_1, peer.down_2, peer.down_3, peer.down_4]
        encoder = UNetEncoder(dims, 2, features=2)
        for stage, part in zip(encoder.stages, contracting, strict=True):
            own, theirs = stage.state_dict(), part.state_dict()
            stage.load_state_dict(dict(zip(own, theirs.values(), strict=True)), strict=True)
        x = torch.randn(2, 2, *[32] * dims)
        expected = x
        for got, part in zip(encoder(x), contracting, strict=True):
            expected = part(expected)
            self.assertTrue(torch.equal(got, expected))

    @parameterized.expand([(2, 4), (3, 4), (2, 2), (2, 1)])
    def test_feature_info(self, dims, num_blocks):
        encoder = UNetEncoder(dims, 1, features=2, num_blocks=num_blocks).eval()
        names = [f"block{i + 1}" for i in range(num_blocks)] + ["bottleneck"]
        self.assertEqual([info.name for info in encoder.feature_info], names)
        for info, v in zip(encoder.feature_info, encoder(torch.zeros(1, 1, *[16] * dims)), strict=True):
            self.assertEqual(tuple(v.shape), (1, info.channels, *[16 // info.stride] * dims))

    def test_other_activation_and_normalization(self):
        encoder = UNetEncoder(
            2, 1, features=4, act=("LeakyReLU", {"negative_slope": 0.1}), norm=("group", {"num_groups": 2})
        )
        kinds = {type(m) for m in encoder.modules()}
        self.assertLessEqual({torch.nn.LeakyReLU, torch.nn.GroupNorm}, kinds)
        self.assertNotIn(torch.nn.BatchNorm2d, kinds)

    def test_scripts(self):
        encoder = UNetEncoder(2, 1, features=2).eval()
        x = torch.randn(1, 1, 32, 32)
        for scripted, eager in zip(torch.jit.script(encoder)(x), encoder(x), strict=True):
            torch.testing.assert_close(scripted, eager)

    @parameterized.expand(
        [
            ("spatial_dims", {"spatial_dims": 4}),
            ("in_channels", {"in_channels": 0}),
            ("features", {"features": 0}),
            ("num_blocks", {"num_blocks": 0}),
        ]
    )
    def test_bad_argument(self, name, change):
        with self.assertRaisesRegex(ValueError, f"^[^\n]*{name}[^\n]*expected[^\n]*got[^\n]*$"):
            UNetEncoder(**{"spatial_dims": 2, "in_channels": 1, **change})


if __name__ == "__main__":
    unittest.main()
