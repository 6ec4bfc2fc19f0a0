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
"""What all encoders share."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.encoders import DenseNetEncoder, Encoder, ResNetEncoder, TopDownEncoder, UNetEncoder, VGGEncoder

SMALL = {DenseNetEncoder: {"features": 4, "growth_rate": 2}, ResNetEncoder: {"depth": 18, "features": 4}}
KINDS = [(kind, dims) for kind in (DenseNetEncoder, ResNetEncoder, UNetEncoder, VGGEncoder) for dims in (2, 3)]


def _encoder(kind, dims):
    return kind(dims, 1, **SMALL.get(kind, {"features": 2}))


class TestEncoder(unittest.TestCase):
    @parameterized.expand(KINDS)
    def test_is_one(self, kind, dims):
        encoder = _encoder(kind, dims)
        self.assertIsInstance(encoder, Encoder)
        self.assertEqual(encoder.spatial_dims, dims)
        self.assertEqual(len(encoder.stages), len(encoder.feature_info))
        self.assertIs(type(encoder).forward, Encoder.forward)

    @parameterized.expand(KINDS)
    def test_first_stages(self, kind, dims):
        encoder = _encoder(kind, dims).eval()
        state, infos = encoder.state_dict(), list(encoder.feature_info)
        first = encoder.first(2)
        self.assertEqual(list(first.feature_info), infos[:2])
        x = torch.randn(1, 1, *[32] * dims)
        for got, expected in zip(first(x), encoder(x), strict=False):
            self.assertTrue(torch.equal(got, expected))
        self.assertEqual([len(first.stages), len(encoder.stages)], [2, len(infos)])  # the encoder is left as it was
        self.assertEqual(
            list(first.state_dict()), [name for name in state if name.startswith(("stages.0", "stages.1"))]
        )
        first.load_state_dict(state)
        first.first(1).load_state_dict(state)
        self.assertIn(f"stages.{len(infos) - 1}.", "".join(state))
        with self.assertRaisesRegex(RuntimeError, "Unexpected"):
            first.load_state_dict({**state, "stages.9.weight": torch.zeros(1)})

    def test_frozen_stages_stay_as_they_are(self):
        below = UNetEncoder(2, 1, features=2)
        for encoder, stages in ((below, below.stages), (TopDownEncoder(below, ["block2", "block3"]), below.stages)):
            self.assertIs(encoder.freeze(2).train(), encoder)
            before = {name: value.clone() for name, value in below.state_dict().items()}
            optimizer = torch.optim.SGD([p for p in encoder.parameters() if p.requires_grad], lr=1.0)
            sum(features.square().sum() for features in encoder(torch.rand(2, 1, 32, 32))).backward()
            optimizer.step()
            changed = {
                name.split(".")[1] for name, value in below.state_dict().items() if not value.equal(before[name])
            }
            self.assertEqual(changed & {"0", "1"}, set())
            self.assertIn("2", changed)
            self.assertEqual([stage.training for stage in stages], [False, False, True, True, True])
        self.assertFalse(below.first(1).train().stages[0].training)
        self.assertTrue(below.freeze(0).train().stages[0].training)
        with self.assertRaisesRegex(ValueError, "^stages: expected 0 to 5, got 6$"):
            below.freeze(6)

    @parameterized.expand(
        [("spatial_dims", 4, {}, "2 or 3, got 4"), ("a, b", 2, {"a": 1, "b": 0}, "positive numbers, got 1, 0")]
    )
    def test_bad_arguments(self, name, dims, sizes, message):
        with self.assertRaisesRegex(ValueError, f"^{name}: expected {message}$"):
            Encoder(dims, **sizes)


if __name__ == "__main__":
    unittest.main()
