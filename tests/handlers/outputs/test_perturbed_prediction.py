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
"""Tests of predictions on perturbed images inside an evaluation."""

from __future__ import annotations

import unittest
from functools import partial

import torch
from ignite.engine import Engine
from parameterized import parameterized

from monai_dd.handlers import DeletionAUC, InsertionAUC, PerturbationAUC
from monai_dd.handlers.outputs import PerturbedPrediction
from monai_dd.metrics import (
    DeletionAUCMetric,
    InsertionAUCMetric,
    PerturbationAUCMetric,
    blur_image,
    perturb_logits,
)
from tests.networks.nets.variants import build

FRACTIONS = [0, 0.3, 0.6, 1]
CASES = [
    (PerturbationAUC, PerturbationAUCMetric, "ascending", 0.0),
    (DeletionAUC, DeletionAUCMetric, "descending", 0.0),
    (InsertionAUC, InsertionAUCMetric, "ascending", partial(blur_image, sigma=1.0)),
]


def _items(count=6):
    generator = torch.Generator().manual_seed(0)
    return [
        {
            "image": torch.randn(1, 16, 16, generator=generator),
            "attention_fine": torch.rand(1, 8, 8, generator=generator),
            "label": torch.tensor(i % 3),
        }
        for i in range(count)
    ]


class TestPerturbedPrediction(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_engine_reports_the_number_of_the_class(self, handler, metric, order, fill):
        torch.manual_seed(0)
        network, items = build("exact", 2, "unet", 16)[0], _items()
        engine = Engine(lambda _engine, batch: batch)
        transform = PerturbedPrediction(network, FRACTIONS, order, fill, batch_size=5, seed=3)
        handler(FRACTIONS, output_transform=transform).attach(engine, "area")
        image, relevance = (torch.stack([item[key] for item in items]) for key in ("image", "attention_fine"))
        filled = fill(image) if callable(fill) else fill
        direct = metric(FRACTIONS)
        logits = perturb_logits(network, image, relevance, FRACTIONS, order, filled, seed=3)
        direct(logits, torch.stack([item["label"] for item in items]))
        for _ in range(2):  # the second run starts from nothing
            engine.run([items[:4], items[4:]])
            self.assertAlmostEqual(engine.state.metrics["area"], direct.aggregate(), places=5)

    @parameterized.expand([("image",), ("attention_fine",), ("label",)])
    def test_refuses_items_without(self, key):
        items = _items(3)
        del items[1][key]
        with self.assertRaisesRegex(ValueError, f"^PerturbedPrediction: expected '{key}' in every item of the output$"):
            PerturbedPrediction(build("exact", 2, "unet", 16)[0], FRACTIONS)(items)

    def test_refuses_orders_and_fractions(self):
        network = torch.nn.Linear(1, 1)
        with self.assertRaisesRegex(ValueError, "^order: expected one of [^\n]*, got 'up'$"):
            PerturbedPrediction(network, FRACTIONS, "up")
        with self.assertRaisesRegex(ValueError, "^fractions: expected increasing numbers [^\n]*$"):
            PerturbedPrediction(network, [0, 0])


if __name__ == "__main__":
    unittest.main()
