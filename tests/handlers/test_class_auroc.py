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
"""Tests of the adapter of the area under the ROC curve of each class."""

from __future__ import annotations

import math
import unittest

import torch
from ignite.engine import Engine
from parameterized import parameterized

from monai_dd.handlers import ClassAUROC
from monai_dd.metrics import compute_class_auroc


class TestClassAUROC(unittest.TestCase):
    @parameterized.expand([(1,), (3,)])
    def test_mean_and_classes(self, classes):
        generator = torch.Generator().manual_seed(0)
        scores = torch.randn(12, classes, generator=generator)
        labels = (torch.rand(12, classes, generator=generator) > 0.6).float()
        labels[:, 1:2] = 0
        names = ["Mass", "Hernia", "Edema"][:classes]
        engine = Engine(lambda _engine, batch: batch)
        ClassAUROC(names).attach(engine, "auroc")
        expected = compute_class_auroc(scores, labels)
        for _ in range(2):  # the second run starts from nothing
            engine.run([(scores[:5], labels[:5]), (scores[5:], labels[5:])])
            found = engine.state.metrics
            self.assertEqual(list(found), ["auroc", *(f"auroc_{name}" for name in names)])
            for name, area in zip(names, expected.tolist(), strict=True):
                self.assertTrue(found[f"auroc_{name}"] == area or (name == "Hernia" and math.isnan(area)), name)
            self.assertAlmostEqual(found["auroc"], float(expected.nanmean()))
            self.assertTrue(classes == 1 or math.isnan(found["auroc_Hernia"]))

    def test_other_names(self):
        engine = Engine(lambda _engine, batch: batch)
        ClassAUROC(["Mass"]).attach(engine, "auroc")
        with self.assertRaisesRegex(ValueError, "^class_names: expected 2 names, got 1$"):
            engine.run([(torch.rand(4, 2), torch.eye(4)[:, :2])])


if __name__ == "__main__":
    unittest.main()
