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
"""Tests of the area under the ROC curve of each class."""

from __future__ import annotations

import math
import unittest
import warnings

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_roc_auc

from monai_dd.metrics import ClassAUROCMetric, compute_class_auroc


def _draw(seed, images=12, classes=3):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, (images, classes)) / 4  # many are equal
    return torch.from_numpy(scores), torch.from_numpy(rng.random((images, classes)) < 0.3)


def _loop(scores, labels):
    """Share of the pairs of a positive and a negative image that are in order; equal scores count half."""
    pairs = [(p > n) + (p == n) / 2 for p, a in zip(scores, labels) if a for n, b in zip(scores, labels) if not b]
    return sum(pairs) / len(pairs) if pairs else math.nan


class TestAUROC(unittest.TestCase):
    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 10_000), st.integers(1, 12))
    def test_equals_loops_and_monai(self, seed, images):
        scores, labels = _draw(seed, images)
        found = compute_class_auroc(scores, labels.float())
        expected = [_loop(s.tolist(), y.tolist()) for s, y in zip(scores.T, labels.T, strict=True)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = compute_roc_auc(scores, labels.float(), average="none")
        np.testing.assert_allclose(found, theirs, rtol=1e-6)  # theirs are sums in float32

    def test_classes_that_all_have_or_none(self):
        scores, labels = _draw(0)
        labels[:, 0], labels[:, 1] = False, True
        self.assertEqual(compute_class_auroc(scores, labels).isnan().tolist(), [True, True, False])
        self.assertTrue(compute_class_auroc(scores[:, :2], labels[:, :2]).isnan().all())

    def test_metric_over_batches(self):
        scores, labels = _draw(2, 30)
        metric = ClassAUROCMetric()
        metric(scores[:5], labels[:5])
        metric(list(scores[5:]), list(labels[5:]))
        torch.testing.assert_close(metric.aggregate(), compute_class_auroc(scores, labels), rtol=0, atol=0)
        self.assertEqual(ClassAUROCMetric.better, "higher")

    def test_bad_input(self):
        scores, labels = _draw(0)
        with self.assertRaisesRegex(ValueError, r"^y_pred, y: expected \(B, K\), got \(12, 3\) and \(12, 2\)$"):
            compute_class_auroc(scores, labels[:, :2])
        with self.assertRaisesRegex(ValueError, "^y: expected zeros and ones, got other values$"):
            compute_class_auroc(scores, labels + 1)
        scores[0, 0] = math.nan
        with self.assertRaisesRegex(ValueError, "^y_pred: expected numbers, got 1 NaN$"):
            compute_class_auroc(scores, labels)


if __name__ == "__main__":
    unittest.main()
