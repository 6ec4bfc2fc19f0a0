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
"""Tests of the convex program as explanation: the closed form must give the same maps."""

from __future__ import annotations

import unittest
from unittest import mock

import torch
from parameterized import parameterized

from monai_dd.explain import AttentionExplainer, ConvexProgram, UnsuitedError
from monai_dd.explain import convex as module
from tests.networks.nets.variants import build

FOUR = ["block1", "block2", "block3", "block4"]


def _image(batch=2):
    return torch.randn(batch, 1, 16, 16, generator=torch.Generator().manual_seed(1))


class TestConvexProgram(unittest.TestCase):
    @parameterized.expand(
        [("unconstrained_gated", None), ("unconstrained", None), ("dual", None), ("unconstrained", FOUR)]
    )
    def test_is_the_closed_form(self, name, attend):
        network, _ = build(name, 2, "unet", 16, **({"attend": attend} if attend else {}))
        for level in ConvexProgram(network).levels:
            solved = ConvexProgram(network, level)(_image())
            torch.testing.assert_close(solved, AttentionExplainer(network, level, True)(_image()), atol=1e-5, rtol=0)
            torch.testing.assert_close(solved.flatten(1).sum(1), torch.ones(2))

    def test_it_is_not_what_the_network_attends(self):
        network, _ = build("unconstrained", 2, "unet", 16)
        gap = ConvexProgram(network)(_image()) - AttentionExplainer(network)(_image())
        self.assertGreater(float(gap.abs().max()), 1e-4)

    def test_levels_of_a_batch_are_solved_once(self):
        fine = ConvexProgram(build("unconstrained", 2, "unet", 16)[0])
        coarse = fine.at_level("coarse")
        with mock.patch.object(module, "solve_programs", wraps=module.solve_programs) as solve:
            first, second = fine(_image()), coarse(_image())
            self.assertEqual(solve.call_count, 1)
            self.assertEqual((first.shape[-1], second.shape[-1]), (4, 2))
            fine(_image(1))
            self.assertEqual(solve.call_count, 2)

    def test_says_what_was_not_solved(self):
        explainer = ConvexProgram(build("unconstrained", 2, "unet", 16)[0])
        stopped = mock.patch.dict("monai_dd.convex.solve.OPTIONS", {"max_iter": 1})
        with stopped, self.assertRaisesRegex(ValueError, "^convex program: 2 of 2 not solved, Ipopt says Maximum_It"):
            explainer(_image())

    @parameterized.expand(
        [
            ("exact", "expected levels to make consistent, those of consistency 'exact' agree already"),
            ("tau_fine_gated", r"expected two attended stages or more to make consistent, got \['block3'\]"),
        ]
    )
    def test_nothing_to_solve(self, name, line):
        with self.assertRaisesRegex(UnsuitedError, f"^network: {line}$"):
            ConvexProgram(build(name, 2, "unet", 16)[0])


if __name__ == "__main__":
    unittest.main()
