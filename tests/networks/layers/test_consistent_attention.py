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
"""Numbers, types and refusals of the closed form; its theory is in test_consistency_program."""

from __future__ import annotations

import unittest
from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.networks.layers import (
    ConsistentAttention,
    block_factor,
    consistent_attention,
    marginalize,
    program_value,
    spatial_log_softmax,
)
from tests import reference

NESTS = [
    ("2d", [(8, 8), (4, 4)], None),
    ("2d_anisotropic_weights", [(6, 8), (2, 8)], [2.0, 0.5]),
    ("2d_three_levels", [(8, 8), (4, 4), (2, 1)], [1.0, 3.0, 0.5]),
    ("3d", [(4, 4, 2), (2, 2, 2)], None),
    ("3d_four_levels", [(8, 4, 4), (4, 4, 4), (2, 2, 2), (1, 2, 1)], None),
]


def potentials(shapes, seed=0, batch=2, scale=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(batch, 1, *s, generator=generator, dtype=dtype) for s in shapes]


def gap(log_mu):
    """Largest total variation between one level, marginalized in float64, and the next."""
    worst = 0.0
    for fine, coarse in pairwise(log_mu):
        seen = marginalize(fine.double().exp(), block_factor(list(fine.shape[2:]), list(coarse.shape[2:])))
        worst = max(worst, 0.5 * (seen - coarse.double().exp()).abs().flatten(1).sum(1).max().item())
    return worst


class TestNumbers(unittest.TestCase):
    @parameterized.expand(
        [
            ("2d", (8, 6), (4, 2), 1.0, 1.0),
            ("weights", (4, 4), (2, 2), 3.0, 0.5),
            ("3d", (4, 2, 4), (2, 2, 1), 1.0, 2.0),
        ]
    )
    def test_reference_values_and_gradients(self, _, fine, coarse, w_fine, w_coarse):
        phi = [p.requires_grad_() for p in potentials([fine, coarse])]
        fast = [m.exp() for m in consistent_attention(phi, [w_fine, w_coarse]).log_mu]
        slow = reference.consistent_pair(*phi, w_fine, w_coarse)
        cotangents = potentials([fine, coarse], seed=1)
        for left, right in zip(fast, slow, strict=True):
            torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-14)
        gradients = [torch.autograd.grad(maps, phi, cotangents, retain_graph=True) for maps in (fast, slow)]
        for left, right in zip(*gradients, strict=True):
            torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-14)

    def test_eq_2(self):
        phi = potentials([(4, 6)], batch=3)[0]
        torch.testing.assert_close(spatial_log_softmax(phi).exp(), reference.attention(phi), rtol=1e-12, atol=1e-15)

    @parameterized.expand(NESTS)
    def test_gradcheck(self, _, shapes, weights):
        phi = [p.requires_grad_() for p in potentials(shapes, batch=1)]

        def everything(*levels):
            result = consistent_attention(list(levels), weights)
            return (*result.log_mu, *result.witness, program_value(list(levels), weights))

        self.assertTrue(torch.autograd.gradcheck(everything, phi))

    @parameterized.expand(
        [
            (scale, shapes, 1e-6 if scale == 1 else 5e-6)
            for scale in (1, 10)
            for shapes in (
                [(8, 8), (4, 4)],
                [(32, 32), (16, 16)],
                [(64, 64), (32, 32)],
                [(128, 128), (64, 64), (32, 32)],
            )
        ]
        + [(1, [(32, 32, 16), (16, 16, 8)], 1e-6), (10, [(32, 32, 16), (16, 16, 8)], 5e-6)]
    )
    def test_gap_in_float32(self, scale, shapes, bound):
        phi = potentials(shapes, batch=4, scale=scale, dtype=torch.float32)
        log_mu = consistent_attention(phi).log_mu
        self.assertLess(gap(log_mu), bound)
        for level in log_mu:
            torch.testing.assert_close(level.double().exp().sum((1, *range(2, level.dim()))).float(), torch.ones(4))

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.data())
    def test_any_nest_any_potentials(self, data):
        axes, levels = data.draw(st.integers(2, 3)), data.draw(st.integers(2, 4))
        shapes = [data.draw(st.lists(st.integers(1, 3), min_size=axes, max_size=axes))]
        for _ in range(levels - 1):
            shapes.insert(0, [s * data.draw(st.integers(1, 3 if axes == 2 else 2)) for s in shapes[0]])
        weights = data.draw(st.none() | st.lists(st.floats(1e-3, 1e3), min_size=levels, max_size=levels))
        scale, seed = data.draw(st.sampled_from([0.0, 1.0, 100.0, 1e4])), data.draw(st.integers(0, 2**16))
        phi = [p.clamp(-1e4, 1e4).requires_grad_() for p in potentials(shapes, seed, 2, scale, torch.float32)]
        result = consistent_attention(phi, weights)
        value = program_value(phi, weights)
        for level, p in zip(result.log_mu, phi, strict=True):
            self.assertEqual(level.shape, p.shape)
            self.assertLessEqual(level.max().item(), 1e-6)
        for out in (*result.log_mu, *result.witness, value):
            self.assertTrue(torch.isfinite(out).all())
        # cells that hold any mass have log-probabilities of magnitude below 100: rounding them is 1e-5 relative at most
        self.assertLess(gap([m.detach() for m in result.log_mu]), 1e-5)
        total = sum(m.sum() for m in result.log_mu) + sum(w.sum() for w in result.witness) + value.sum()
        for gradient in torch.autograd.grad(total, phi):
            self.assertTrue(torch.isfinite(gradient).all())

    @parameterized.expand([(torch.float16,), (torch.bfloat16,)])
    def test_half_precision_is_computed_in_float32(self, dtype):
        half = [p.to(dtype) for p in potentials([(16, 16), (8, 8)])]
        single = [p.float() for p in half]
        for autocast in (False, True):
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                mixed = consistent_attention([half[0], single[1]])
                for result in (consistent_attention(half), mixed):
                    for left, right in zip(result.log_mu, consistent_attention(single).log_mu, strict=True):
                        self.assertEqual(left.dtype, torch.float32)
                        self.assertTrue(torch.equal(left, right))
                self.assertTrue(torch.equal(program_value(half), program_value(single)))
        self.assertLess(gap(consistent_attention(half).log_mu), 1e-6)

    def test_float64_is_kept(self):
        result = consistent_attention(potentials([(4, 4), (2, 2)]))
        self.assertEqual({t.dtype for t in (*result.log_mu, *result.witness)}, {torch.float64})


