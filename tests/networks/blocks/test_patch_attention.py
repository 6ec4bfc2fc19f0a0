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
"""Tests of mean pooling, attention and gated attention."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.blocks import AttentionPooling, MeanPooling
from tests.networks.blocks.reference_patches import ilse_potential

GRIDS = [(2, (3, 4)), (3, (2, 3, 2))]
CASES = [(dims, grid, gated) for dims, grid in GRIDS for gated in (False, True)]


def _pooling(dims: int, gated: bool) -> AttentionPooling:
    torch.manual_seed(0)
    pooling = AttentionPooling(dims, 5, 7, gated).double()
    return pooling


class TestAttentionPooling(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_equals_loops(self, dims, grid, gated):
        pooling = _pooling(dims, gated)
        h = torch.randn(2, 5, *grid, dtype=torch.float64, requires_grad=True)
        weights, phi = pooling(h, h)
        slow = ilse_potential(pooling, h)
        torch.testing.assert_close(phi, slow, rtol=1e-12, atol=1e-13)
        tau = slow.exp() / slow.exp().flatten(1).sum(1).reshape(-1, *[1] * (dims + 1))
        torch.testing.assert_close(weights, tau, rtol=1e-12, atol=1e-14)
        upstream = torch.randn(2, 1, *grid, dtype=torch.float64)
        wanted = [h, *(p for p in pooling.parameters() if p is not pooling.project.bias)]
        grads = [torch.autograd.grad((w * upstream).sum(), wanted) for w in (weights, tau)]
        for got, expected in zip(*grads, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)

    @parameterized.expand([(False, 512 * 128 + 128 + 128 + 1), (True, 2 * (512 * 128 + 128) + 128 + 1)])
    def test_parameters(self, gated, expected):
        with torch.device("meta"):
            self.assertEqual(sum(p.numel() for p in AttentionPooling(2, 512, gated=gated).parameters()), expected)

    @parameterized.expand(CASES)
    def test_scripts(self, dims, grid, gated):
        pooling, h = _pooling(dims, gated), torch.randn(2, 5, *grid, dtype=torch.float64)
        torch.testing.assert_close(torch.jit.script(pooling)(h, h), pooling(h, h), rtol=0, atol=0)

    @parameterized.expand([(False,), (True,)])
    def test_float32_from_half_precision(self, gated):
        pooling, h = _pooling(2, gated).float(), torch.randn(2, 5, 8, 8)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            weights, phi = pooling(h, h)
        self.assertEqual((weights.dtype, phi.dtype), (torch.float32, torch.float32))
        torch.testing.assert_close(weights.sum((2, 3)), torch.ones(2, 1), rtol=0, atol=1e-6)

    def test_bad_argument(self):
        with self.assertRaisesRegex(ValueError, "^in_channels, embed_dim: expected positive numbers, got 5, 0$"):
            AttentionPooling(2, 5, 0)


class TestMeanPooling(unittest.TestCase):
    @parameterized.expand([(grid, dtype) for _, grid in GRIDS for dtype in (torch.float32, torch.float64)])
    def test_equal_weights(self, grid, dtype):
        h = torch.randn(2, 5, *grid, dtype=dtype)
        for pooling in (MeanPooling(), torch.jit.script(MeanPooling())):
            weights, phi = pooling(h, h)
            cells = h[0, 0].numel()
            torch.testing.assert_close(weights, torch.full((2, 1, *grid), 1 / cells, dtype=dtype))
            self.assertTrue(torch.equal(phi, torch.zeros_like(weights)))


if __name__ == "__main__":
    unittest.main()
