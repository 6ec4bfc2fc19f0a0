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
"""Cross-entropy with an elastic net on the evidence."""

from __future__ import annotations

import unittest

import torch
from torch.nn.functional import cross_entropy

from monai_dd.losses import ElasticNetLoss
from monai_dd.networks.encoders import UNetEncoder
from monai_dd.networks.nets import EvidenceClassifier


class TestElasticNetLoss(unittest.TestCase):
    def test_is_of_the_evidence_of_cells(self):
        for levels in (["block4"], ["block3", "block4"]):
            torch.manual_seed(0)
            consistency = "exact" if len(levels) > 1 else "none"
            network = EvidenceClassifier(UNetEncoder(2, 1, features=2), 3, levels, consistency=consistency).eval()
            image, target = torch.rand(2, 1, 32, 16), torch.tensor([2, 0])
            output = network.with_attention(contribution=True)(image)
            stages = dict(zip(("block1", "block2", "block3", "block4"), network.encoder(image), strict=True))
            expected = cross_entropy(output["logits"], target, label_smoothing=0.1, reduction="none")
            for level in levels:
                weight = network.heads[level].weight
                evidence = torch.einsum("kc,bcn->bkn", weight, stages[level].flatten(2)).flatten(1)
                expected = expected + 0.3 * evidence.abs().mean(1) + 0.2 * evidence.square().mean(1)
            for reduction, value in (("none", expected), ("sum", expected.sum()), ("mean", expected.mean())):
                loss = ElasticNetLoss(l1=0.3, l2=0.2, label_smoothing=0.1, reduction=reduction)
                torch.testing.assert_close(loss(output, target), value)

    def test_another_classification(self):
        output = {"logits": torch.zeros(2, 3), "contribution_fine": torch.zeros(2, 3, 2, 2)}
        output["contribution_coarse"] = output["contribution_fine"]
        loss = ElasticNetLoss(classification=lambda logits, target: target.float().sum(1), reduction="none")
        torch.testing.assert_close(loss(output, torch.tensor([[1, 1, 0], [0, 0, 1]])), torch.tensor([2.0, 1.0]))

    def test_refused(self):
        with self.assertRaisesRegex(ValueError, "^l1, l2: expected 0 or more, got -1, 0.01$"):
            ElasticNetLoss(l1=-1)
        with self.assertRaisesRegex(ValueError, "contribution_fine"):
            ElasticNetLoss()({"logits": torch.zeros(1, 2)}, torch.tensor([0]))


if __name__ == "__main__":
    unittest.main()
