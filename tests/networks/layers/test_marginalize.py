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
"""Block sums, their logarithm, their adjoint and the block layout."""

from __future__ import annotations

import unittest

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.networks.layers import (
    block_factor,
    broadcast_blocks,
    from_blocks,
    log_marginalize,
    marginalize,
    to_blocks,
)
from tests import reference

CASES = [("2d", (4, 4), (2, 2)), ("anisotropic", (6, 4), (3, 1)), ("3d", (4, 2, 6), (2, 1, 3)), ("one", (3, 5), (1, 1))]


def random_map(size, seed=0, batch=2, channels=3):
    return torch.randn(batch, channels, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def grids(draw):
    """Spatial size, factor and seed for two or three axes."""
    axes = draw(st.integers(2, 3))
    factor = draw(st.lists(st.integers(1, 4), min_size=axes, max_size=axes))
    coarse = draw(st.lists(st.integers(1, 4), min_size=axes, max_size=axes))
    return [f * c for f, c in zip(factor, coarse, strict=True)], factor, draw(st.integers(0, 2**16))


class TestMarginalize(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_reference_values_and_gradients(self, _, size, factor):
        x = random_map(size).requires_grad_()
        fast, slow = marginalize(x, list(factor)), reference.marginalize(x, factor)
        torch.testing.assert_close(fast, slow)
        cotangent = torch.randn_like(slow)
        torch.testing.assert_close(*(torch.autograd.grad(y, x, cotangent)[0] for y in (fast, slow)))

    @parameterized.expand(CASES)
    def test_log_marginalize(self, _, size, factor):
        x = random_map(size)
        torch.testing.assert_close(log_marginalize(x, list(factor)).exp(), reference.marginalize(x.exp(), factor))

    def test_log_marginalize_does_not_leave_log_space(self):
        # exp(-1000) underflows; four cells of log-probability -1000 sum to -1000 + log 4
        out = log_marginalize(torch.full((1, 1, 2, 2), -1000.0), 2)
        self.assertAlmostEqual(out.item(), -1000 + 1.3862944, places=3)

    @settings(max_examples=50, deadline=None, derandomize=True)
    @given(grids())
    def test_adjoint(self, grid):
        size, factor, seed = grid
        p = random_map(size, seed)
        x = random_map([s // f for s, f in zip(size, factor, strict=True)], seed + 1)
        left, right = (marginalize(p, factor) * x).sum(), (p * broadcast_blocks(x, factor)).sum()
        torch.testing.assert_close(left, right, rtol=0, atol=1e-10)

    @settings(max_examples=30, deadline=None, derandomize=True)
    @given(grids())
    def test_blocks_round_trip_and_order(self, grid):
        size, factor, seed = grid
        x = random_map(size, seed)
        blocks = to_blocks(x, factor)
        self.assertTrue(torch.equal(from_blocks(blocks, factor), x))
        # the last coarse cell holds the cells below it, in C order
        last = tuple(s // f - 1 for s, f in zip(size, factor, strict=True))
        expected = torch.stack([x[(slice(None), slice(None), *j)] for j in reference.cells_below(last, factor)], -1)
        self.assertTrue(torch.equal(blocks[(slice(None), slice(None), slice(None), *last)], expected))

    def test_int_factor_and_mass(self):
        x = random_map((4, 8))
        self.assertTrue(torch.equal(marginalize(x, 2), marginalize(x, [2, 2])))
        torch.testing.assert_close(marginalize(x, 4).sum((2, 3)), x.sum((2, 3)))

    def test_hand_calculation(self):
        x = torch.arange(8.0).reshape(1, 1, 2, 4)  # rows 0 1 2 3 and 4 5 6 7: blocks 0+1+4+5 and 2+3+6+7
        self.assertEqual(marginalize(x, 2).flatten().tolist(), [10.0, 18.0])
        self.assertEqual(broadcast_blocks(torch.tensor([[[[1.0, 2.0]]]]), [1, 2]).flatten().tolist(), [1, 1, 2, 2])

    @parameterized.expand(CASES)
    def test_gradcheck(self, _, size, factor):
        x = random_map(size, batch=1, channels=1).requires_grad_()
        for function in (marginalize, log_marginalize):
            self.assertTrue(torch.autograd.gradcheck(lambda p, f=function: f(p, list(factor)), x))
        y = random_map([s // f for s, f in zip(size, factor, strict=True)], batch=1, channels=1).requires_grad_()
        self.assertTrue(torch.autograd.gradcheck(lambda p: broadcast_blocks(p, list(factor)), y))

    @parameterized.expand([("list", [2, 2]), ("int", 2)])
    def test_script(self, _, factor):
        x = random_map((4, 6))
        for function in (marginalize, log_marginalize, broadcast_blocks, to_blocks):
            self.assertTrue(torch.equal(torch.jit.script(function)(x, factor), function(x, factor)))
        blocks = to_blocks(x, factor)
        self.assertTrue(torch.equal(torch.jit.script(from_blocks)(blocks, factor), x))

    def test_refusals(self):
        x = torch.zeros(1, 1, 4, 6)
        with self.assertRaisesRegex(ValueError, r"factor: expected a divisor of .* \[4, 6\], got \[4, 4\]"):
            marginalize(x, 4)
        with self.assertRaisesRegex(ValueError, r"factor: expected a positive int or 2 of them, got \[2\]"):
            marginalize(x, [2])
        with self.assertRaisesRegex(ValueError, r"got \[0, 0\]"):
            broadcast_blocks(x, 0)


class TestBlockFactor(unittest.TestCase):
    def test_factor(self):
        self.assertEqual(block_factor([8, 6, 4], [4, 2, 4]), [2, 3, 1])
        self.assertEqual(torch.jit.script(block_factor)([8, 6], [4, 2]), [2, 3])

    @parameterized.expand([([8, 8], [3, 4]), ([8, 8], [4]), ([4, 4], [8, 8]), ([4, 4], [0, 4])])
    def test_refusals(self, fine, coarse):
        with self.assertRaises(ValueError) as caught:
            block_factor(fine, coarse)
        self.assertIn(f"got {fine} and {coarse}", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