class TestInterface(unittest.TestCase):
    @parameterized.expand(NESTS)
    def test_named_tuple_of_tuples(self, _, shapes, weights):
        result = consistent_attention(potentials(shapes), weights)
        self.assertIsInstance(result, ConsistentAttention)
        self.assertIsInstance(result.log_mu, tuple)
        self.assertIsInstance(result.witness, tuple)
        self.assertEqual([tuple(m.shape) for m in result.log_mu], [(2, 1, *s) for s in shapes])
        self.assertEqual([tuple(w.shape) for w in result.witness], [(2, 1, *s) for s in shapes[1:]])
        self.assertEqual(program_value(potentials(shapes), weights).shape, (2,))

    @parameterized.expand(NESTS)
    def test_script(self, _, shapes, weights):
        phi = potentials(shapes, dtype=torch.float32)
        eager, scripted = consistent_attention(phi, weights), torch.jit.script(consistent_attention)(phi, weights)
        for left, right in zip(eager.log_mu + eager.witness, scripted.log_mu + scripted.witness, strict=True):
            self.assertTrue(torch.equal(left, right))
        self.assertTrue(torch.equal(torch.jit.script(program_value)(phi, weights), program_value(phi, weights)))
        self.assertTrue(torch.equal(torch.jit.script(spatial_log_softmax)(phi[0]), spatial_log_softmax(phi[0])))

    def test_script_half_precision_and_refusals(self):
        phi = potentials([(4, 4), (2, 2)], dtype=torch.bfloat16)
        scripted = torch.jit.script(consistent_attention)
        self.assertTrue(torch.equal(scripted(phi).log_mu[0], consistent_attention(phi).log_mu[0]))
        with self.assertRaisesRegex(torch.jit.Error, "two or more grids"):
            scripted(phi[:1])

    @parameterized.expand(NESTS)
    def test_samples_do_not_interact(self, _, shapes, weights):
        phi = potentials(shapes, batch=4)
        together = consistent_attention(phi, weights)
        for i in range(4):
            alone = consistent_attention([p[i : i + 1] for p in phi], weights)
            pairs = zip(alone.log_mu + alone.witness, together.log_mu + together.witness, strict=True)
            for left, right in pairs:
                torch.testing.assert_close(left[0], right[i], rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(
                program_value([p[i : i + 1] for p in phi], weights)[0], program_value(phi, weights)[i]
            )

    @parameterized.expand(
        [
            ("one_level", [(2, 1, 4, 4)], None, r"two or more grids, finest first, got 1"),
            ("batch", [(2, 1, 4, 4), (1, 1, 2, 2)], None, r"got \[2, 1, 4, 4\] and \[1, 1, 2, 2\]"),
            ("channels", [(2, 1, 4, 4), (2, 3, 2, 2)], None, r"got \[2, 1, 4, 4\] and \[2, 3, 2, 2\]"),
            ("no_space", [(2, 1), (2, 1)], None, r"expected grids \(B, C, \*spatial\)"),
            ("not_nested", [(2, 1, 4, 4), (2, 1, 3, 2)], None, r"nested grids.*got \[4, 4\] and \[3, 2\]"),
            ("coarse_first", [(2, 1, 2, 2), (2, 1, 4, 4)], None, r"nested grids.*got \[2, 2\] and \[4, 4\]"),
            ("axes", [(2, 1, 4, 4), (2, 1, 2, 2, 2)], None, r"nested grids"),
            ("weight_count", [(2, 1, 4, 4), (2, 1, 2, 2)], [1.0], r"weights: .* each of 2 levels, got \[1.0\]"),
            ("weight_zero", [(2, 1, 4, 4), (2, 1, 2, 2)], [1.0, 0.0], r"positive number .* got \[1.0, 0.0\]"),
            ("weight_nan", [(2, 1, 4, 4), (2, 1, 2, 2)], [1.0, float("nan")], r"positive number"),
            ("weight_infinite", [(2, 1, 4, 4), (2, 1, 2, 2)], [1.0, float("inf")], r"positive number"),
        ]
    )
    def test_refusals(self, _, shapes, weights, message):
        phi = [torch.zeros(s) for s in shapes]
        for function in (consistent_attention, program_value):
            with self.assertRaisesRegex(ValueError, message):
                function(phi, weights)


if __name__ == "__main__":
    unittest.main()
