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
"""Contributions of cells: sums of products, against loops."""

from __future__ import annotations

import unittest

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.networks.layers import cell_contributions, contrast, sum_levels

GRIDS = [((2, 3),), ((2, 3, 2),)]


class TestCellContributions(unittest.TestCase):
    @parameterized.expand(GRIDS)
    def test_equals_loops(self, grid):
        torch.manual_seed(0)
        v = torch.randn(2, 4, *grid, dtype=torch.float64)
        mu = torch.rand(2, 1, *grid, dtype=torch.float64)
        w = torch.randn(3, 4, dtype=torch.float64)
        got = cell_contributions(v, mu, w)
        self.assertEqual(got.shape, (2, 3, *grid))
        for b, k in ((b, k) for b in range(2) for k in range(3)):
            for cell in torch.cartesian_prod(*[torch.arange(n) for n in grid]).tolist():
                expected = mu[(b, 0, *cell)] * sum(w[k, c] * v[(b, c, *cell)] for c in range(4))
                self.assertAlmostEqual(float(got[(b, k, *cell)]), float(expected), places=12)
        self.assertTrue(torch.equal(torch.jit.script(cell_contributions)(v, mu, w), got))

    def test_half_precision_features(self):
        got = cell_contributions(torch.ones(1, 2, 2, 2).bfloat16(), torch.full((1, 1, 2, 2), 0.25), torch.ones(3, 2))
        self.assertEqual(got.dtype, torch.float32)
        torch.testing.assert_close(got, torch.full((1, 3, 2, 2), 0.5))


class TestContrast(unittest.TestCase):
    @parameterized.expand([(2,), (5,)])
    def test_equals_loops(self, num_classes):
        c = torch.randn(2, num_classes, 3, 3, dtype=torch.float64)
        for k in range(num_classes):
            others = torch.stack([c[:, j] for j in range(num_classes) if j != k]).mean(0)
            torch.testing.assert_close(contrast(c)[:, k], c[:, k] - others, rtol=1e-12, atol=1e-12)

    def test_one_class_has_none_to_compare_with(self):
        c = torch.randn(2, 1, 3, 3)
        self.assertTrue(torch.equal(contrast(c), c))


class TestSumLevels(unittest.TestCase):
    @given(st.integers(0, 2**16), st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3))
    @settings(max_examples=30, deadline=None)
    def test_keeps_the_sum_of_every_block(self, seed, factors):
        generator = torch.Generator().manual_seed(seed)
        shapes = [(2, 1)]
        for f in factors:
            shapes.insert(0, (shapes[0][0] * f[0], shapes[0][1] * f[1]))
        levels = [torch.randn(1, 2, *shape, generator=generator, dtype=torch.float64) for shape in shapes]
        total = sum_levels(levels)
        self.assertEqual(total.shape, levels[0].shape)
        rows = shapes[0][0] // 2
        for block in range(2):  # the two cells of the coarsest grid
            expected = 0.0
            for level in levels:
                size = level.shape[2] // 2
                expected = expected + level[:, :, block * size : (block + 1) * size].sum((2, 3))
            torch.testing.assert_close(
                total[:, :, block * rows : (block + 1) * rows].sum((2, 3)), expected, rtol=1e-10, atol=1e-10
            )

    def test_a_coarse_cell_is_divided_evenly(self):
        coarse = torch.tensor([[[[8.0, 0.0]]]])
        torch.testing.assert_close(
            sum_levels([torch.zeros(1, 1, 2, 8), coarse])[0, 0], torch.tensor([[1.0] * 4 + [0.0] * 4] * 2)
        )

    def test_grids_that_do_not_nest(self):
        with self.assertRaisesRegex(ValueError, "nested"):
            sum_levels([torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 3, 3)])


if __name__ == "__main__":
    unittest.main()
