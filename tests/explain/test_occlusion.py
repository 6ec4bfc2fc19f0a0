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
"""Tests of occlusion."""

from __future__ import annotations

import unittest
from itertools import product

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized
from torch import nn

from monai_dd.explain import Occlusion
from tests.explain.test_safe_copy import _image, _warm
from tests.networks.nets.variants import build


def _loop(network, image, window, stride, fill, classes):
    """Every image, cell and pixel by itself."""
    network.eval()
    cells = [n // s for n, s in zip(image.shape[2:], stride)]
    result = torch.zeros(len(image), 1, *cells, dtype=image.dtype)
    with torch.no_grad():
        for n, at in product(range(len(image)), product(*map(range, cells))):
            hidden = image[n].clone()
            for place in product(*map(range, image.shape[2:])):
                ends = [(c + 0.5) * s for c, s in zip(at, stride)]
                if all(abs(p + 0.5 - e) < w / 2 for p, e, w in zip(place, ends, window)):
                    hidden[(slice(None), *place)] = fill
            drop = network(image[n : n + 1])[0, classes[n]] - network(hidden[None])[0, classes[n]]
            result[(n, 0, *at)] = max(drop.item(), 0.0)
    return result


class TestValues(unittest.TestCase):
    @parameterized.expand(
        [
            ((8, 8), 2, None, 0.0),
            ((8, 12), (4, 2), (2, 2), 0.5),
            ((6, 6), 5, 3, -1.0),
            ((4, 4, 6), 2, 2, 0.0),
            ((4, 4, 4), (4, 2, 6), (2, 2, 4), 1.0),
        ]
    )
    def test_equals_the_loop(self, size, window, stride, fill):
        torch.manual_seed(0)
        conv = nn.Conv2d if len(size) == 2 else nn.Conv3d
        network = nn.Sequential(nn.ReLU(inplace=True), conv(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
        network.eval()(_image(*size))  # which tells the last layer its size
        network, image = network.double(), _image(*size, batch=3).double()
        classes = [2, 0, 1]
        explainer = Occlusion(network, window, stride, fill, batch_size=4)
        spread = [v if isinstance(v, tuple) else (v,) * len(size) for v in (window, stride or window)]

        class Cloned(nn.Module):  # the network's first layer works in place
            def forward(self, x):
                return network(x.clone())

        expected = _loop(Cloned(), image, *spread, fill, classes)
        maps = explainer(image, torch.tensor(classes))
        torch.testing.assert_close(maps, expected, rtol=0, atol=1e-13)  # rounding of logits of 1, 1e-16
        self.assertGreater(expected.max(), 0)

    @given(st.integers(0, 999), st.sampled_from([(1, 1), (3, 1), (2, 2), (4, 2), (4, 4), (8, 4)]))
    @settings(max_examples=20, deadline=None)
    def test_linear_network(self, seed, sizes):
        """What speaks for the class in a window is the sum of weight times the change there."""
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).double()
        image = torch.randn(2, 1, 8, 8).double()
        (window, stride), fill = sizes, 0.3
        change = (network[1].weight[1].reshape(1, 1, 8, 8) * (image - fill)).detach()
        margin = (window - stride) // 2
        padded = nn.functional.pad(change, (margin,) * 4)
        expected = (nn.functional.avg_pool2d(padded, window, stride) * window**2).relu()
        torch.testing.assert_close(Occlusion(network, window, stride, fill)(image, 1), expected)

    def test_batches(self):
        torch.manual_seed(0)
        network = _warm(build("exact", 2, "unet", 16)[0], 16, 16).double()
        rows = []
        network.register_forward_pre_hook(lambda _module, args: rows.append(len(args[0])))
        image = _image(16, 16, batch=5).double()
        expected = Occlusion(network, 8, 4, batch_size=64)(image)
        rows.clear()
        maps = Occlusion(network.with_attention(), 8, 4, batch_size=3)(image)
        self.assertLessEqual(max(rows), 3)
        torch.testing.assert_close(maps, expected, rtol=0, atol=1e-13)  # order of sums in logits of 1, 1e-16
        torch.testing.assert_close(Occlusion(network, 8, 4)(image[2:3]), expected[2:3], rtol=0, atol=1e-13)

    def test_leaves_nothing_behind(self):
        network, image = build("exact", 2, "unet", 16)[0], _image(16, 16)
        network.train()
        state = {k: v.clone() for k, v in network.state_dict().items()}
        before = image.clone()
        Occlusion(network, 8)(image, 0)
        self.assertTrue(all(m.training for m in network.modules()))
        torch.testing.assert_close(network.state_dict(), state, rtol=0, atol=0)
        torch.testing.assert_close(image, before, rtol=0, atol=0)


class TestRefusals(unittest.TestCase):
    def test_arguments(self):
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
        for line, options in {
            r"^batch_size: expected 1 or more, got 0$": {"window": 2, "batch_size": 0},
            r"^window, stride: expected positive sizes of as many axes, got 0 and None$": {"window": 0},
            r"^window, stride: expected positive sizes of as many axes, got \(2, 2\) and ": {
                "window": (2, 2),
                "stride": (2, 2, 2),
            },
            r"^window: expected the stride or an even number of pixels more, got \(5,\) and \(2,\)$": {
                "window": 5,
                "stride": 2,
            },
            r"^window: expected the stride or an even .*got \(2,\) and \(4,\)$": {"window": 2, "stride": 4},
        }.items():
            with self.subTest(line), self.assertRaisesRegex(ValueError, line):
                Occlusion(network, **options)
        with self.assertRaisesRegex(ValueError, r"^image: expected 2 axes, multiples of the stride \(3, 3\), got"):
            Occlusion(network, 3)(_image(8, 8))
        with self.assertRaisesRegex(ValueError, "^class_idx: expected classes 0 to 1, got 2 to 2$"):
            Occlusion(network, 2)(_image(8, 8), 2)


if __name__ == "__main__":
    unittest.main()
