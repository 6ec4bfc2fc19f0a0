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
"""The explanation that adds up."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.explain import ClassActivationMap, Contribution, UnsuitedError, make_explainers
from monai_dd.networks.encoders import VGGEncoder
from monai_dd.networks.nets import PatchClassifier, ViTClassifier
from tests.networks.nets.variants import build


def _image(batch=2):
    return torch.randn(batch, 1, 32, 32, generator=torch.Generator().manual_seed(0))


class TestContribution(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.network = build("exact", 2, "unet", 32)[0].eval()

    def test_signed_maps_of_one_label_sum_to_its_logit(self):
        relevance = Contribution(self.network, contrasted=False, signed=True)(_image(), torch.tensor([2, 0]))
        self.assertEqual(relevance.shape, (2, 1, 8, 8))
        bias = sum(head.bias for head in self.network.heads.values())
        logits = self.network(_image()) - bias
        total = relevance.flatten(1).sum(1)
        torch.testing.assert_close(total, torch.stack([logits[0, 2], logits[1, 0]]), rtol=0, atol=1e-6)

    def test_contrasted_maps_sum_to_the_difference_from_the_other_classes(self):
        relevance = Contribution(self.network, signed=True)(_image(), 1)
        logits = self.network(_image()) - sum(head.bias for head in self.network.heads.values())
        expected = logits[:, 1] - (logits[:, 0] + logits[:, 2]) / 2
        torch.testing.assert_close(relevance.flatten(1).sum(1), expected, rtol=0, atol=1e-6)

    def test_levels_add_up_to_the_sum(self):
        fine, coarse, total = (
            Contribution(self.network, level, signed=True)(_image()) for level in ("fine", "coarse", None)
        )
        self.assertEqual([fine.shape[-1], coarse.shape[-1], total.shape[-1]], [8, 4, 8])
        spread = torch.nn.functional.interpolate(coarse, scale_factor=2) / 4
        torch.testing.assert_close(total, fine + spread)

    def test_the_positive_part_by_default(self):
        signed = Contribution(self.network, signed=True)(_image())
        self.assertLess(float(signed.min()), 0)
        torch.testing.assert_close(Contribution(self.network)(_image()), signed.clamp(min=0), rtol=0, atol=0)

    def test_the_predicted_class_by_default(self):
        chosen = self.network(_image()).argmax(1)
        torch.testing.assert_close(Contribution(self.network)(_image()), Contribution(self.network)(_image(), chosen))

    def test_of_a_baseline_is_its_class_activation_map(self):
        network = build("baseline", 2, "unet", 32)[0].eval()
        relevance = Contribution(network, contrasted=False)(_image(), 1)
        cells = relevance[0].numel()
        torch.testing.assert_close(relevance * cells, ClassActivationMap(network, relu=True)(_image(), 1))

    def test_of_patches(self):
        network = PatchClassifier(VGGEncoder(2, 1, features=2, strides=1), "loss_attention", 3, channels=8).eval()
        relevance = Contribution(network, contrasted=False, signed=True)(_image(), 1)
        torch.testing.assert_close(relevance.flatten(1).sum(1), network(_image())[:, 1])

    def test_leaves_the_network_as_it_was(self):
        self.network.train()
        Contribution(self.network)(_image())
        self.assertTrue(all(module.training for module in self.network.modules()))
        self.assertIsInstance(self.network(_image()), torch.Tensor)

    def test_names(self):
        keys = list(make_explainers(self.network, ["contribution", "contribution_sum"]))
        self.assertEqual(keys, ["contribution/fine", "contribution/coarse", "contribution_sum"])
        baseline = build("baseline", 2, "unet", 32)[0]
        self.assertEqual(list(make_explainers(baseline, ["contribution", "contribution_sum"])), ["contribution"])
        made = make_explainers(self.network, ["contribution_sum"], contrasted=False)["contribution_sum"](_image(), 1)
        torch.testing.assert_close(made, Contribution(self.network, contrasted=False)(_image(), 1))
        made = make_explainers(self.network, ["contribution"], contrasted=False)["contribution/coarse"](_image(), 1)
        torch.testing.assert_close(made, Contribution(self.network, "coarse", contrasted=False)(_image(), 1))

    @parameterized.expand([("level", "middle"), ("level", "level1")])
    def test_unknown_level(self, _name, level):
        with self.assertRaisesRegex(ValueError, rf"^level: expected one of \['fine', 'coarse'\], got '{level}'$"):
            Contribution(self.network, level)

    def test_unsuited(self):
        vit = ViTClassifier(1, 32, 2, hidden_size=24, mlp_dim=48, num_layers=2, num_heads=2)
        for network in (vit, torch.nn.Flatten()):
            kind = type(network).__name__
            with self.assertRaisesRegex(
                UnsuitedError, f"^network: expected one whose logits are a sum .*, got {kind}$"
            ):
                Contribution(network)


if __name__ == "__main__":
    unittest.main()
