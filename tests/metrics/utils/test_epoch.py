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
"""Tests of what the metrics of an epoch share."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd import metrics
from monai_dd.metrics.utils.epoch import EpochMetric

CLASSES = [getattr(metrics, name) for name in metrics.__all__ if name.endswith("Metric")]
PATCHES = {"kernel": 9, "stride": 4}
OPTIONS = {"PatchLocalizationMetric": PATCHES, "PatchSelectionMetric": PATCHES}


class TestEpochMetric(unittest.TestCase):
    @parameterized.expand([(cls.__name__, cls) for cls in CLASSES])
    def test_refuses_to_aggregate_nothing(self, name, cls):
        metric = cls(**OPTIONS.get(name, {}))
        self.assertIsInstance(metric, EpochMetric)
        self.assertIn(metric.better, ("higher", "lower"))
        line = f"^{name}: expected a batch before aggregate, got none since the last reset$"
        with self.assertRaisesRegex(ValueError, line):
            metric.aggregate()

    def test_refuses_after_a_reset(self):
        metric = metrics.AttentionEntropyMetric()
        metric(torch.full((1, 1, 2, 2), 0.25).log())
        self.assertAlmostEqual(metric.aggregate(), 1, places=6)
        metric.reset()
        with self.assertRaisesRegex(ValueError, "expected a batch before aggregate"):
            metric.aggregate()


if __name__ == "__main__":
    unittest.main()
