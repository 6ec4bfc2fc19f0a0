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
"""Tests of the metrics in an engine: the number that it reports is the number of the class."""

from __future__ import annotations

import math
import unittest

import torch
from ignite.engine import Engine
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.handlers import IgniteMetricHandler, from_engine
from parameterized import parameterized

from monai_dd.handlers import AttentionEntropy, ClassAUROC
from monai_dd.metrics import (
    AttentionEntropyMetric,
    BalancedAccuracyMetric,
    ConsistencyGapMetric,
    PatchLocalizationMetric,
    PatchSelectionMetric,
    PixelAveragePrecisionMetric,
    PointingGameMetric,
    RelevanceMassAccuracyMetric,
    compute_class_auroc,
)
from monai_dd.networks.layers import spatial_log_softmax


def _draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _scores():
    return _draw(9, 3), torch.arange(9) % 3


def _maps():
    return spatial_log_softmax(_draw(9, 1, 4, 4)), spatial_log_softmax(_draw(9, 1, 2, 2, seed=1))


def _masked():
    mask = (_draw(9, 1, 8, 8, seed=1) > 0).float()
    mask[4] = 0.0
    return spatial_log_softmax(_draw(9, 1, 4, 4)).exp(), mask


PATCHES = {"kernel": 4, "stride": (1, 2), "padding": (0, 1), "xi": 0.5}  # 5x4 patches on 8x8 pixels


def _patches():
    mask = torch.zeros(9, 1, 8, 8)
    for i in range(8):  # the last one is empty
        mask[i, :, i // 2 : i // 2 + 4, 1 : 3 + i // 2] = 1
    return _draw(9, 1, 5, 4).clamp(min=0), mask


CASES = [
    (BalancedAccuracyMetric, {}, _scores),
    (ConsistencyGapMetric, {}, _maps),
    (RelevanceMassAccuracyMetric, {}, _masked),
    (PixelAveragePrecisionMetric, {}, _masked),
    (PixelAveragePrecisionMetric, {"seed": 7}, _masked),
    (PointingGameMetric, {}, _masked),
    (PatchSelectionMetric, PATCHES, _patches),
    (PatchSelectionMetric, {**PATCHES, "measure": "precision"}, _patches),
    (PatchLocalizationMetric, {**PATCHES, "min_iou": 0.3}, _patches),
]


class TestIgniteMetricHandler(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_engine_reports_the_number_of_the_class(self, metric, options, data):
        first, second = data()
        direct = metric(**options)
        direct(first, second)
        batches = [(first[:4], second[:4]), (first[4:], second[4:])]
        engine = Engine(lambda _engine, batch: [{"a": a, "b": b} for a, b in zip(*batch, strict=True)])
        transform = from_engine(["a", "b"])
        IgniteMetricHandler(metric(**options), output_transform=transform, save_details=False).attach(engine, "metric")
        for _ in range(2):  # the second run starts from nothing
            engine.run(batches)
            self.assertAlmostEqual(engine.state.metrics["metric"], direct.aggregate(), places=6)

    @parameterized.expand([("items", True), ("batches", False)])
    def test_entropy_takes_the_map_alone(self, _name, decollated):
        maps = _maps()[0]
        engine = Engine(lambda _engine, batch: [{"map": m} for m in batch] if decollated else batch)
        transform = from_engine("map") if decollated else lambda output: output
        AttentionEntropy(output_transform=transform).attach(engine, "metric")
        direct = AttentionEntropyMetric()
        direct(maps)
        for _ in range(2):  # the second run starts from nothing
            engine.run([maps[:4], maps[4:]])
            self.assertAlmostEqual(engine.state.metrics["metric"], direct.aggregate(), places=6)

    def test_in_monais_evaluator_with_labels_as_numbers(self):
        scores, target = _scores()
        data = [{"image": s, "label": int(y)} for s, y in zip(scores, target, strict=True)]
        evaluator = SupervisedEvaluator(
            device=torch.device("cpu"),
            val_data_loader=DataLoader(Dataset(data), batch_size=4),
            network=torch.nn.Identity(),
            key_val_metric={
                "accuracy": IgniteMetricHandler(
                    BalancedAccuracyMetric(), output_transform=from_engine(["pred", "label"]), save_details=False
                )
            },
        )
        evaluator.run()
        direct = BalancedAccuracyMetric()
        direct(scores, target)
        self.assertAlmostEqual(evaluator.state.metrics["accuracy"], direct.aggregate(), places=6)
        self.assertAlmostEqual(evaluator.state.best_metric, direct.aggregate(), places=6)


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
