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
"""Theory as oracle: duality, optimality, invariances and the value of the consistency program."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.networks.layers import (
    block_factor,
    broadcast_blocks,
    consistent_attention,
    marginalize,
    program_value,
    spatial_log_softmax,
)
from tests import reference
from tests.networks.layers.test_consistent_attention import NESTS, gap, potentials


def grids(tensors):
    """The first sample's grids as arrays."""
    return [t[0, 0].numpy() for t in tensors]


def family(finest, shapes):
    """A consistent family below a finest map ``(B, 1, *fine)``: all its marginals."""
    maps = [finest]
    for shape in shapes[1:]:
        maps.append(marginalize(maps[-1], block_factor(list(maps[-1].shape[2:]), list(shape))))
    return maps


class TestOptimality(unittest.TestCase):
    @parameterized.expand(NESTS)
    def test_bregman_solver(self, _, shapes, weights):
        phi = potentials(shapes)
        slow = reference.bregman_solver(grids(phi), weights or [1.0] * len(shapes))
        for found, log_mu in zip(slow, consistent_attention(phi, weights).log_mu, strict=True):
            np.testing.assert_allclose(found, log_mu.exp()[0, 0].numpy(), rtol=0, atol=1e-11)

    @parameterized.expand(NESTS)
    def test_duality_gap_is_zero(self, _, shapes, weights):
        numbers = weights or [1.0] * len(shapes)
        phi = potentials(shapes)
        result = consistent_attention(phi, weights)
        primal = reference.objective(
            grids([m.exp() for m in result.log_mu]), grids([spatial_log_softmax(p).exp() for p in phi]), numbers
        )
        dual = reference.dual_function(grids(phi), grids(result.witness), numbers)
        self.assertAlmostEqual(primal, dual, delta=1e-12)
        self.assertAlmostEqual(primal, program_value(phi, weights)[0].item(), delta=1e-12)
        # any other witness gives a smaller bound
        generator = np.random.default_rng(0)
        other = [w + 0.1 * generator.standard_normal(w.shape) for w in grids(result.witness)]
        if other[0].size > 1:
            self.assertLess(reference.dual_function(grids(phi), other, numbers), dual)

    @parameterized.expand(NESTS)
    def test_every_consistent_family_is_worse(self, _, shapes, weights):
        numbers = weights or [1.0] * len(shapes)
        phi = potentials(shapes)
        tau = grids([spatial_log_softmax(p).exp() for p in phi])
        best = consistent_attention(phi, weights).log_mu
        value = reference.objective(grids([m.exp() for m in best]), tau, numbers)
        for seed in range(10):
            other = spatial_log_softmax(potentials(shapes[:1], seed=100 + seed)[0]).exp()
            for share in (1.0, 1e-1, 1e-3):
                maps = family((1 - share) * best[0].exp() + share * other, shapes)
                # strongly convex: at a share of 1e-3 the excess is of the order of 1e-6, far above rounding
                self.assertGreater(reference.objective(grids(maps), tau, numbers), value + 1e-3 * share**2)

    @parameterized.expand(NESTS)
    def test_theorem_3_1(self, _, shapes, weights):
        numbers = weights or [1.0] * len(shapes)
        phi = potentials(shapes)
        log_mu, witness = consistent_attention(phi, weights)
        for k, p in enumerate(phi):
            shifted = p
            if k > 0:
                shifted = shifted + witness[k - 1] / numbers[k]
            if k < len(witness):
                factor = block_factor(list(p.shape[2:]), list(witness[k].shape[2:]))
                shifted = shifted - broadcast_blocks(witness[k], factor) / numbers[k]
            torch.testing.assert_close(spatial_log_softmax(shifted), log_mu[k], rtol=1e-12, atol=1e-12)
        self.assertLess(gap(log_mu), 1e-14)


