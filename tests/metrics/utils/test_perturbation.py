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
"""Tests of predictions on perturbed images."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized
from torch import nn

from monai_dd.metrics import perturb_logits
from monai_dd.metrics.utils.maps import rank_cells
from tests.networks.nets.variants import build

FRACTIONS = [0, 0.1, 0.25, 0.5, 0.77, 1]


class _Reader(nn.Module):
    """Gives its image back as logits, and counts images and the largest batch."""

    def __init__(self):
        super().__init__()
        self.images, self.largest = 0, 0

    def forward(self, x):
        self.images += len(x)
        self.largest = max(self.largest, len(x))
        return x.flatten(1)


def _draw(size, channels=2, batch=3, seed=0, map_size=None):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(batch, channels, *size, generator=generator)
    return image, torch.rand(batch, 1, *(map_size or size), generator=generator)


def _loops(image, relevance, fractions, order, fill=0.0):
    """Image by image, fraction by fraction, pixel by pixel; of maps without equal values."""
    image, relevance = image.numpy(), relevance.numpy()
    fill = np.broadcast_to(np.asarray(fill, dtype=image.dtype), image.shape)
    results = []
    for b in range(len(image)):
        values = {at: relevance[(b, 0, *at)] for at in np.ndindex(*relevance.shape[2:])}
        pixels = sorted(values, key=values.get, reverse=order == "descending")
        for fraction in fractions:
            left = image[b].copy()
            for at in pixels[: int(np.round(fraction * len(pixels)))]:
                for channel in range(len(left)):
                    left[(channel, *at)] = fill[(b, channel, *at)]
            results.append(left.ravel())
    return np.stack(results).reshape(len(image), len(fractions), -1)


class TestPerturb(unittest.TestCase):
    @parameterized.expand([(s, o) for s in ((5, 6), (3, 4, 2)) for o in ("ascending", "descending")])
    def test_equals_loops(self, size, order):
        image, relevance = _draw(size)
        for fill in (0.0, 1.5, torch.arange(2.0).reshape(2, *[1] * len(size)), torch.randn(3, 2, *size)):
            result = perturb_logits(_Reader(), image, relevance, FRACTIONS, order, fill, batch_size=4)
            np.testing.assert_array_equal(result, _loops(image, relevance, FRACTIONS, order, fill))

    @given(seed=st.integers(0, 999), levels=st.integers(1, 9), solid=st.booleans(), batch_size=st.integers(1, 30))
    @settings(max_examples=30, deadline=None)
    def test_every_fraction_by_itself_with_a_background(self, seed, levels, solid, batch_size):
        size, map_size = ((4, 4, 2), (2, 2, 1)) if solid else ((6, 6), (3, 3))
        image, relevance = _draw(size, seed=seed, map_size=map_size)
        relevance = (relevance * levels).floor()
        image[:, :, :3] = 0  # what the fill changes nothing of
        network = _Reader()
        result = perturb_logits(network, image, relevance, FRACTIONS, batch_size=batch_size, seed=seed)
        self.assertLessEqual(network.largest, batch_size)
        large = relevance
        for axis, (s, m) in enumerate(zip(size, map_size, strict=True), start=2):
            large = large.repeat_interleave(s // m, axis)
        order = rank_cells(large.flatten(1), seed).flip(1)
        for k, fraction in enumerate(FRACTIONS):
            expected = image.flatten(2).clone()
            for b in range(3):
                expected[b][:, order[b, : round(fraction * order.shape[1])]] = 0
            torch.testing.assert_close(result[:, k], expected.flatten(1), rtol=0, atol=0)
        alone = [perturb_logits(_Reader(), i[None], r[None], FRACTIONS, seed=seed) for i, r in zip(image, relevance)]
        torch.testing.assert_close(torch.cat(alone), result, rtol=0, atol=0)

    def test_orders_are_each_other_backwards(self):
        image, relevance = _draw((6, 6), map_size=(3, 3))
        up = perturb_logits(_Reader(), image, relevance, [0, 0.25, 0.5, 0.75, 1])
        down = perturb_logits(_Reader(), image, relevance, [0, 0.25, 0.5, 0.75, 1], "descending").flip(1)
        torch.testing.assert_close(up + down, image.flatten(1)[:, None].expand_as(up), rtol=0, atol=0)

    def test_runs_only_what_differs(self):
        image, relevance = _draw((8, 8), batch=4)
        fractions = torch.linspace(0, 1, 9)
        for background, order, runs in ((0, "ascending", 4 * 8 + 1), (4, "ascending", 4 * 4 + 1), (8, "ascending", 1)):
            image[:, :, :background] = 0
            relevance[:, :, :background] -= 1  # goes first
            network = _Reader()
            perturb_logits(network, image, relevance, fractions, order)
            self.assertEqual(network.images, runs)

    def test_a_fill_of_its_own_for_each_image_is_not_shared(self):
        image, relevance = _draw((4, 4))
        fill = torch.arange(3.0).reshape(3, 1, 1, 1)
        result = perturb_logits(_Reader(), image, relevance, [1], fill=fill)
        torch.testing.assert_close(result[:, 0], fill.flatten(1).expand(3, 32), rtol=0, atol=0)

    @parameterized.expand([(2, "unet", 16, (8, 8)), (3, "unet", 16, (4, 4, 4))])
    def test_networks(self, spatial_dims, encoder, size, map_size):
        for return_attention in (False, True):
            torch.manual_seed(0)
            network, _ = build("exact", spatial_dims, encoder, size, return_attention=return_attention)
            image = torch.randn(4, 1, *[size] * spatial_dims)
            network.train()
            network.encoder.eval()
            modes = [m.training for m in network.modules()]
            state = {k: v.clone() for k, v in network.state_dict().items()}
            relevance = torch.rand(len(image), 1, *map_size)
            result = perturb_logits(
                network, image.requires_grad_(), relevance.requires_grad_(), [0, 0.5, 1], batch_size=3
            )
            self.assertFalse(result.requires_grad)
            self.assertEqual(modes, [m.training for m in network.modules()])
            self.assertTrue(all(torch.equal(v, state[k]) for k, v in network.state_dict().items()))
            with torch.no_grad():
                network.eval()
                whole, empty = network(image), network(torch.zeros_like(image))
            if return_attention:
                whole, empty = whole["logits"], empty["logits"]
            # convolutions of batches of other sizes add in another order
            torch.testing.assert_close(result[:, 0], whole, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(result[:, 2], empty, rtol=1e-4, atol=1e-5)

    @parameterized.expand(
        [
            ("order", {"order": "random"}, "^order: expected one of [^\n]*, got 'random'$"),
            ("batch size", {"batch_size": 0}, "^batch_size: expected 1 or more, got 0$"),
            ("fractions", {"fractions": [0, 2]}, "^fractions: expected increasing numbers from 0 to 1, got [^\n]*$"),
            (
                "fill",
                {"fill": torch.zeros(5)},
                r"^fill: expected a shape that broadcasts to \(3, 2, 4, 4\), got \(5,\)$",
            ),
            ("large fill", {"fill": torch.zeros(9, 3, 2, 4, 4)}, "^fill: expected a shape [^\n]*$"),
            (
                "batch",
                {"relevance": torch.zeros(2, 1, 4, 4)},
                "^image, relevance: expected [^\n]*, got [^\n]*$",
            ),
            ("axes", {"relevance": torch.zeros(3, 1, 4)}, "^image, relevance: expected [^\n]*, got [^\n]*$"),
            ("channels", {"relevance": torch.zeros(3, 2, 4, 4)}, "^image, relevance: expected [^\n]*, got [^\n]*$"),
            (
                "nan",
                {"relevance": torch.full((3, 1, 2, 2), torch.nan)},
                "^relevance: expected finite numbers, got 12 NaN or infinite$",
            ),
        ]
    )
    def test_bad_input(self, _name, change, message):
        image, relevance = _draw((4, 4))
        options = {"relevance": relevance, "fractions": [0, 1], **change}
        with self.assertRaisesRegex(ValueError, message):
            perturb_logits(_Reader(), image, **options)


if __name__ == "__main__":
    unittest.main()
