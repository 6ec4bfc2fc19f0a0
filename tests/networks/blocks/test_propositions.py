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
"""Propositions 1 and 2 of Shi et al. (2021) on random logits: what the image's loss says about the patches."""

from __future__ import annotations

import unittest

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_dd.networks.blocks import CapsuleLossAttention, loss_attention

SEEDS, CLASSES, CELLS = st.integers(0, 10**6), st.integers(2, 8), st.integers(1, 30)
SCALES, XIS = st.floats(-3, 1.5).map(lambda e: 10.0**e), st.floats(0, 1)


def _patches(seed: int, classes: int, cells: int, scale: float, xi: float, capsules: bool):
    """Weights ``(M,)`` and logits ``(M, K)`` of the patches of one image."""
    generator = torch.Generator().manual_seed(seed)
    if capsules:
        logits = torch.randn(1, 3, classes, cells, generator=generator, dtype=torch.float64) * scale
        weights, logits, _ = CapsuleLossAttention(xi)(logits)
    else:
        logits = torch.randn(1, classes, cells, generator=generator, dtype=torch.float64) * scale
        weights = loss_attention(logits, xi)
    return weights[0, 0], logits[0].T


class TestPropositions(unittest.TestCase):
    @settings(deadline=None, max_examples=200)
    @given(SEEDS, CLASSES, CELLS, SCALES, XIS, st.booleans())
    def test_single_label(self, seed, classes, cells, scale, xi, capsules):
        """Eq. 7: cross-entropy is at least R / (1 + R), R = sum over k != t of prod over m of (q_mk / q_mt)^alpha_m."""
        alpha, p = _patches(seed, classes, cells, scale, xi, capsules)
        z = alpha @ p
        q = torch.log_softmax(p, dim=1)
        for t in range(classes):
            loss = torch.nn.functional.cross_entropy(z, torch.tensor(t)).item()
            others = [k for k in range(classes) if k != t]
            ratio = sum((alpha * (q[:, k] - q[:, t])).sum().exp() for k in others).item()
            bound = ratio / (1 + ratio)
            self.assertGreaterEqual(loss, bound - 1e-12)  # equal in the limit, so float64 rounding may tip it
            # the middle of the proof (Eq. 12): the loss is a function of that same product
            self.assertAlmostEqual(loss, torch.log1p(torch.tensor(ratio, dtype=torch.float64)).item(), delta=1e-9)

    @settings(deadline=None, max_examples=200)
    @given(SEEDS, CLASSES, CELLS, SCALES, XIS, st.booleans())
    def test_multi_label(self, seed, classes, cells, scale, xi, capsules):
        """Eq. 8: the same for binary cross-entropy, with R_k = prod over m of exp(-p_mk)^alpha_m."""
        alpha, p = _patches(seed, classes, cells, scale, xi, capsules)
        y = torch.rand(classes, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64).round()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(alpha @ p, y, reduction="sum").item()
        bound = 0.0
        for k in range(classes):
            ratio = torch.prod(torch.exp(-p[:, k]) ** alpha).item()
            bound += ratio / (1 + ratio) if y[k] == 1 else 1 / (1 + ratio)
        self.assertGreaterEqual(loss, bound - 1e-12)

    @settings(deadline=None, max_examples=50)
    @given(SEEDS, CELLS, SCALES, XIS)
    def test_of_two_classes_a_small_loss_needs_a_patch_of_the_class(self, seed, cells, scale, xi):
        """What the paper reads from Eq. 7: when no patch is for the class, R is at least 1 and the loss log 2."""
        _, p = _patches(seed, 2, cells, scale, xi, False)
        p = p.sort(dim=1).values  # every patch is for the second class
        z = loss_attention(p.T[None], xi)[0, 0] @ p
        loss = torch.nn.functional.cross_entropy(z, torch.tensor(0)).item()
        self.assertGreaterEqual(loss, torch.tensor(2.0).log().item() - 1e-6)

    def test_of_three_classes_it_does_not(self):
        """Patches that are for different other classes outvote one another: why the paper adds the patch term."""
        p = torch.tensor([[0.0, 10.0, -100.0], [0.0, -100.0, 10.0]], dtype=torch.float64)
        z = loss_attention(p.T[None])[0, 0] @ p
        self.assertLess(torch.nn.functional.cross_entropy(z, torch.tensor(0)).item(), 1e-9)
        self.assertEqual(p.argmax(1).tolist(), [1, 2])


if __name__ == "__main__":
    unittest.main()
