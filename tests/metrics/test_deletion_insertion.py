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
"""Tests of deletion and insertion."""

from __future__ import annotations

import math
import unittest
from itertools import pairwise

import numpy as np
import torch
from parameterized import parameterized
from scipy.integrate import trapezoid
from torch import nn

from monai_dd.metrics import (
    compute_deletion_auc,
    compute_insertion_auc,
    perturb_logits,
)

FRACTIONS = [0, 0.25, 0.5, 0.75, 1]
BOTH = [("deletion", compute_deletion_auc), ("insertion", compute_insertion_auc)]


class _Sum(nn.Module):
    """The logit of class 1 is the sum of the image."""

    def forward(self, x):
        total = x.flatten(1).sum(1)
        return torch.stack([torch.zeros_like(total), total], dim=1)


def _draw(samples=5, classes=3):
    return torch.randn(samples, 5, classes, generator=torch.Generator().manual_seed(0))


class TestDeletionInsertion(unittest.TestCase):
    @parameterized.expand(BOTH)
    def test_equals_loops(self, _name, function):
        logits, classes = _draw(), torch.tensor([0, 2, 1, 1, 0])
        for chosen in (classes, classes[:, None], None):
            expected = []
            for b, rows in enumerate(logits.double().numpy()):
                k = rows[0].argmax() if chosen is None else classes[b].item()
                heights = [math.exp(row[k]) / sum(math.exp(v) for v in row) for row in rows]
                expected.append(sum((a + c) / 2 / 4 for a, c in pairwise(heights)))
            # softmax and sum in float32
            np.testing.assert_allclose(function(logits, FRACTIONS, chosen), expected, atol=1e-6)

    @parameterized.expand([((8, 8),), ((4, 4, 4),)])
    def test_insertion_adds_the_most_important_pixels_first(self, size):
        """The published procedure: start from the fill, put pixels in, most important first, area over what is in."""
        generator = torch.Generator().manual_seed(0)
        image, relevance = torch.randn(2, 1, *size, generator=generator), torch.rand(2, 1, *size, generator=generator)
        fill = torch.randn(image.shape, generator=generator)
        areas = compute_insertion_auc(
            perturb_logits(_Sum(), image, relevance, FRACTIONS, "ascending", fill), FRACTIONS, torch.ones(2)
        )
        for b, area in enumerate(areas):
            heights = []
            for share in FRACTIONS:
                canvas = fill[b].flatten().clone()
                best = relevance[b].flatten().argsort(descending=True)[: round(share * canvas.numel())]
                canvas[best] = image[b].flatten()[best]
                heights.append(canvas.sum().sigmoid().item())
            self.assertAlmostEqual(area.item(), trapezoid(heights, FRACTIONS), places=5)

    def test_a_better_map_falls_sooner_and_rises_sooner(self):
        image = torch.zeros(1, 1, 8, 8)
        image[..., 2:4, 2:4] = 3
        right, wrong = image / 3, 1 - image / 3
        areas = {}
        for name, relevance in (("right", right), ("wrong", wrong)):
            deleted = perturb_logits(_Sum(), image, relevance, FRACTIONS, "descending")
            kept = perturb_logits(_Sum(), image, relevance, FRACTIONS, "ascending")
            areas[name] = (compute_deletion_auc(deleted, FRACTIONS), compute_insertion_auc(kept, FRACTIONS))
        self.assertLess(areas["right"][0], areas["wrong"][0])
        self.assertGreater(areas["right"][1], areas["wrong"][1])

    @parameterized.expand(BOTH)
    def test_bad_input(self, _name, function):
        for classes, message in (
            (torch.tensor([0, 1, 2, 3, 0]), "^class_idx: expected classes 0 to 2, got 0 to 3$"),
            (torch.tensor([0, 1]), "^logits, class_idx: expected [^\n]*, got [^\n]*$"),
        ):
            with self.assertRaisesRegex(ValueError, message):
                function(_draw(), FRACTIONS, classes)
        with self.assertRaisesRegex(ValueError, "^fractions: expected 0 first where [^\n]*, got 0.1$"):
            function(_draw(), [0.1, 0.25, 0.5, 0.75, 1])
        with self.assertRaisesRegex(ValueError, "^curve: expected [^\n]*, got [^\n]*$"):
            function(_draw(), [0, 1])
        with self.assertRaisesRegex(ValueError, "^logits, class_idx: expected [^\n]*$"):
            function(torch.zeros(4, 3), [0, 1])
        with self.assertRaisesRegex(ValueError, "^fractions: expected [^\n]*$"):
            function(torch.zeros(4, 2, 3), [0, 0])


if __name__ == "__main__":
    unittest.main()
