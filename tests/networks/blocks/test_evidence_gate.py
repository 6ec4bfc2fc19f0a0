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
"""The potential that is the class evidence."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from parameterized import parameterized
from scipy.ndimage import uniform_filter

from monai_dd.networks.blocks import EvidenceGate, box_smooth


class TestBoxSmooth(unittest.TestCase):
    @parameterized.expand([(2, 0), (2, 1), (2, 3), (3, 2)])
    def test_is_the_filter_of_scipy(self, dims, times):
        x = torch.randn(2, 3, *(5, 6, 7)[:dims], dtype=torch.float64)
        expected = x.numpy()
        for _ in range(times):
            expected = uniform_filter(expected, size=(1, 1, *[3] * dims), mode="nearest")
        np.testing.assert_allclose(box_smooth(x, times).numpy(), expected, rtol=0, atol=1e-12)


class TestEvidenceGate(unittest.TestCase):
    def test_is_the_scale_times_the_evidence(self):
        evidence = torch.randn(2, 3, 6, 6)
        torch.testing.assert_close(EvidenceGate(0.3)(evidence), 0.3 * evidence)

    def test_scale_is_learned_up_to_its_limit(self):
        gate, evidence = EvidenceGate(0.1, max_scale=0.5), torch.ones(1, 1, 2, 2)
        gate(evidence).sum().backward()
        self.assertAlmostEqual(float(gate.log_scale.grad), 0.4, places=6)
        with torch.no_grad():
            gate.log_scale.fill_(math.log(7.0))
        torch.testing.assert_close(gate(evidence), 0.5 * evidence)
        self.assertEqual([name for name, _ in EvidenceGate().named_parameters()], ["log_scale"])

    def test_a_fixed_scale_is_kept_with_the_weights(self):
        gate = EvidenceGate(0.7, learned=False)
        self.assertEqual(list(gate.parameters()), [])
        other = EvidenceGate(0.1, learned=False)
        other.load_state_dict(gate.state_dict())
        torch.testing.assert_close(other(torch.ones(1, 1, 1, 1)), torch.full((1, 1, 1, 1), 0.7))

    @parameterized.expand(
        [
            ({"init_scale": 0.0}, "init_scale: expected a positive number up to max_scale None, got 0.0"),
            (
                {"init_scale": 2.0, "max_scale": 1.0},
                "init_scale: expected a positive number up to max_scale 1.0, got 2.0",
            ),
            ({"init_scale": float("inf")}, "init_scale: expected a positive number up to max_scale None, got inf"),
            ({"init_scale": float("nan")}, "init_scale: expected a positive number up to max_scale None, got nan"),
        ]
    )
    def test_refused(self, options, message):
        with self.assertRaises(ValueError) as caught:
            EvidenceGate(**options)
        self.assertEqual(str(caught.exception), message)


if __name__ == "__main__":
    unittest.main()
