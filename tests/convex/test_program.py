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
"""The Pyomo model: its constraints and its refusals."""

from __future__ import annotations

import unittest

import numpy as np
from parameterized import parameterized

from monai_dd.convex import build_program


class TestBuildProgram(unittest.TestCase):
    def test_model(self):
        tau = [np.full((4, 6), 1 / 24), np.full((2, 2), 1 / 4)]
        model = build_program(tau)
        self.assertEqual(len(model.mu), 28)
        self.assertEqual(len(model.marginal), 4)
        # equal maps agree already: they are feasible and the objective is zero
        self.assertAlmostEqual(model.divergence(), 0.0, places=12)
        for constraint in model.marginal.values():
            self.assertAlmostEqual(constraint.body(), 0.0, places=12)
        # the coarse cell (1, 0) and the 2 x 3 fine cells below it
        from pyomo.core.expr import identify_variables

        names = {v.index() for v in identify_variables(model.marginal[0, 1, 0].body)}
        self.assertEqual(names, {(1, 1, 0), *((0, 2 + a, b) for a in range(2) for b in range(3))})

    @parameterized.expand(
        [
            ("one_level", [np.full((2, 2), 0.25)], None, "two or more grids.*got 1"),
            ("not_nested", [np.full((3, 3), 1 / 9), np.full((2, 2), 0.25)], None, "nested grids"),
            ("zero", [np.eye(2) / 2, np.ones((1, 1))], None, "positive probabilities of sum one, got minimum 0"),
            ("sum", [np.ones((2, 2)), np.ones((1, 1))], None, "positive probabilities of sum one.*sum 4"),
            ("batch", [np.full((1, 1, 2, 2), 0.25), np.ones((1, 1, 1, 1))], None, r"got shape \[1, 1, 2, 2\]"),
            ("weights", [np.full((2, 2), 0.25), np.ones((1, 1))], [1, 0], r"weights: .* 2 levels, got \[1, 0\]"),
            ("weight_count", [np.full((2, 2), 0.25), np.ones((1, 1))], [1], r"weights: .* 2 levels, got \[1\]"),
        ]
    )
    def test_refusals(self, _, tau, weights, message):
        with self.assertRaisesRegex(ValueError, message):
            build_program(tau, weights)


if __name__ == "__main__":
    unittest.main()
