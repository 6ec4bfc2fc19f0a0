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
"""Tests of the patch weights as an explanation."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.explain import PatchAttention, make_explainers
from tests.networks.nets.patches import POOLINGS, build, image
from tests.networks.nets.variants import build as build_attention_classifier


class TestPatchAttention(unittest.TestCase):
    @parameterized.expand([(p, dims, form) for p in POOLINGS for dims in (2, 3) for form in (False, True)])
    def test_weights_of_the_decision(self, pooling, dims, return_attention):
        network, x = build(pooling, dims, return_attention=return_attention, xi=0.8), image(dims)
        maps = PatchAttention(network)(x)
        self.assertEqual(maps.shape, (2, 1, *[3] * dims))
        self.assertFalse(maps.requires_grad)
        self.assertGreaterEqual(maps.min().item(), 0)
        torch.testing.assert_close(maps.flatten(2).sum(2), torch.ones(2, 1))
        with torch.no_grad():
            self.assertTrue(torch.equal(maps, network.with_attention()(x)["patch_weights"]))

    @parameterized.expand([(pooling,) for pooling in POOLINGS])
    def test_leaves_the_network_as_it_was(self, pooling):
        network = build(pooling).train()
        state = {key: w.clone() for key, w in network.state_dict().items()}
        first = PatchAttention(network)(image())
        self.assertTrue(all(module.training for module in network.modules()))
        self.assertTrue(all(p.grad is None for p in network.parameters()))
        self.assertFalse(network.return_attention)
        for key, w in network.state_dict().items():
            self.assertTrue(torch.equal(w, state[key]))
        self.assertTrue(torch.equal(PatchAttention(network)(image()), first))

    def test_reads_the_weights_of_the_moment(self):
        network = build("loss_attention")
        explainer = PatchAttention(network)
        before = explainer(image())
        torch.nn.init.normal_(network.head.classifier.weight)
        self.assertFalse(torch.equal(explainer(image()), before))

    @parameterized.expand([(pooling,) for pooling in POOLINGS])
    def test_same_for_every_class(self, pooling):
        explainer = PatchAttention(build(pooling))
        self.assertTrue(torch.equal(explainer(image(), 0), explainer(image(), torch.tensor([1, 2]))))
        with self.assertRaisesRegex(ValueError, "^class_idx: expected classes 0 to 2, got 3 to 3$"):
            explainer(image(), 3)

    @parameterized.expand([("gates", build_attention_classifier("exact")[0]), ("another", torch.nn.Identity())])
    def test_refuses_any_other_network(self, _name, network):
        with self.assertRaisesRegex(ValueError, r"^network: expected a PatchClassifier, got [A-Z]\w+$"):
            PatchAttention(network)


class TestOtherExplainers(unittest.TestCase):
    @parameterized.expand([(pooling,) for pooling in POOLINGS])
    def test_of_a_patch_classifier(self, pooling):
        """Those that only need a network's layers or outputs serve it; those for other networks say why not."""
        network, x = build(pooling), image()
        explainers = make_explainers(network, ("attention", "gradcam", "hirescam", "occlusion", "vit_attention"))
        self.assertEqual(
            set(explainers), {"gradcam/fine", "gradcam/coarse", "hirescam/fine", "hirescam/coarse", "occlusion"}
        )
        for key, explainer in explainers.items():
            if key != "occlusion":  # its windows are larger than these images
                self.assertTrue(explainer(x).isfinite().all(), key)
        with self.assertRaisesRegex(ValueError, "^network: expected an AttentionClassifier with attended stages"):
            make_explainers(network, ["attention"], skip_unsuited=False)


if __name__ == "__main__":
    unittest.main()
