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

import numpy as np
import torch
from parameterized import parameterized
from scipy.integrate import trapezoid
from sklearn.metrics import balanced_accuracy_score

from monai_dd.metrics import PerturbationAUCMetric, compute_area, compute_perturbation_curve

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
        with self.assertRaisesRegex(ValueError, "^[^\n]*label[^\n]*expected|^expected [^\n]*label[^\n]*, got [^\n]*$"):
            compute_perturbation_curve(_draw()[0], label)

    def test_label_out_of_range_is_named(self):
        with self.assertRaisesRegex(ValueError, "^label: expected classes 0 to 2, got 0 to 3$"):
            compute_perturbation_curve(_draw(4)[0], torch.tensor([0, 1, 3, 2]))

    def test_logits_of_another_shape(self):
        with self.assertRaisesRegex(ValueError, "^expected logits [^\n]*, got [^\n]*$"):
            compute_perturbation_curve(torch.zeros(4, 3), torch.zeros(4))


class TestMetric(unittest.TestCase):
    @parameterized.expand([(form, seed) for form in ("batch", "list", "column") for seed in (0, 1)])
    def test_equals_scikit_learn_at_every_fraction(self, form, seed):
        logits, label = _draw(seed=seed)
        metric = PerturbationAUCMetric(FRACTIONS)
        for part in (slice(0, 4), slice(4, 11)):
            x, y = logits[part], label[part]
            if form == "list":
                x, y = list(x), list(y)
            elif form == "column":
                y = y[:, None]
            metric(x, y)
        expected = [balanced_accuracy_score(label, logits[:, f].argmax(1)) for f in range(5)]
        np.testing.assert_allclose(metric.aggregate_curve(), expected, atol=1e-6)  # means in float32
        self.assertAlmostEqual(metric.aggregate(), trapezoid(expected, FRACTIONS), places=6)
        # the same from the area of each sample: means over classes of means over samples
        areas = compute_area(compute_perturbation_curve(logits, label), FRACTIONS)
        by_class = [areas[label == k].mean().item() for k in label.unique()]
        self.assertAlmostEqual(metric.aggregate(), float(np.mean(by_class)), places=6)

    def test_always_right(self):
        metric = PerturbationAUCMetric([0, 0.5, 1])
        metric(torch.eye(3)[[0, 1, 1]][:, None].expand(3, 3, 3), torch.tensor([0, 1, 1]))
        self.assertEqual(metric.aggregate(), 1)

    def test_refuses_other_fractions(self):
        with self.assertRaisesRegex(ValueError, r"^logits: expected 2 fractions, got \(11, 5, 3\)$"):
            PerturbationAUCMetric([0, 1])(*_draw())
        with self.assertRaisesRegex(ValueError, "^fractions: expected [^\n]*$"):
            PerturbationAUCMetric([1, 0])


if __name__ == "__main__":
    unittest.main()
