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
"""Tests of the consistency loss."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.losses import ConsistencyLoss, compute_divergence
from monai_dd.losses.consistency import DIVERGENCES
from monai_dd.networks.layers import consistent_attention, log_marginalize, spatial_log_softmax
from tests import reference, reference_losses
from tests.losses.outputs import network_output

SIZES = [[(4, 6), (2, 3)], [(4, 2, 6), (2, 1, 3)]]
NESTS = [[(8, 4), (4, 2), (2, 2)], *SIZES]
CASES = [(kind, sizes) for kind in DIVERGENCES for sizes in SIZES]


def _maps(sizes, scale=1.0, seed=0, batch=3, dtype=torch.float64):
    output, _ = network_output(sizes, batch=batch, scale=scale, seed=seed, dtype=dtype)
    return output["log_tau_fine"], output["log_tau_coarse"]


class TestComputeDivergence(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_equals_loops(self, kind, sizes):
        fine, coarse = _maps(sizes)
        expected = reference_losses.divergence(fine, coarse, kind)
        np.testing.assert_allclose(compute_divergence(fine, coarse, kind).numpy(), expected, rtol=1e-10, atol=1e-13)

    @parameterized.expand(CASES)
    def test_gradcheck(self, kind, sizes):
        output, potentials = network_output(sizes, batch=2, requires_grad=True)
        del output

        def value(fine, coarse):
            return compute_divergence(spatial_log_softmax(fine), spatial_log_softmax(coarse), kind)

        self.assertTrue(torch.autograd.gradcheck(value, potentials))

    @parameterized.expand([(kind,) for kind in DIVERGENCES])
    def test_zero_exactly_when_equal(self, kind):
        fine, coarse = _maps(SIZES[0], scale=3.0)
        equal = compute_divergence(fine, log_marginalize(fine, 2), kind)
        # rounding of float64 in sums of 6 terms
        torch.testing.assert_close(equal, torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-14)
        self.assertGreater(compute_divergence(fine, coarse, kind).min().item(), 1e-3)

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(DIVERGENCES), st.integers(0, 10_000), st.floats(0.01, 300.0), st.booleans())
    def test_never_negative_and_finite_with_its_gradient(self, kind, seed, scale, single):
        dtype = torch.float32 if single else torch.float64
        output, potentials = network_output(SIZES[0], scale=scale, seed=seed, requires_grad=True, dtype=dtype)
        value = compute_divergence(output["log_tau_fine"], output["log_tau_coarse"], kind)
        # terms of size up to the potentials cancel: rounding relative to them
        self.assertGreaterEqual(value.min().item(), -8 * torch.finfo(dtype).eps * max(scale, 1.0))
        self.assertTrue(value.isfinite().all())
        for gradient in torch.autograd.grad(value.sum(), potentials):
            self.assertTrue(gradient.isfinite().all())

    @parameterized.expand([(kind, sign) for kind in DIVERGENCES for sign in (1.0, -1.0)])
    def test_finite_where_the_maps_are_disjoint(self, kind, sign):
        phi_fine, phi_coarse = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)
        phi_fine[..., 0, 0], phi_coarse[..., 1, 1] = sign * 1e4, sign * 1e4
        potentials = [phi_fine.requires_grad_(), phi_coarse.requires_grad_()]
        value = compute_divergence(*[spatial_log_softmax(phi) for phi in potentials], kind)
        self.assertTrue(value.isfinite().all())
        for gradient in torch.autograd.grad(value.sum(), potentials):
            self.assertTrue(gradient.isfinite().all())

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 10_000), st.floats(0.1, 10.0))
    def test_order_of_the_arguments(self, seed, scale):
        fine, coarse = _maps([(2, 3), (2, 3)], scale, seed)
        for kind in ("js", "squared", "program"):
            torch.testing.assert_close(compute_divergence(fine, coarse, kind), compute_divergence(coarse, fine, kind))
        torch.testing.assert_close(
            compute_divergence(fine, coarse, "kl_coarse_fine"), compute_divergence(coarse, fine, "kl_fine_coarse")
        )
        self.assertLessEqual(compute_divergence(fine, coarse, "js").max().item(), np.log(2) + 1e-12)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 10_000), st.floats(0.1, 10.0))
    def test_program_is_the_objective_at_the_optimum(self, seed, scale):
        fine, coarse = _maps(SIZES[0], scale, seed)
        log_mu = consistent_attention([fine, coarse]).log_mu
        objective = sum((m.exp() * (m - t)).flatten(1).sum(1) for m, t in zip(log_mu, (fine, coarse), strict=True))
        torch.testing.assert_close(compute_divergence(fine, coarse, "program"), objective, rtol=1e-9, atol=1e-12)

    def test_program_is_below_every_consistent_pair(self):
        fine, coarse = _maps(SIZES[0], 2.0, batch=1)
        value = compute_divergence(fine, coarse, "program").item()
        for seed in range(20):
            candidate = _maps(SIZES[0], 2.0, seed + 1, batch=1)[0]
            pair = [candidate.exp(), log_marginalize(candidate, 2).exp()]
            tau = [fine.exp().numpy(), coarse.exp().numpy()]
            self.assertLess(value, reference.objective([m.numpy() for m in pair], tau, [1.0, 1.0]))

    def test_unknown_divergence(self):
        with self.assertRaisesRegex(ValueError, "^divergence: expected one of [^\n]*, got 'hellinger'$"):
            compute_divergence(*_maps(SIZES[0]), "hellinger")

    @parameterized.expand([(kind,) for kind in DIVERGENCES])
    def test_grids_that_do_not_nest(self, kind):
        with self.assertRaisesRegex(ValueError, "^expected nested grids [^\n]*got [^\n]*$"):
            compute_divergence(torch.zeros(1, 1, 5, 4), torch.zeros(1, 1, 2, 2), kind)


class TestConsistencyLoss(unittest.TestCase):
    @parameterized.expand([(k, w, s) for k in DIVERGENCES[:4] for w in (False, True) for s in NESTS])
    def test_equals_loops(self, kind, witness, sizes):
        output, _ = network_output(sizes)
        prefix = "log_mu" if witness else "log_tau"
        levels = [
            output[f"{prefix}_{name}"]
            for name in (["fine", "level1", "coarse"] if len(sizes) == 3 else ["fine", "coarse"])
        ]
        expected = reference_losses.consistency(levels, kind)
        per_sample = ConsistencyLoss(kind, witness, reduction="none")(output)
        np.testing.assert_allclose(per_sample.numpy(), expected, rtol=1e-10)
        np.testing.assert_allclose(ConsistencyLoss(kind, witness)(output).item(), expected.mean(), rtol=1e-10)
        np.testing.assert_allclose(
            ConsistencyLoss(kind, witness, reduction="sum")(output).item(), expected.sum(), rtol=1e-10
        )

    def test_program_takes_all_levels_of_the_gates(self):
        output, potentials = network_output(NESTS[0])
        tau = [reference.attention(phi) for phi in potentials]
        for sample, value in enumerate(ConsistencyLoss("program", reduction="none")(output)):
            own = [phi[sample, 0].numpy() for phi in potentials]
            mu = reference.bregman_solver(own, [1.0] * 3)
            expected = reference.objective(mu, [t[sample, 0].numpy() for t in tau], [1.0] * 3)
            # the iteration stops at steps of 1e-13, and its objective is flat there
            self.assertAlmostEqual(value.item(), expected, places=9)

    def test_middle_levels_in_numerical_order(self):
        output, _ = network_output([(4, 4), (2, 2)])
        sizes = {
            "log_tau_fine": 4096,
            "log_tau_coarse": 1,
            **{f"log_tau_level{i}": 2 ** (12 - i) for i in range(1, 12)},
        }
        maps = {k: torch.zeros(1, 1, n, 1).log_softmax(2) for k, n in sizes.items()}
        value = ConsistencyLoss("kl_fine_coarse", witness=False)({**output, **maps})
        self.assertAlmostEqual(value.item(), 0.0, places=6)

    @parameterized.expand([(kind,) for kind in DIVERGENCES])
    def test_samples_do_not_interact(self, kind):
        output, _ = network_output(NESTS[0])
        loss = ConsistencyLoss(kind, reduction="none")
        for row in range(3):
            alone = loss({key: value[row : row + 1] for key, value in output.items()})
            torch.testing.assert_close(alone[0], loss(output)[row])

    def test_one_level_agrees_with_itself(self):
        output, _ = network_output([(4, 4), (2, 2)])
        for prefix in ("log_tau", "log_mu"):
            output[f"{prefix}_coarse"] = output[f"{prefix}_fine"]
        for kind in DIVERGENCES:
            self.assertAlmostEqual(ConsistencyLoss(kind)(output).item(), 0.0, places=12)

    @parameterized.expand([(torch.zeros(2, 3), "Tensor"), ({"logits": torch.zeros(2, 3)}, "logits")])
    def test_output_without_maps(self, output, what):
        with self.assertRaisesRegex(ValueError, f"^[^\n]*return_attention=True[^\n]*log_mu_fine[^\n]*{what}[^\n]*$"):
            ConsistencyLoss()(output)

    @parameterized.expand([({"divergence": "kl"}, "divergence"), ({"reduction": "median"}, "median")])
    def test_bad_argument(self, options, message):
        with self.assertRaisesRegex(ValueError, message):
            ConsistencyLoss(**options)


if __name__ == "__main__":
    unittest.main()
