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
"""The learned witness and the maps it reparameterizes."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.layers import (
    DualWitness,
    consistent_attention,
    marginalize,
    spatial_log_softmax,
    witnessed_attention,
)
from tests.networks.layers.test_consistent_attention import gap, potentials

SIZES = [("2d", (4, 6)), ("3d", (4, 2, 6))]


def witness_with(size, seed=0):
    module = DualWitness(size).double()
    torch.nn.init.normal_(module.grid, generator=torch.Generator().manual_seed(seed))
    return module


class TestDualWitness(unittest.TestCase):
    @parameterized.expand(SIZES)
    def test_starts_at_zero_with_one_number_per_cell(self, _, size):
        module = DualWitness(size)
        self.assertEqual(sum(p.numel() for p in module.parameters()), int(torch.tensor(size).prod()))
        self.assertFalse(module(list(size)).any())

    @parameterized.expand(SIZES)
    def test_own_size_is_the_grid_itself(self, _, size):
        module = witness_with(size)
        for form in (list(size), tuple(size), torch.Size(size)):
            self.assertIs(module(form), module.grid)

    @parameterized.expand(SIZES)
    def test_other_size_is_resampled(self, _, size):
        module = witness_with(size)
        double = [2 * s for s in size]
        out = module(double)
        self.assertEqual(tuple(out.shape), (1, 1, *double))
        # half-pixel centers: the middle of a doubled block is the old cell only for fields linear in the coordinates
        with torch.no_grad():
            module.grid.copy_(torch.arange(float(size[0])).reshape(-1, *[1] * (len(size) - 1)).expand(size))
            inner = module(double)[0, 0].reshape(double[0], -1)[1:-1, 0]
        torch.testing.assert_close(inner, 0.25 + 0.5 * torch.arange(double[0] - 2.0, dtype=torch.float64))

    def test_constant_survives_any_size(self):
        module = DualWitness((4, 4))
        torch.nn.init.constant_(module.grid, 1.5)
        for size in ([2, 2], [4, 4], [7, 7]):
            torch.testing.assert_close(module(size), torch.full((1, 1, *size), 1.5))

    @parameterized.expand([([4, 4],), ([8, 10],), ([4, 6, 6],), ([4],)])
    def test_other_proportions_are_refused(self, size):
        with self.assertRaises(ValueError) as caught:
            DualWitness((4, 6))(size)
        self.assertIn(f"grid [4, 6]; expected its proportions, got {size}", str(caught.exception))

    @parameterized.expand([((4,),), ((4, 0),), ((2, 2, 2, 2),)])
    def test_sizes_are_checked(self, size):
        with self.assertRaisesRegex(ValueError, "spatial_size: expected two or three positive sizes"):
            DualWitness(size)

    @parameterized.expand(SIZES)
    def test_script(self, _, size):
        module = witness_with(size)
        scripted = torch.jit.script(module)
        for scale in (1, 2):
            self.assertTrue(torch.equal(scripted([scale * s for s in size]), module([scale * s for s in size])))
        with self.assertRaisesRegex(torch.jit.Error, "expected its proportions"):
            scripted([size[0] + 1, *size[1:]])

    @parameterized.expand(SIZES)
    def test_gradcheck(self, _, size):
        module = witness_with(size)
        fine, coarse = potentials([[2 * s for s in size], size], batch=2)

        def maps(grid):
            witness = torch.func.functional_call(module, {"grid": grid}, (list(size),))
            larger = torch.func.functional_call(module, {"grid": grid}, ([2 * s for s in size],))
            return (*witnessed_attention([fine, coarse], [witness]), larger)

        self.assertTrue(torch.autograd.gradcheck(maps, module.grid))


class TestWitnessedAttention(unittest.TestCase):
    def test_zero_witness_is_plain_attention(self):
        phi = potentials([(8, 8), (4, 4), (2, 2)])
        zero = [torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)]
        for left, p in zip(witnessed_attention(phi, zero), phi, strict=True):
            torch.testing.assert_close(left, spatial_log_softmax(p), rtol=0, atol=1e-14)

    @parameterized.expand([("2d", [(8, 8), (4, 4), (2, 2)]), ("3d", [(4, 4, 2), (2, 2, 1)])])
    def test_the_optimal_witness_gives_the_optimal_maps(self, _, shapes):
        phi = potentials(shapes)
        exact = consistent_attention(phi)
        maps = witnessed_attention(phi, list(exact.witness))
        for left, right in zip(maps, exact.log_mu, strict=True):
            torch.testing.assert_close(left, right, rtol=0, atol=1e-12)
        self.assertLess(gap(maps), 1e-14)

    def test_eq_5_by_hand(self):
        # one coarse row of two cells over 1 x 4 fine cells, lambda = (log 2, 0)
        lam = torch.tensor([2.0, 1.0]).log().reshape(1, 1, 1, 2)
        fine, coarse = witnessed_attention([torch.zeros(1, 1, 1, 4), torch.zeros(1, 1, 1, 2)], [lam])
        # coarse: (2, 1) / 3; fine: (1/2, 1/2, 1, 1) / 3, whose marginals are (1/3, 2/3)
        torch.testing.assert_close(coarse.exp().flatten(), torch.tensor([2 / 3, 1 / 3]))
        torch.testing.assert_close(marginalize(fine.exp(), [1, 2]).flatten(), torch.tensor([1 / 3, 2 / 3]))

    @parameterized.expand([(torch.float16,), (torch.bfloat16,)])
    def test_half_precision(self, dtype):
        half = [p.to(dtype) for p in potentials([(8, 8), (4, 4)])]
        witness = [witness_with((4, 4)).float().grid.detach()]
        with torch.autocast("cpu", torch.bfloat16):
            for left, right in zip(
                witnessed_attention(half, witness), witnessed_attention([p.float() for p in half], witness), strict=True
            ):
                self.assertEqual(left.dtype, torch.float32)
                self.assertTrue(torch.equal(left, right))

    def test_learning_closes_the_gap_of_one_image(self):
        phi = potentials([(8, 8), (4, 4)], batch=1)
        module = DualWitness((4, 4)).double()
        optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
        for _ in range(300):
            optimizer.zero_grad()
            fine, coarse = witnessed_attention(phi, [module([4, 4])])
            (marginalize(fine.exp(), 2) - coarse.exp()).square().sum().backward()
            optimizer.step()
        self.assertLess(gap([m.detach() for m in witnessed_attention(phi, [module([4, 4])])]), 1e-3)
        # Theorem 3.1: maps that agree are the optimum
        optimum = consistent_attention(phi).log_mu[1].exp()
        torch.testing.assert_close(coarse.detach().exp(), optimum, rtol=0, atol=1e-3)

    def test_script(self):
        phi, witness = potentials([(8, 8), (4, 4)]), [witness_with((4, 4)).grid.detach()]
        for left, right in zip(
            torch.jit.script(witnessed_attention)(phi, witness), witnessed_attention(phi, witness), strict=True
        ):
            self.assertTrue(torch.equal(left, right))

    def test_refusals(self):
        phi = potentials([(8, 8), (4, 4)])
        with self.assertRaisesRegex(ValueError, "witness: expected 1 grids, one for each pair of levels, got 2"):
            witnessed_attention(phi, [torch.zeros(1, 1, 4, 4)] * 2)
        with self.assertRaisesRegex(ValueError, r"nested grids.*got \[8, 8\] and \[3, 4\]"):
            witnessed_attention(phi, [torch.zeros(1, 1, 3, 4)])


if __name__ == "__main__":
    unittest.main()
