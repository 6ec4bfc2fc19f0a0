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
"""Tests of networks evaluated in passing."""

from __future__ import annotations

import unittest

import torch
from torch import nn

from monai_dd.utils.evaluation import class_scores, evaluating
from monai_dd.utils.outputs import read_logits


class TestEvaluating(unittest.TestCase):
    def setUp(self):
        self.network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout())
        self.network.train()
        self.network[1].eval()  # a frozen normalization
        self.modes = [module.training for module in self.network.modules()]

    def test_every_module_gets_its_own_mode_back(self):
        with evaluating(self.network):
            self.assertFalse(any(module.training for module in self.network.modules()))
        self.assertEqual([module.training for module in self.network.modules()], self.modes)

    def test_also_after_an_error(self):
        with self.assertRaises(RuntimeError), evaluating(self.network):
            raise RuntimeError
        self.assertEqual([module.training for module in self.network.modules()], self.modes)


class TestReadLogits(unittest.TestCase):
    def test_both_forms(self):
        logits = torch.rand(2, 3)
        self.assertIs(read_logits(logits), logits)
        self.assertIs(read_logits({"logits": logits, "log_mu_fine": torch.zeros(1)}), logits)


class TestClassScores(unittest.TestCase):
    def test_three_classes_and_two(self):
        logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]]))
        probabilities, labels = class_scores(logits, torch.tensor([2, 0]))
        torch.testing.assert_close(torch.stack(probabilities), logits.exp())
        torch.testing.assert_close(torch.stack(labels), torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
        probabilities, labels = class_scores(torch.log(torch.tensor([[0.25, 0.75]])), torch.tensor([1]))
        torch.testing.assert_close(probabilities[0], torch.tensor([0.75]))
        self.assertEqual(labels[0].tolist(), [1.0])

    def test_no_class(self):
        with self.assertRaisesRegex(ValueError, "^finding: expected classes 0 to 2, got 0 to 3$"):
            class_scores(torch.zeros(2, 3), torch.tensor([0, 3]), "finding")


if __name__ == "__main__":
    unittest.main()
