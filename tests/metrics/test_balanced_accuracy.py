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
"""Tests of the balanced accuracy."""

from __future__ import annotations

import math
import unittest
import warnings

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized
from sklearn.metrics import balanced_accuracy_score

from monai_dd.metrics import BalancedAccuracyMetric, compute_balanced_accuracy


def _draw(seed, samples, classes):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(samples, classes, generator=generator)
    return scores, torch.randint(0, classes, (samples,), generator=generator)


class TestBalancedAccuracy(unittest.TestCase):
    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 5))
    def test_equals_scikit_learn_and_a_loop(self, seed, samples, classes):
        scores, target = _draw(seed, samples, classes)
        value = compute_balanced_accuracy(scores, target)
        recalls = []
        for k in range(classes):
            members = [i for i in range(samples) if target[i] == k]
            if members:
                recalls.append(sum(int(scores[i].argmax()) == k for i in members) / len(members))
        self.assertAlmostEqual(value, sum(recalls) / len(recalls), places=12)
        with warnings.catch_warnings():  # scikit-learn warns of predicted classes that nobody has
            warnings.simplefilter("ignore")
            expected = balanced_accuracy_score(target.numpy(), scores.argmax(1).numpy())
        self.assertAlmostEqual(value, expected, places=12)

    def test_absent_classes_do_not_count(self):
        scores = torch.eye(4)[[0, 0, 3, 1]]
        # class 0: both right; class 2: predicted 3 and 1; classes 1 and 3 have no member
        self.assertEqual(compute_balanced_accuracy(scores, torch.tensor([0, 0, 2, 2])), 0.5)

    def test_a_constant_answer_is_chance(self):
        scores = torch.tensor([[1.0, 0.0, 0.0]]).expand(10, 3)
        self.assertAlmostEqual(compute_balanced_accuracy(scores, torch.tensor([0] * 8 + [1, 2])), 1 / 3)

    def test_no_sample(self):
        self.assertTrue(math.isnan(compute_balanced_accuracy(torch.zeros(0, 3), torch.zeros(0))))

    @parameterized.expand([("batch",), ("list",), ("column",)])
    def test_updates_accumulate(self, form):
        scores, target = _draw(0, 11, 3)
        metric = BalancedAccuracyMetric()
        for part in (slice(0, 4), slice(4, 11)):
            s, y = scores[part], target[part]
            if form == "list":
                s, y = list(s), list(y)
            elif form == "column":
                y = y[:, None]
            metric(s, y)
        self.assertAlmostEqual(metric.aggregate(), compute_balanced_accuracy(scores, target), places=12)
        metric.reset()
        metric(scores[:5], target[:5])
        self.assertAlmostEqual(metric.aggregate(), compute_balanced_accuracy(scores[:5], target[:5]), places=12)

    def test_direction(self):
        self.assertEqual(BalancedAccuracyMetric.better, "higher")

    @parameterized.expand(
        [
            (torch.zeros(3), torch.zeros(3)),
            (torch.zeros(3, 2), torch.zeros(2)),
            (torch.zeros(3, 2), torch.tensor([0, 1, 2])),
            (torch.zeros(3, 2), torch.tensor([0, -1, 1])),
        ]
    )
    def test_bad_input(self, scores, target):
        with self.assertRaisesRegex(ValueError, "^(y_pred, )?y: expected [^\n]*, got [^\n]*$"):
            compute_balanced_accuracy(scores, target)

    def test_is_a_plain_number(self):
        self.assertIs(type(compute_balanced_accuracy(*_draw(0, 5, 2))), float)
        self.assertNotIsInstance(compute_balanced_accuracy(*_draw(0, 5, 2)), np.floating)


if __name__ == "__main__":
    unittest.main()
