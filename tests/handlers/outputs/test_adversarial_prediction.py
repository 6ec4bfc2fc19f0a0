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
"""Tests of predictions on perturbed images."""

from __future__ import annotations

import unittest

import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.handlers import ROCAUC
from parameterized import parameterized
from sklearn.metrics import roc_auc_score
from torch.nn.functional import cross_entropy

from monai_dd.engines import fgsm_perturb, pgd_perturb
from monai_dd.handlers.outputs import AdversarialPrediction
from monai_dd.losses import BalancedBCELoss
from tests.engines.setting import LABELS, Linear, Small, images


def _items(labels):
    return [{"image": i, "label": k} for i, k in zip(images(len(labels)), labels, strict=True)]


class TestAdversarialPrediction(unittest.TestCase):
    @parameterized.expand([(form, steps) for form in (True, False) for steps in (1, 3)])
    def test_several_labels(self, form, steps):
        network, loss = Small(dictionary=form).train(), BalancedBCELoss()
        probabilities, labels = AdversarialPrediction(network, loss, 0.1, steps=steps)(_items(LABELS))
        self.assertTrue(all(module.training for module in network.modules()))
        network.eval()
        image = images()
        if steps == 1:
            image = fgsm_perturb(network, image, LABELS, loss, 0.1)
        else:
            image = pgd_perturb(network, image, LABELS, loss, 0.1, steps=steps)
        output = network(image)
        expected = (output["logits"] if form else output).sigmoid()
        torch.testing.assert_close(torch.stack(probabilities), expected.detach())
        torch.testing.assert_close(torch.stack(labels), LABELS)
        self.assertFalse(probabilities[0].requires_grad)

    @parameterized.expand([(classes, shape) for classes in (2, 3) for shape in ((), (1,))])
    def test_class_index(self, classes, shape):
        network = Small(classes=classes).eval()
        index = torch.arange(4) % classes

        def loss(output, target):
            return cross_entropy(output, target.flatten())

        probabilities, labels = AdversarialPrediction(network, loss, 0.1)(_items([k.reshape(shape) for k in index]))
        expected = network(fgsm_perturb(network, images(), index, loss, 0.1)).softmax(1).detach()
        one_hot = torch.eye(classes)[index]
        if classes == 2:
            expected, one_hot = expected[:, 1:], one_hot[:, 1:]
        torch.testing.assert_close(torch.stack(probabilities), expected)
        torch.testing.assert_close(torch.stack(labels), one_hot)

    @parameterized.expand([(0.0, 1.0), (0.05, 1.0), (0.3, 0.0)])
    def test_robust_area_under_the_curve(self, epsilon, expected):
        """Means of 0.2 and 0.4 by the label: 0.05 leaves their order, 0.3 turns it; MONAI's own evaluator is asked."""
        items = [
            {"image": torch.full((1, 3, 3), 0.2 + 0.2 * (i % 2)), "label": torch.tensor([i % 2.0])} for i in range(8)
        ]
        network = Linear(torch.ones(9), bias=-2.7)
        transform = AdversarialPrediction(network, BalancedBCELoss(), epsilon)
        evaluator = SupervisedEvaluator(
            device=torch.device("cpu"),
            val_data_loader=DataLoader(Dataset(items), batch_size=3),
            network=network,
            key_val_metric={"robust_auc": ROCAUC(output_transform=transform)},
        )
        evaluator.run()
        probabilities, labels = transform(items)
        self.assertEqual(evaluator.state.metrics["robust_auc"], expected)
        self.assertEqual(roc_auc_score(torch.cat(labels), torch.cat(probabilities)), expected)

    @parameterized.expand([("image",), ("label",)])
    def test_refuses_items_without(self, key):
        items = _items(LABELS)
        del items[1][key]
        message = f"^AdversarialPrediction: expected '{key}' in every item of the output$"
        with self.assertRaisesRegex(ValueError, message):
            AdversarialPrediction(Small(), BalancedBCELoss(), 0.1)(items)


if __name__ == "__main__":
    unittest.main()
