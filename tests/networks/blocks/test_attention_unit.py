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
"""Tests of the attention unit."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.blocks import AttentionUnit
from tests.networks.blocks.reference import gate_features, potential

SHAPES = [(2, (3, 4)), (3, (2, 3, 2))]
CASES = [(dims, size, gates, rescale) for dims, size in SHAPES for gates in (1, 2, 3) for rescale in (False, True)]


def _unit(spatial_dims, **options):
    torch.manual_seed(0)
    return AttentionUnit(spatial_dims, 5, **options).double()


class TestAttentionUnit(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_cascade_equals_loops(self, dims, size, gates, rescale):
        unit = _unit(dims, num_gates=gates, rescale=rescale, init_scale=4.0)
        v = torch.randn(2, 5, *size, dtype=torch.float64, requires_grad=True)
        expected, phi = v, v
        for gate in unit.gates:
            phi = potential(gate, expected)
            expected = gate_features(phi, expected, rescale)
        passed, last = unit(v)
        torch.testing.assert_close(passed, expected, rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(last, phi, rtol=1e-11, atol=1e-12)
        wanted = [v, *unit.gates[-1].parameters()]
        weights = torch.randn_like(passed)
        grads = zip(
            torch.autograd.grad((passed * weights).sum(), wanted),
            torch.autograd.grad((expected * weights).sum(), wanted),
            strict=True,
        )
        for got, slow in grads:
            torch.testing.assert_close(got, slow, rtol=1e-9, atol=1e-11)

    @parameterized.expand(SHAPES)
    def test_rescaled_uniform_attention_changes_nothing(self, dims, size):
        unit = _unit(dims, num_gates=2, rescale=True)
        for gate in unit.gates:
            torch.nn.init.zeros_(gate.project.weight)
        v = torch.randn(2, 5, *size, dtype=torch.float64)
        torch.testing.assert_close(unit(v)[0], v)

    @parameterized.expand([(1,), (2,)])
    def test_each_gate_of_the_paper_shrinks_by_the_number_of_cells(self, gates):
        unit = _unit(2, num_gates=gates)
        for gate in unit.gates:
            torch.nn.init.zeros_(gate.project.weight)
        v = torch.randn(2, 5, 4, 8, dtype=torch.float64)
        torch.testing.assert_close(unit(v)[0] * 32**gates, v)

    def test_samples_do_not_interact(self):
        unit = _unit(2, num_gates=2)
        v = torch.randn(4, 5, 4, 4, dtype=torch.float64)
        for row in range(4):
            for alone, batch in zip(unit(v[row : row + 1]), unit(v), strict=True):
                torch.testing.assert_close(alone[0], batch[row], rtol=1e-12, atol=1e-14)

    def test_input_is_not_modified(self):
        v = torch.randn(1, 5, 4, 4, dtype=torch.float64)
        before = v.clone()
        _unit(2, num_gates=2)(v)
        self.assertTrue(torch.equal(v, before))

    def test_half_precision_features_stay_half(self):
        unit = AttentionUnit(2, 5).to(torch.bfloat16)
        passed, phi = unit(torch.randn(1, 5, 4, 4, dtype=torch.bfloat16))
        self.assertEqual((passed.dtype, phi.dtype), (torch.bfloat16, torch.float32))

    @parameterized.expand(CASES)
    def test_scripts(self, dims, size, gates, rescale):
        unit = _unit(dims, num_gates=gates, rescale=rescale)
        v = torch.randn(2, 5, *size, dtype=torch.float64)
        for scripted, eager in zip(torch.jit.script(unit)(v), unit(v), strict=True):
            torch.testing.assert_close(scripted, eager, rtol=0, atol=0)

    def test_bad_number_of_gates(self):
        with self.assertRaisesRegex(ValueError, "^num_gates: expected 1 or more, got 0$"):
            AttentionUnit(2, 4, num_gates=0)


if __name__ == "__main__":
    unittest.main()
