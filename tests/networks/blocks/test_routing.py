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
"""Tests of dynamic routing, and of what is read from it patch by patch."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.blocks import PrimaryCapsules, RoutingCapsules, RoutingPatchHead, dynamic_routing, squash
from tests.networks.blocks.reference_patches import dynamic_routing as slow_routing


class TestRouting(unittest.TestCase):
    @parameterized.expand([(1,), (2,), (4,)])
    def test_equals_loops(self, iterations):
        torch.manual_seed(0)
        votes = torch.randn(2, 5, 3, 4, dtype=torch.float64, requires_grad=True)
        s, c = dynamic_routing(votes, iterations)
        slow_s, slow_v, slow_c = slow_routing(votes, iterations)
        torch.testing.assert_close(s, slow_s, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(c, slow_c, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(squash(s), slow_v, rtol=1e-12, atol=1e-13)
        upstream = torch.randn_like(s)
        got, expected = (torch.autograd.grad((y * upstream).sum(), votes)[0] for y in (squash(s), slow_v))
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)

    def test_agreement_attracts(self):
        """Three capsules agree on the first class, on the second they do not."""
        votes = torch.zeros(1, 3, 2, 3)
        votes[0, :, 0, 0] = 2.0
        votes[0, :, 1] = 2 * torch.eye(3)
        _, c = dynamic_routing(votes, 3)
        self.assertTrue((c[0, :, 0] > 0.75).all())
        torch.testing.assert_close(c.sum(2), torch.ones(1, 3))

    def test_squash(self):
        v = squash(torch.tensor([[3.0, 4.0], [0.0, 0.0], [3e-4, 4e-4]]))
        torch.testing.assert_close(v, torch.tensor([[15 / 26, 20 / 26], [0.0, 0.0], [1.5e-7, 2e-7]]), rtol=1e-5, atol=0)

    def test_zero_votes_have_finite_gradients(self):
        votes = torch.zeros(1, 4, 2, 3, requires_grad=True)
        squash(dynamic_routing(votes)[0]).sum().backward()
        self.assertTrue(votes.grad.isfinite().all())

    def test_half_precision_is_computed_in_float32(self):
        votes = torch.randn(1, 4, 2, 3).half()
        torch.testing.assert_close(dynamic_routing(votes), dynamic_routing(votes.float()), rtol=0, atol=0)

    def test_votes(self):
        layer = RoutingCapsules(5, 4, 3, 2).double()
        u = torch.randn(2, 5, 4, dtype=torch.float64)
        votes, _, _ = layer(u)
        for n, i, k in [(0, 0, 0), (1, 4, 2), (1, 2, 1)]:
            torch.testing.assert_close(votes[n, i, k], layer.weight[i].reshape(3, 2, 4)[k] @ u[n, i])
        torch.testing.assert_close(torch.jit.script(layer)(u), layer(u), rtol=0, atol=0)

    def test_bad_argument(self):
        with self.assertRaisesRegex(ValueError, "^iterations: expected 1 or more, got 0$"):
            dynamic_routing(torch.ones(1, 2, 3, 4), 0)
        with self.assertRaisesRegex(ValueError, "^num_capsules, .*: expected positive numbers, got "):
            RoutingCapsules(5, 4, 0)


class TestRoutingPatchHead(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.head = RoutingPatchHead(PrimaryCapsules(2, 2, 3, 4, 3, 2, normalize=False), (3, 2), 5).double()
        torch.nn.init.normal_(self.head.routing.weight, std=2.0)
        self.x = torch.randn(2, 2, 7, 5, dtype=torch.float64)
        self.logits, self.weights, self.patch_logits, self.phi = self.head(self.x)

    def _routed(self, n):
        """Votes, couplings and sum of one image; capsule ``c`` of patch ``m`` is number ``6 c + m``."""
        capsules = self.head.primary(self.x)[n : n + 1]
        u = torch.stack([capsules[0, c, :, i, j] for c in range(3) for i in range(3) for j in range(2)])
        length = u.square().sum(1, keepdim=True)
        u = length / (1 + length) * u / length.sqrt()
        votes = torch.einsum("ikoj,ij->iko", self.head.routing.weight.reshape(18, 5, 4, 4), u)
        s, _, c = slow_routing(votes[None], 3)
        return votes, c[0], s[0]

    def test_sigmoid_of_a_logit_is_the_length_of_a_class_capsule(self):
        for n in range(2):
            lengths = squash(self._routed(n)[2]).square().sum(1).sqrt()
            torch.testing.assert_close(self.logits[n].sigmoid(), lengths, rtol=1e-6, atol=1e-8)  # 1e-8 in the logarithm

    def test_patches_by_loops(self):
        for n in range(2):
            votes, c, _ = self._routed(n)
            chosen = int(self.logits[n].argmax())
            amounts = torch.zeros(3, 2, dtype=torch.float64)
            for m, at in enumerate([(i, j) for i in range(3) for j in range(2)]):
                inside = [6 * channel + m for channel in range(3)]
                amounts[at] = sum(c[i, chosen] * votes[i, chosen].norm() for i in inside)
                for k in range(5):
                    same = 6 * sum(c[i, k] * votes[i, k] for i in inside)
                    expected = (same.square().sum() + 1e-8).log()
                    torch.testing.assert_close(self.patch_logits[n, k][at], expected, rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(self.weights[n, 0], amounts / amounts.sum(), rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(self.phi[n, 0], amounts.log(), rtol=1e-10, atol=1e-12)

    def test_another_size(self):
        with self.assertRaisesRegex(ValueError, r"^expected an image with \[3, 2\] patches, got \[3, 3\]$"):
            self.head(torch.zeros(1, 2, 7, 7, dtype=torch.float64))


if __name__ == "__main__":
    unittest.main()
