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
"""Tests of explanations beside the output of a running engine."""

from __future__ import annotations

import unittest

import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.handlers import IgniteMetricHandler, from_engine
from monai.transforms import Compose, CopyItemsd, Lambdad
from parameterized import parameterized

from monai_dd.explain import AttentionExplainer, HiResCAM, RandomControl
from monai_dd.handlers import ExplanationMaps
from monai_dd.metrics import (
    PixelAveragePrecisionMetric,
    PointingGameMetric,
    compute_pixel_average_precision,
    compute_pointing_game,
)
from tests.networks.nets.variants import build

POST = Compose([CopyItemsd("mask", names="region"), Lambdad("image", torch.zeros_like)])  # the image is spoiled


def _items(count=5):
    generator = torch.Generator().manual_seed(0)
    masks = [(torch.rand(1, 16, 16, generator=generator) > 0.7).float() * (i != 1) for i in range(count)]
    return [{"image": torch.randn(1, 16, 16, generator=generator), "label": 0, "mask": m} for m in masks]


def _evaluator(network, handlers, items, metrics=None, **options):
    return SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(items), batch_size=2),
        network=network,
        postprocessing=POST,
        key_val_metric=metrics,
        val_handlers=handlers,
        **options,
    )


class TestExplanationMaps(unittest.TestCase):
    @parameterized.expand([(None,), (1,)])
    def test_metrics_read_the_maps(self, class_idx):
        torch.manual_seed(0)
        network, _ = build("exact", 2, "unet", 16)
        explainers = {
            "fine": AttentionExplainer(network),
            "cam": HiResCAM(network, "block3"),
            "random": RandomControl(),
        }
        metrics = {}
        for name in explainers:
            transform = from_engine([name, "region"])
            metrics[f"{name}_ap"] = IgniteMetricHandler(
                PixelAveragePrecisionMetric(), output_transform=transform, save_details=False
            )
            metrics[f"{name}_hit"] = IgniteMetricHandler(
                PointingGameMetric(), output_transform=transform, save_details=False
            )
        items = _items()
        evaluator = _evaluator(network, [ExplanationMaps(explainers, class_idx=class_idx)], items, metrics)
        evaluator.run()
        image, mask = (torch.stack([item[key] for item in items]) for key in ("image", "mask"))
        for name, explainer in explainers.items():
            maps = explainer(image, class_idx)
            for end, compute in (("ap", compute_pixel_average_precision), ("hit", compute_pointing_game)):
                expected = compute(maps, mask).nanmean().item()
                self.assertAlmostEqual(evaluator.state.metrics[f"{name}_{end}"], expected, places=5)
        self.assertEqual([m.shape for m in from_engine("cam")(evaluator.state.output)], [(1, 4, 4)])

    def test_the_image_is_what_the_network_saw_and_the_class_is_handed_on(self):
        seen = []

        def explainer(image, class_idx):
            seen.append((image, class_idx))
            return image.clone().requires_grad_()

        items = _items()
        evaluator = _evaluator(torch.nn.Identity(), [ExplanationMaps({"map": explainer}, class_idx=2)], items)
        evaluator.run()
        torch.testing.assert_close(torch.cat([x for x, _ in seen]), torch.stack([item["image"] for item in items]))
        self.assertEqual({k for _, k in seen}, {2})
        last = evaluator.state.output[-1]
        torch.testing.assert_close(last["map"], items[-1]["image"])
        self.assertFalse(last["map"].requires_grad)
        self.assertEqual(last["image"].abs().max(), 0)  # what postprocessing made of it

    @parameterized.expand(
        [
            ("names", {"explainers": {"pred": RandomControl()}}, {}, r"explainers: expected [^\n]*, got \['pred'\]"),
            ("key", {"image_key": "scan"}, {}, "image_key: expected a key of the batch, got 'scan'"),
            ("batch", {}, {"decollate": False}, "ExplanationMaps: expected an engine with decollate=True"),
        ]
    )
    def test_refusals(self, _name, changes, options, line):
        handler = ExplanationMaps(**{"explainers": {"map": RandomControl()}, **changes})
        evaluator = _evaluator(torch.nn.Identity(), [handler], _items(), **options)
        with self.assertRaisesRegex(ValueError, f"^{line}$"), self.assertLogs("ignite", "ERROR"):
            evaluator.run()


if __name__ == "__main__":
    unittest.main()
