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
"""Tests of the weights that come from the patches' own logits."""

from __future__ import annotations

import math
import unittest

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.networks.blocks import (
    CapsuleLossAttention,
    LossAttention,
    capsule_loss_attention,
    log_weights,
    loss_attention,
)
from tests.networks.blocks import reference_patches as reference

GRIDS = [(3, 4), (2, 3, 2)]
CASES = [(grid, xi) for grid in GRIDS for xi in (0.0, 0.1, 0.7, 1.0)]


def _logits(*shape: int, dtype=torch.float64, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


class TestLossAttention(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_equals_loops(self, grid, xi):
        p = _logits(2, 5, *grid).requires_grad_()
        upstream = _logits(2, 1, *grid, seed=1)
        fast, slow = loss_attention(p, xi), reference.loss_attention(p, xi)
        # float64 rounding of a dozen operations; float32 anywhere inside would give 1e-8
        torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-14)
        got, expected = (torch.autograd.grad((w * upstream).sum(), p)[0] for w in (fast, slow))
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)
        module = LossAttention(xi)
        weights, phi = module(p, p)
        self.assertTrue(torch.equal(weights, fast))
        before = torch.softmax(phi.flatten(2), dim=2).reshape(phi.shape)
        torch.testing.assert_close(before, reference.loss_attention(p, 0.0), rtol=1e-12, atol=1e-14)

    def test_by_hand(self):
        """Lengths 5, 4, 1 are 0.5, 0.4, 0.1 of the whole; a third of 0.6 is taken off: 0.3, 0.2, 0."""
        p = torch.tensor([[[3.0, 0.0, 1.0], [-4.0, 4.0, 0.0]]], dtype=torch.float64)
        expected = torch.tensor([[[0.6, 0.4, 0.0]]], dtype=torch.float64)
        torch.testing.assert_close(loss_attention(p, 0.6), expected)
        self.assertEqual(loss_attention(p, 0.6)[0, 0, 2].item(), 0.0)

    @parameterized.expand([(xi, fill) for xi in (0.0, 0.1, 1.0) for fill in (0.0, 2.5)])
    def test_nothing_above_the_threshold_is_uniform(self, xi, fill):
        """Zero logits are 0/0 in Eq. 5a, equal ones with xi = 1 in Eq. 5b."""
        p = torch.full((2, 3, 4, 4), fill, requires_grad=True)
        weights = loss_attention(p, xi)
        torch.testing.assert_close(weights, torch.full((2, 1, 4, 4), 1 / 16))
        log_weights(weights).sum().backward()
        self.assertTrue(p.grad.isfinite().all())

    def test_one_sample_of_zeros_leaves_the_others(self):
        p = _logits(3, 4, 3, 3)
        expected = loss_attention(p)
        p[1] = 0
        self.assertTrue(torch.equal(loss_attention(p)[::2], expected[::2]))

    def test_patch_of_zeros_gets_nothing(self):
        p = _logits(1, 4, 3, 3)
        p[..., 1, 2] = 0
        p.requires_grad_()
        for xi in (0.0, 0.1):
            weights = loss_attention(p, xi)
            self.assertEqual(weights[0, 0, 1, 2].item(), 0.0)
            (gradient,) = torch.autograd.grad(weights.square().sum(), p)
            self.assertTrue(gradient.isfinite().all())

    @settings(deadline=None, max_examples=50)
    @given(
        st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 20), st.floats(0, 1), st.floats(-12, 12), st.booleans()
    )
    def test_properties(self, seed, classes, cells, xi, exponent, double):
        dtype = torch.float64 if double else torch.float32
        tolerance = 1e-12 if double else 1e-5  # a few roundings of sums of 20
        p = _logits(3, classes, cells, dtype=dtype, seed=seed)
        weights = loss_attention(p, xi)
        self.assertGreaterEqual(weights.min().item(), 0)
        torch.testing.assert_close(weights.sum(2), torch.ones(3, 1, dtype=dtype), rtol=0, atol=tolerance)
        # the smaller of two patches never weighs more
        order = torch.linalg.vector_norm(p, dim=1).argsort(dim=1)
        self.assertTrue((weights[:, 0].gather(1, order).diff(dim=1) >= 0).all())
        if xi < 0.99:  # at 1, whether a patch of average length survives is a matter of rounding
            # the scale of the logits does not matter, nor does a rotation of the classes
            rotation, _ = torch.linalg.qr(_logits(classes, classes, dtype=dtype, seed=seed + 1))
            turned = torch.einsum("kj,bjm->bkm", rotation, p) * 10.0**exponent
            torch.testing.assert_close(loss_attention(turned, xi), weights, rtol=0, atol=100 * tolerance)

    def test_batch_of_one_equals_row_of_four(self):
        p = _logits(4, 5, 3, 3, dtype=torch.float32)
        for row in range(4):
            self.assertTrue(torch.equal(loss_attention(p[row : row + 1])[0], loss_attention(p)[row]))

    @parameterized.expand([(torch.float16, 5e4), (torch.float16, 1e-6), (torch.bfloat16, 1e4)])
    def test_half_precision_is_computed_in_float32(self, dtype, scale):
        """In float16, squares of 300 overflow and those of 1e-4 vanish."""
        p = (_logits(2, 5, 6, 6, dtype=torch.float32).clamp(-1, 1) * scale).to(dtype)
        weights = loss_attention(p)
        self.assertEqual(weights.dtype, torch.float32)
        torch.testing.assert_close(weights, loss_attention(p.double()).float())

    def test_gradcheck(self):
        p = _logits(2, 3, 4).requires_grad_()
        self.assertTrue(torch.autograd.gradcheck(lambda p: LossAttention(0.5)(p, p), (p,)))

    def test_scripts(self):
        p = _logits(2, 3, 4, 4)
        got, expected = torch.jit.script(LossAttention(0.3))(p, p), LossAttention(0.3)(p, p)
        torch.testing.assert_close(got, expected, rtol=0, atol=0)
        self.assertTrue(torch.equal(torch.jit.script(loss_attention)(p, 0.3), expected[0]))

    @parameterized.expand([(-0.1,), (1.1,), (math.nan,)])
    def test_threshold_out_of_range(self, xi):
        for call in (
            lambda: loss_attention(torch.ones(1, 2, 3), xi),
            lambda: capsule_loss_attention(torch.ones(1, 2, 2, 3), xi),
            lambda: LossAttention(xi),
            lambda: CapsuleLossAttention(xi),
        ):
            with self.assertRaisesRegex(ValueError, "^xi: expected 0 to 1, got "):
                call()