class TestInvariances(unittest.TestCase):
    @parameterized.expand(NESTS)
    def test_shift(self, _, shapes, weights):
        phi = potentials(shapes)
        moved = [p + c for p, c in zip(phi, (3.0, -200.0, 0.5, 7.0), strict=False)]
        for left, right in zip(
            consistent_attention(phi, weights).log_mu, consistent_attention(moved, weights).log_mu, strict=True
        ):
            torch.testing.assert_close(left, right, rtol=0, atol=1e-12)
        torch.testing.assert_close(program_value(phi, weights), program_value(moved, weights), rtol=0, atol=1e-12)

    @parameterized.expand(NESTS)
    def test_consistent_maps_stay_and_cost_nothing(self, _, shapes, weights):
        tau = family(spatial_log_softmax(potentials(shapes[:1])[0]).exp(), shapes)
        result = consistent_attention([t.log() for t in tau], weights)
        for before, after in zip(tau, result.log_mu, strict=True):
            torch.testing.assert_close(after.exp(), before, rtol=1e-12, atol=1e-15)
        for witness in result.witness:
            torch.testing.assert_close(witness, torch.zeros_like(witness), rtol=0, atol=1e-12)
        self.assertLess(program_value([t.log() for t in tau], weights).abs().max().item(), 1e-12)

    @parameterized.expand(NESTS)
    def test_projection(self, _, shapes, weights):
        once = consistent_attention(potentials(shapes), weights).log_mu
        for left, right in zip(once, consistent_attention(list(once), weights).log_mu, strict=True):
            torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-12)

    def test_heavy_weight_keeps_its_map(self):
        phi = potentials([(8, 8), (4, 4)])
        tau_fine, tau_coarse = (spatial_log_softmax(p) for p in phi)
        # the map that moves is pulled by 1e-9 of the difference of the potentials, which is below 10
        torch.testing.assert_close(consistent_attention(phi, [1e9, 1.0]).log_mu[0], tau_fine, rtol=0, atol=1e-7)
        torch.testing.assert_close(consistent_attention(phi, [1.0, 1e9]).log_mu[1], tau_coarse, rtol=0, atol=1e-7)

    def test_blocks_keep_their_proportions(self):
        phi = potentials([(8, 8), (4, 4)])
        log_mu = consistent_attention(phi).log_mu[0]
        change = log_mu - phi[0]
        torch.testing.assert_close(change, broadcast_blocks(change[..., ::2, ::2], 2), rtol=0, atol=1e-12)


class TestProgramValue(unittest.TestCase):
    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(
        st.integers(0, 2**16),
        st.sampled_from([0.1, 1.0, 5.0]),
        st.sampled_from([([4, 6], [2, 2]), ([2, 4, 2], [1, 2, 2])]),
    )
    def test_bhattacharyya(self, seed, scale, pair):
        phi = potentials(pair, seed, scale=scale)
        mass = marginalize(spatial_log_softmax(phi[0]).exp(), block_factor(*pair))
        coarse = spatial_log_softmax(phi[1]).exp()
        expected = -2 * torch.sqrt(mass * coarse).flatten(1).sum(1).log()
        torch.testing.assert_close(program_value(phi), expected, rtol=1e-10, atol=1e-12)

    def test_hand_calculation(self):
        # two coarse cells; the fine map gives them 1/2 each, the coarse map 0.9 and 0.1
        phi = [torch.zeros(1, 1, 2, 4), torch.tensor([0.9, 0.1]).log().reshape(1, 1, 1, 2)]
        # -2 log(sqrt(0.45) + sqrt(0.05)) = -2 log(0.670820 + 0.223607) = 0.223144, and mu = (3/4, 1/4)
        self.assertAlmostEqual(program_value(phi).item(), 0.223144, places=6)
        coarse = consistent_attention(phi).log_mu[1].exp().flatten().tolist()
        self.assertAlmostEqual(coarse[0], 0.75, places=6)
        self.assertAlmostEqual(coarse[1], 0.25, places=6)

    def test_gradient_moves_potentials_toward_each_other(self):
        phi = [p.requires_grad_() for p in potentials([(8, 8), (4, 4)])]
        log_mu = consistent_attention(phi).log_mu
        gradients = torch.autograd.grad(program_value(phi).sum(), phi)
        # envelope theorem: the gradient of the value with respect to phi_k is tau_k - mu_k
        for p, mu, gradient in zip(phi, log_mu, gradients, strict=True):
            torch.testing.assert_close(gradient, spatial_log_softmax(p).exp() - mu.exp(), rtol=0, atol=1e-14)


if __name__ == "__main__":
    unittest.main()
