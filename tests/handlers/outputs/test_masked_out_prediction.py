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
"""Tests of predictions with the region masked out."""

from __future__ import annotations

import unittest

import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.handlers import ROCAUC
from monai.transforms import CopyItemsd
from parameterized import parameterized
from sklearn.metrics import roc_auc_score

from monai_dd.handlers.outputs import MaskedOutPrediction
from monai_dd.transforms.hemisphere.blank import blank_region
from tests.networks.nets.variants import build


def _items(count=12, classes=2, key="region"):
    """Images of noise, with a region where the label is not 0."""
    generator = torch.Generator().manual_seed(0)
    items = []
    for i in range(count):
        region = torch.zeros(1, 16, 16)
        region[:, 4:9, 3:8] = float(i % classes > 0)
        items.append({"image": torch.randn(1, 16, 16, generator=generator), key: region, "label": i % classes})
    return items


class _Brightest(torch.nn.Module):
    """Sees nothing but a bright spot: the logit of class 1 is the maximum of the image."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        highest = self.scale * x.flatten(1).amax(1)
        return torch.stack([torch.zeros_like(highest), highest], dim=1)


class TestMaskedOutPrediction(unittest.TestCase):
    @parameterized.expand([(fill, form) for fill in ("mean", "zero") for form in (True, False)])
    def test_two_classes(self, fill, return_attention):
        network, _ = build("exact", 2, "unet", 16, return_attention=return_attention)
        network.heads = torch.nn.ModuleDict({k: torch.nn.Linear(h.in_features, 2) for k, h in network.heads.items()})
        network.train()
        items = _items()
        probabilities, labels = MaskedOutPrediction(network, fill=fill)(items)
        self.assertTrue(network.training)
        network.eval()
        image, region = (torch.stack([item[key] for item in items]) for key in ("image", "region"))
        output = network(blank_region(image, region, fill))
        expected = (output["logits"] if return_attention else output).softmax(1)[:, 1:]
        torch.testing.assert_close(torch.stack(probabilities), expected.detach())
        self.assertEqual([label.tolist() for label in labels], [[float(i % 2)] for i in range(12)])
        self.assertFalse(probabilities[0].requires_grad)

    def test_more_classes(self):
        network, _ = build("exact", 2, "unet", 16)
        probabilities, labels = MaskedOutPrediction(network)(_items(classes=3))
        self.assertEqual([p.shape for p in probabilities], [(3,)] * 12)
        torch.testing.assert_close(torch.stack(probabilities).sum(1), torch.ones(12))
        torch.testing.assert_close(torch.stack(labels), torch.eye(3).repeat(4, 1))

    @parameterized.expand([("macro", 2), ("none", 2), ("macro", 3)])
    def test_in_an_evaluation(self, average, classes):
        torch.manual_seed(0)
        network = build("exact", 2, "unet", 16)[0] if classes == 3 else _Brightest()
        items = _items(classes=classes, key="mask")
        transform = MaskedOutPrediction(network)
        evaluator = SupervisedEvaluator(
            device=torch.device("cpu"),
            val_data_loader=DataLoader(Dataset(items), batch_size=5),
            network=network,
            postprocessing=CopyItemsd("mask", names="region"),
            key_val_metric={"auc_masked_out": ROCAUC(average=average, output_transform=transform)},
        )
        evaluator.run()
        probabilities, labels = transform([{**item, "region": item["mask"]} for item in items])
        y, y_pred = torch.stack(labels).squeeze(1), torch.stack(probabilities).squeeze(1)
        self.assertAlmostEqual(evaluator.state.metrics["auc_masked_out"], roc_auc_score(y, y_pred), places=5)

    def test_a_label_that_only_the_region_shows_is_lost(self):
        items = _items(count=200)
        for item in items:
            item["image"] = item["image"] + 9 * item["region"]
        y = [item["label"] for item in items]
        seen = [item["image"].max() for item in items]
        self.assertEqual(roc_auc_score(y, seen), 1)
        masked = torch.stack(MaskedOutPrediction(_Brightest())(items)[0])
        # standard deviation sqrt((m + n + 1) / (12 m n)) = 0.041 of the area by chance, and a tenth of the pixels less
        self.assertAlmostEqual(roc_auc_score(y, masked), 0.5, delta=0.17)

    @parameterized.expand([("image",), ("region",), ("label",)])
    def test_refuses_items_without(self, key):
        items = _items(3)
        del items[1][key]
        with self.assertRaisesRegex(ValueError, f"^MaskedOutPrediction: expected '{key}' in every item of the output$"):
            MaskedOutPrediction(_Brightest())(items)

    def test_refuses_labels_and_fills(self):
        with self.assertRaisesRegex(ValueError, "^label: expected classes 0 to 1, got 0 to 2$"):
            MaskedOutPrediction(_Brightest())(_items(classes=3))
        with self.assertRaisesRegex(ValueError, "^fill: expected one of [^\n]*, got 'noise'$"):
            MaskedOutPrediction(_Brightest(), fill="noise")


if __name__ == "__main__":
    unittest.main()
