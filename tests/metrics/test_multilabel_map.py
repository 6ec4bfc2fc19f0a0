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
"""Tests of the mean average precision over classes."""

from __future__ import annotations

import math
import unittest
import warnings

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.metrics import MultilabelMAPMetric, compute_multilabel_map


def _draw(seed, samples=20, classes=4, levels=5):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(0, levels, (samples, classes), generator=generator).float()  # with equal scores
    labels = (torch.rand(samples, classes, generator=generator) < 0.3).long()
    labels[:, 1] = 0
    return scores, labels


def _loops(scores, labels):
    """Area under precision over recall, one step for each distinct score, then the mean over classes with labels."""
    values = []
    for s, y in zip(scores.T.tolist(), labels.T.tolist(), strict=True):
        total, before, value = sum(y), 0.0, 0.0
        if total == 0:
            continue
        for threshold in sorted(set(s), reverse=True):
            chosen = [b for a, b in zip(s, y, strict=True) if a >= threshold]
            recall = sum(chosen) / total
            value += (recall - before) * sum(chosen) / len(chosen)
            before = recall
        values.append(value)
    return sum(values) / len(values)


class TestMultilabelMAP(unittest.TestCase):
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 10_000), st.integers(1, 30))
    def test_equals_loops_without_a_warning(self, seed, levels):
        scores, labels = _draw(seed, levels=levels)
        labels[0, 0] = 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertAlmostEqual(compute_multilabel_map(scores, labels), _loops(scores, labels), places=12)

    def test_by_hand(self):
        # class 0: hits at ranks 1 and 3: (1 + 2/3) / 2; class 1: nobody has it; class 2: hit at rank 2: 1/2
        scores = torch.tensor([[3.0, 0, 1], [2, 0, 3], [1, 0, 2]])
        labels = torch.tensor([[1, 0, 0], [0, 0, 0], [1, 0, 1]])
        self.assertAlmostEqual(compute_multilabel_map(scores, labels), (5 / 6 + 1 / 2) / 2)

    def test_one_class(self):
        self.assertAlmostEqual(compute_multilabel_map(torch.tensor([[2.0], [1.0]]), torch.tensor([[0], [1]])), 0.5)

    def test_no_label(self):
        self.assertTrue(math.isnan(compute_multilabel_map(torch.zeros(3, 2), torch.zeros(3, 2))))

    @parameterized.expand(
        [
            (torch.zeros(3), torch.zeros(3), "^expected y_pred"),
            (torch.zeros(3, 2), torch.zeros(3, 1), "^expected y_pred"),
            (torch.zeros(3, 2), torch.full((3, 2), 2), "^y: expected zeros and ones"),
            (torch.full((3, 2), torch.nan), torch.ones(3, 2), "^y_pred: expected numbers, got 6"),
        ]
    )
    def test_bad_input(self, scores, labels, message):
        with self.assertRaisesRegex(ValueError, f"{message}[^\n]*$"):
            compute_multilabel_map(scores, labels)


class TestMetric(unittest.TestCase):
    @parameterized.expand([(False,), (True,)])
    def test_updates_accumulate(self, as_list):
        scores, labels = _draw(0)
        metric = MultilabelMAPMetric()
        for part in (slice(0, 7), slice(7, 20)):
            pair = (scores[part], labels[part])
            metric(*[list(m) for m in pair] if as_list else pair)
        self.assertAlmostEqual(metric.aggregate(), _loops(scores, labels), places=12)
        self.assertEqual(MultilabelMAPMetric.better, "higher")


if __name__ == "__main__":
    unittest.main()