class TestCapsuleLossAttention(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_equals_loops(self, grid, xi):
        p = _logits(2, 3, 4, *grid).requires_grad_()
        patches, capsules, z = reference.capsule_loss_attention(p, xi)
        got_patches, got_capsules = capsule_loss_attention(p, xi)
        torch.testing.assert_close(got_patches, patches, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(got_capsules, capsules, rtol=1e-12, atol=1e-14)
        if xi > 0.5:
            self.assertGreater(int((patches == 0).sum()), 0, "a threshold that removes something")
        # Eq. 6e as a weighted sum over patches, with gradients
        weights, patch_logits, phi = CapsuleLossAttention(xi)(p)
        total = (weights * patch_logits).flatten(2).sum(-1)
        torch.testing.assert_close(total, z, rtol=1e-12, atol=1e-13)
        upstream = _logits(*z.shape, seed=1)
        got, expected = (torch.autograd.grad((y * upstream).sum(), p, retain_graph=True)[0] for y in (total, z))
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)
        self.assertTrue(torch.equal(weights > 0, patches > 0), "Eq. 6b and 6c select the same patches")
        before = torch.softmax(phi.flatten(2), dim=2).reshape(phi.shape)
        torch.testing.assert_close(before, capsule_loss_attention(p, 0.0)[0], rtol=1e-12, atol=1e-14)

    @parameterized.expand(CASES)
    def test_one_capsule_is_the_convolutional_form(self, grid, xi):
        p = _logits(2, 1, 4, *grid)
        patches, _ = capsule_loss_attention(p, xi)
        torch.testing.assert_close(patches, loss_attention(p[:, 0], xi), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(CapsuleLossAttention(xi)(p)[1], p[:, 0], rtol=1e-12, atol=1e-14)

    @parameterized.expand([(xi, fill) for xi in (0.0, 0.1, 1.0) for fill in (0.0, 2.5)])
    def test_nothing_above_the_threshold_is_uniform(self, xi, fill):
        p = torch.full((2, 3, 4, 5, 5), fill, requires_grad=True)
        patches, capsules = capsule_loss_attention(p, xi)
        torch.testing.assert_close(patches, torch.full((2, 1, 5, 5), 1 / 25))
        torch.testing.assert_close(capsules, torch.full((2, 3, 5, 5), 1 / 75))
        weights, patch_logits, phi = CapsuleLossAttention(xi)(p)
        torch.testing.assert_close(patch_logits, torch.full((2, 4, 5, 5), fill))
        (log_weights(weights).sum() + patch_logits.sum() + phi.sum()).backward()
        self.assertTrue(p.grad.isfinite().all())

    def test_batch_of_one_equals_row_of_four(self):
        p = _logits(4, 2, 3, 3, 3, dtype=torch.float32)
        for row in range(4):
            for one, four in zip(CapsuleLossAttention()(p[row : row + 1]), CapsuleLossAttention()(p), strict=True):
                self.assertTrue(torch.equal(one[0], four[row]))

    def test_scripts(self):
        p = _logits(2, 3, 4, 4)
        got, expected = torch.jit.script(CapsuleLossAttention(0.3))(p), CapsuleLossAttention(0.3)(p)
        torch.testing.assert_close(got, expected, rtol=0, atol=0)


class TestLogWeights(unittest.TestCase):
    def test_zero_is_finite_and_comes_back_as_next_to_nothing(self):
        weights = torch.tensor([0.0, 0.25, 0.75], requires_grad=True)
        logs = log_weights(weights)
        torch.testing.assert_close(logs[1:], weights[1:].log())
        self.assertAlmostEqual(logs[0].item(), math.log(1e-37), places=4)
        torch.testing.assert_close(logs.exp(), weights, rtol=0, atol=1e-7)
        (gradient,) = torch.autograd.grad(logs.sum(), weights)
        torch.testing.assert_close(gradient, torch.tensor([0.0, 4.0, 4 / 3]))


if __name__ == "__main__":
    unittest.main()
