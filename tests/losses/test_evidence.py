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
"""Tests of the evidence loss."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.losses import EvidenceLoss, compute_evidence
from tests import reference_losses
from tests.losses.outputs import network_output

NESTS = [[(4, 6), (2, 3)], [(4, 2, 6), (2, 1, 3)], [(8, 4), (4, 2), (2, 2)]]
TARGETS = [
    torch.tensor([0, 2, 1]),
    torch.tensor([[0], [2], [1]]),
    torch.eye(3)[[0, 2, 1]],
    torch.tensor([0.0, 2.0, 1.0]),
]


class TestComputeEvidence(unittest.TestCase):
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 10_000), st.floats(0.0, 50.0), st.sampled_from([(3,), (2, 3), (2, 2, 3)]))
    def test_equals_loops_between_mean_and_maximum(self, seed, scale, size):
        phi = scale * torch.randn(2, 1, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        value = compute_evidence(phi)
        np.testing.assert_allclose(value.numpy(), reference_losses.evidence(phi), rtol=1e-10, atol=1e-12)
        self.assertTrue((value >= phi.flatten(1).mean(1) - 1e-12).all())
        self.assertTrue((value <= phi.flatten(1).max(1).values + 1e-12).all())

    def test_of_a_constant_is_the_constant(self):
        value = compute_evidence(torch.full((2, 1, 7, 5), 1.5))
        torch.testing.assert_close(value, torch.full((2,), 1.5))


class TestEvidenceLoss(unittest.TestCase):
    @parameterized.expand([(sizes, normal, i) for sizes in NESTS for normal in (0, 2) for i in range(len(TARGETS))])
    def test_equals_loops(self, sizes, normal_class, index):
        output, potentials = network_output(sizes)
        expected = reference_losses.evidence_loss(potentials, [0, 2, 1], normal_class)
        for reduction, reduced in (("none", expected), ("mean", expected.mean()), ("sum", expected.sum())):
            value = EvidenceLoss(normal_class, reduction)(output, TARGETS[index])
            np.testing.assert_allclose(value.numpy(), reduced, rtol=1e-10)

    def test_several_labels(self):
        output, potentials = network_output(NESTS[0])
        target = torch.tensor([[0, 0, 0], [0, 1, 1], [1, 0, 0]])
        expected = reference_losses.evidence_loss(potentials, [0, 1, 1], 0)
        value = EvidenceLoss(None, "none")(output, target)
        np.testing.assert_allclose(value.numpy(), expected, rtol=1e-10)
        for wrong, message in (
            (target[:, :2], r"expected \(B, 3\), got \(3, 2\)"),
            (2 * target, "expected zeros and ones"),
        ):
            with self.assertRaisesRegex(ValueError, f"^target: {message}"):
                EvidenceLoss(None)(output, wrong)

    @parameterized.expand([(sizes,) for sizes in NESTS])
    def test_gradcheck(self, sizes):
        output, potentials = network_output(sizes, requires_grad=True)
        names = [key for key in output if key.startswith("phi_")]

        def value(*phi):
            return EvidenceLoss(reduction="none")({**output, **dict(zip(names, phi, strict=True))}, TARGETS[0])

        self.assertTrue(torch.autograd.gradcheck(value, potentials))

    def test_pushes_the_potential_up_where_there_is_a_finding_and_down_elsewhere(self):
        output, potentials = network_output(NESTS[0], requires_grad=True)
        EvidenceLoss()(output, torch.tensor([0, 2, 1])).backward()
        for phi in potentials:
            self.assertTrue((phi.grad[0] > 0).all())
            self.assertTrue((phi.grad[1:] < 0).all())

    @parameterized.expand([(1e4,), (-1e4,), (1e30,)])
    def test_extreme_potentials_have_finite_gradients(self, extreme):
        output, _ = network_output(NESTS[0])
        phi = torch.zeros(3, 1, 4, 6)
        phi[..., 1, 2] = extreme
        output["phi_fine"] = phi.requires_grad_()
        value = EvidenceLoss()(output, torch.tensor([0, 2, 1]))
        value.backward()
        self.assertTrue(value.isfinite() and phi.grad.isfinite().all())

    def test_samples_do_not_interact(self):
        output, _ = network_output(NESTS[2])
        target = torch.tensor([0, 2, 1])
        batch = EvidenceLoss(reduction="none")(output, target)
        for row in range(3):
            one = {key: value[row : row + 1] for key, value in output.items()}
            torch.testing.assert_close(EvidenceLoss()(one, target[row : row + 1]), batch[row])

    def test_bad_arguments(self):
        output, _ = network_output(NESTS[0])
        for normal_class, message in ((-1, "normal_class: expected"), (3, "normal_class: expected one of 3 classes")):
            with self.assertRaisesRegex(ValueError, f"^{message}[^\n]*got {normal_class}$"):
                EvidenceLoss(normal_class)(output, torch.tensor([0, 2, 1]))
        with self.assertRaisesRegex(ValueError, "^target: expected [^\n]*got \\(3, 4\\)$"):
            EvidenceLoss()(output, torch.zeros(3, 4))
        with self.assertRaisesRegex(ValueError, "^[^\n]*phi_fine[^\n]*got Tensor$"):
            EvidenceLoss()(output["logits"], torch.tensor([0, 2, 1]))


if __name__ == "__main__":
    unittest.main()
