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
"""Tests of the perturbation curve and the area below it."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.metrics import compute_perturbation_curve

FRACTIONS = [0, 0.1, 0.4, 0.75, 1]


def _draw(samples=11, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, 5, classes, generator=generator), torch.arange(samples) ** 2 % classes


class TestCurve(unittest.TestCase):
    def test_equals_loops(self):
        logits, label = _draw()
        curve = compute_perturbation_curve(logits, label)
        for b, row in enumerate(curve):
            for f, value in enumerate(row):
                self.assertEqual(value.item(), float(int(logits[b, f].argmax()) == int(label[b])))
        torch.testing.assert_close(compute_perturbation_curve(logits, label[:, None]), curve, rtol=0, atol=0)

    @parameterized.expand([("batch", torch.zeros(4)), ("high", torch.full((11,), 3)), ("low", torch.full((11,), -1))])
    def test_bad_labels(self, _name, label):
        with self.assertRaisesRegex(ValueError, "^(logits, )?label: expected [^\n]*, got [^\n]*$"):
            compute_perturbation_curve(_draw()[0], label)

    def test_label_out_of_range_is_named(self):
        with self.assertRaisesRegex(ValueError, "^label: expected classes 0 to 2, got 0 to 3$"):
            compute_perturbation_curve(_draw(4)[0], torch.tensor([0, 1, 3, 2]))

    def test_logits_of_another_shape(self):
        with self.assertRaisesRegex(ValueError, "^logits, label: expected [^\n]*, got [^\n]*$"):
            compute_perturbation_curve(torch.zeros(4, 3), torch.zeros(4))


if __name__ == "__main__":
    unittest.main()
