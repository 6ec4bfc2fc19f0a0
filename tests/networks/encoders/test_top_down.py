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
"""The top-down path, and which levels it reaches."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized
from torch.nn.functional import interpolate

from monai_dd.networks.encoders import EfficientNetLiteEncoder, TopDownEncoder, UNetEncoder


def _seen(encoder: TopDownEncoder, level: int, size: tuple[int, ...]) -> int:
    """Pixels that the middle cell of a level depends on."""
    torch.manual_seed(0)
    image = torch.rand(1, 1, *size, dtype=torch.float64, requires_grad=True)
    features = encoder.double().eval()(image)[level]
    middle = tuple(n // 2 for n in features.shape[2:])
    features[(0, slice(None), *middle)].sum().backward()
    return int((image.grad != 0).sum())


class TestTopDownEncoder(unittest.TestCase):
    @parameterized.expand([(2, (32, 64)), (3, (16, 16, 32))])
    def test_shapes(self, dims, size):
        encoder = TopDownEncoder(UNetEncoder(dims, 1, features=2), ["block4", "block2"], ["block4"], channels=5)
        self.assertEqual([tuple(info) for info in encoder.feature_info], [("block2", 5, 2), ("block4", 5, 8)])
        shapes = [features.shape[1:] for features in encoder(torch.rand(2, 1, *size))]
        self.assertEqual(shapes, [(5, *(n // 2 for n in size)), (5, *(n // 8 for n in size))])

    def test_is_the_pyramid_of_its_definition(self):
        torch.manual_seed(0)
        below = UNetEncoder(2, 1, features=2)
        encoder = TopDownEncoder(below, ["block2", "block3", "block4"], ["block3", "block4"], channels=4).eval()
        image = torch.rand(1, 1, 32, 32)
        stages = below(image)
        lateral = dict(zip(("block3", "block4", "bottleneck"), encoder.laterals, strict=True))
        top = lateral["bottleneck"](stages[4])
        p4 = lateral["block4"](stages[3]) + interpolate(top, scale_factor=2, mode="nearest")
        p3 = lateral["block3"](stages[2]) + interpolate(p4, scale_factor=2, mode="nearest")
        expected = [encoder.stages[0](stages[1]), encoder.stages[1](p3), encoder.stages[2](p4)]
        for got, wanted in zip(encoder(image), expected, strict=True):
            torch.testing.assert_close(got, wanted)
            self.assertGreaterEqual(float(got.min()), 0.0)

    def test_what_a_level_sees(self):
        def make(context):
            return TopDownEncoder(UNetEncoder(2, 1, features=4), ["block2", "block4"], context, channels=4)

        local, wide = _seen(make(["block4"]), 0, (64, 64)), _seen(make(None), 0, (64, 64))
        self.assertLess(local, 200)
        self.assertGreater(wide, 3000)
        self.assertGreater(_seen(make(["block4"]), 1, (64, 64)), 3000)

    def test_holds_what_it_reads(self):
        encoder = TopDownEncoder(UNetEncoder(2, 1, features=2), ["block2", "block3"], context=[], channels=4)
        self.assertEqual(len(encoder.encoder.stages), 3)
        self.assertEqual(len(encoder.laterals), 0)
        whole = TopDownEncoder(UNetEncoder(2, 1, features=2), ["block2", "block3"], channels=4)
        sum(features.sum() for features in whole(torch.rand(2, 1, 32, 32))).backward()
        self.assertEqual([name for name, p in whole.named_parameters() if p.grad is None], [])

    def test_script(self):
        encoder = TopDownEncoder(EfficientNetLiteEncoder(2, 3, num_blocks=8), ["block2", "block4"], ["block4"]).eval()
        image = torch.rand(1, 3, 64, 32)
        for got, wanted in zip(torch.jit.script(encoder)(image), encoder(image), strict=True):
            torch.testing.assert_close(got, wanted)

    @parameterized.expand(
        [
            ({"levels": []}, "levels: expected one stage or more, each once, got []"),
            (
                {"levels": ["block2", "block2"]},
                "levels: expected one stage or more, each once, got ['block2', 'block2']",
            ),
            ({"levels": ["block2"], "context": ["block3"]}, "context: expected one of ['block2'], got 'block3'"),
            ({"levels": ["block2"], "channels": 0}, "channels: expected positive numbers, got 0"),
        ]
    )
    def test_refused(self, options, message):
        with self.assertRaises(ValueError) as caught:
            TopDownEncoder(UNetEncoder(2, 1, features=2), **options)
        self.assertEqual(str(caught.exception), message)

    def test_no_level_is_left_out(self):
        encoder = TopDownEncoder(UNetEncoder(2, 1, features=2), ["block2", "block3"])
        self.assertIs(encoder.first(2), encoder)
        with self.assertRaisesRegex(ValueError, "^levels: expected no level after the last attended one, got 1$"):
            encoder.first(1)


if __name__ == "__main__":
    unittest.main()
