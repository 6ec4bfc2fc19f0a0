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
"""Ipopt against the closed form: objective, maps, duals, and what happens without a solver."""

from __future__ import annotations

import subprocess
import sys
import unittest
from unittest import mock

import numpy as np
import torch
from parameterized import parameterized

from monai_dd.convex import solve_program, solve_programs
from monai_dd.networks.layers import consistent_attention, program_value
from tests import reference

NESTS = [
    ("2d_8", [(8, 8), (4, 4)], None),
    ("2d_32", [(32, 32), (16, 16)], None),
    ("2d_64", [(64, 64), (32, 32)], None),
    ("weights", [(16, 16), (8, 8)], [2.0, 0.5]),
    ("three_levels", [(32, 32), (16, 16), (4, 4)], None),
    ("three_levels_anisotropic_weights", [(16, 12), (8, 6), (2, 6)], [0.5, 2.0, 3.0]),
    ("3d", [(8, 4, 4), (4, 2, 2)], None),
    ("3d_three_levels_weights", [(8, 4, 6), (4, 4, 3), (2, 2, 1)], [1.0, 2.0, 0.7]),
]


def potentials(shapes, seed=0, batch=1):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, 1, *s, generator=generator, dtype=torch.float64) for s in shapes]


class TestSolveProgram(unittest.TestCase):
    @parameterized.expand(NESTS)
    def test_agrees_with_closed_form(self, _, shapes, weights):
        phi = potentials(shapes)
        solution = solve_program([p[0, 0] for p in phi], weights)
        exact = consistent_attention(phi, weights)
        self.assertEqual(solution.status, "Solve_Succeeded")
        self.assertTrue(solution.success)
        self.assertGreater(solution.iterations, 0)
        self.assertLess(abs(solution.objective - program_value(phi, weights).item()), 1e-9)
        for found, log_mu in zip(solution.maps, exact.log_mu, strict=True):
            np.testing.assert_allclose(found, log_mu.exp()[0, 0].numpy(), rtol=0, atol=1e-5)
        # a dual is a log ratio of maps: 1e-5 is what maps of 1e-4 per cell and the solver's tolerance leave of it
        for found, witness in zip(solution.duals, exact.witness, strict=True):
            self.assertLess(abs(found.mean()), 1e-12)
            np.testing.assert_allclose(found, (witness - witness.mean())[0, 0].numpy(), rtol=0, atol=1e-5)

    def test_consistent_maps_and_objective(self):
        phi = [p[0, 0].numpy() for p in potentials([(8, 8), (4, 4), (2, 2)])]
        solution = solve_program(phi, [1.0, 2.0, 3.0])
        tau = [np.exp(p) / np.exp(p).sum() for p in phi]
        for fine, coarse in zip(solution.maps[:-1], solution.maps[1:], strict=True):
            self.assertEqual(fine.dtype, np.float64)
            self.assertAlmostEqual(fine.sum(), 1.0, delta=1e-10)
            marginal = reference.marginalize(torch.from_numpy(fine)[None, None], (2, 2))[0, 0].numpy()
            np.testing.assert_allclose(marginal, coarse, rtol=0, atol=1e-10)
        self.assertAlmostEqual(solution.objective, reference.objective(solution.maps, tau, [1, 2, 3]), delta=1e-10)

    def test_peaked_potentials(self):
        # potentials five times as large leave cells with 1e-16 of the mass
        phi = [5 * p for p in potentials([(16, 16), (8, 8)])]
        solution = solve_program([p[0, 0] for p in phi])
        self.assertTrue(solution.success)
        self.assertLess(abs(solution.objective - program_value(phi).item()), 1e-9)
        for found, log_mu in zip(solution.maps, consistent_attention(phi).log_mu, strict=True):
            np.testing.assert_allclose(found, log_mu.exp()[0, 0].numpy(), rtol=0, atol=1e-5)

    def test_status_when_stopped_early(self):
        solution = solve_program([p[0, 0] for p in potentials([(8, 8), (4, 4)])], options={"max_iter": 2})
        self.assertEqual(solution.status, "Maximum_Iterations_Exceeded")
        self.assertFalse(solution.success)
        self.assertEqual(solution.iterations, 2)

    def test_batch(self):
        phi = potentials([(4, 4), (2, 2)], batch=3)
        solutions = solve_programs(phi, progress=True)
        exact = consistent_attention(phi)
        self.assertEqual(len(solutions), 3)
        for i, solution in enumerate(solutions):
            np.testing.assert_allclose(solution.maps[0], exact.log_mu[0][i, 0].exp().numpy(), rtol=0, atol=1e-5)

    def test_batch_refuses_channels_and_mixed_batches(self):
        with self.assertRaisesRegex(ValueError, r"expected \(B, 1, \*spatial\).*got \[\(1, 2\), \(1, 2\)\]"):
            solve_programs([torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2)])
        with self.assertRaisesRegex(ValueError, "of one batch size"):
            solve_programs([torch.zeros(2, 1, 4, 4), torch.zeros(1, 1, 2, 2)])


class TestOptionalPackages(unittest.TestCase):
    @parameterized.expand([("pyomo.environ", "pyomo"), ("casadi", "casadi")])
    def test_missing_package(self, module, name):
        with mock.patch.dict(sys.modules, {module: None}):
            with self.assertRaises(ImportError) as caught:
                solve_program([np.zeros((2, 2)), np.zeros((1, 1))])
        self.assertEqual(str(caught.exception), f"the convex program needs {name}: pip install monai-dd[convex]")

    def test_missing_solver(self):
        with mock.patch("casadi.has_nlpsol", return_value=False), self.assertRaisesRegex(RuntimeError, "Ipopt"):
            solve_program([np.zeros((2, 2)), np.zeros((1, 1))])

    def test_nothing_imported_early(self):
        code = "import sys, monai_dd.convex; print(sorted({'pyomo', 'casadi'} & set(sys.modules)))"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(run.stdout.strip(), "[]")


if __name__ == "__main__":
    unittest.main()
