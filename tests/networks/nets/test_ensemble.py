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
"""Several networks and mirror images as one."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.explain import AttentionExplainer, Contribution
from monai_dd.networks.encoders import UNetEncoder
from monai_dd.networks.layers import marginalize
from monai_dd.networks.nets import AttentionClassifier, AttentionEnsemble, EvidenceClassifier, ViTClassifier

LEVELS = ["block3", "block4"]
VIEWS = {(): [()], (1,): [(), (3,)], (0, 1): [(), (2,), (3,), (2, 3)]}


def _members(num_classes=2, count=2, dims=2):
    torch.manual_seed(0)
    members = [EvidenceClassifier(UNetEncoder(dims, 1, features=2), num_classes, LEVELS) for _ in range(count)]
    for member in members:
        for head in member.heads.values():
            torch.nn.init.normal_(head.weight, std=5.0)
            torch.nn.init.normal_(head.bias)
    return [member.double().eval() for member in members]


class TestAttentionEnsemble(unittest.TestCase):
    @parameterized.expand([(axes, classes) for axes in VIEWS for classes in (2, 3)])
    def test_is_the_mean_over_networks_and_mirror_images(self, axes, classes):
        members = _members(classes)
        ensemble = AttentionEnsemble(members, flip_axes=axes).double().eval()
        image = torch.rand(2, 1, 32, 16, dtype=torch.float64)
        outputs = [
            {
                key: (value.exp() if "log_" in key else value).flip(view if value.dim() > 2 else ())
                for key, value in member.with_attention(contribution=True)(image.flip(view)).items()
            }
            for member in members
            for view in VIEWS[axes]
        ]
        means = {key: sum(output[key] for output in outputs) / len(outputs) for key in outputs[0]}
        torch.testing.assert_close(ensemble(image), means["logits"], rtol=0, atol=1e-12)
        got = ensemble.with_attention(contribution=True)(image)
        self.assertEqual(set(got), set(means))
        if classes == 3:
            chosen = means["logits"].argmax(1)
            for level in ("fine", "coarse"):
                of_chosen = means[f"class_log_mu_{level}"][torch.arange(2), chosen][:, None]
                means[f"log_mu_{level}"] = means[f"log_tau_{level}"] = of_chosen
                means[f"phi_{level}"] = of_chosen.log()
        for key, value in means.items():
            torch.testing.assert_close(got[key].exp() if "log_" in key else got[key], value, rtol=0, atol=1e-12)

    @parameterized.expand([(2,), (3,)])
    def test_adds_up_and_is_consistent(self, dims):
        members = _members(3, dims=dims)
        ensemble = AttentionEnsemble(members, flip_axes=range(dims)).double().eval()
        self.assertEqual(len(ensemble.views), 2**dims)
        image = torch.rand(1, 1, *[32, 16, 16][:dims], dtype=torch.float64)
        output = ensemble.with_attention(contribution=True)(image)
        total = sum(output[f"contribution_{level}"].flatten(2).sum(2) for level in ("fine", "coarse"))
        bias = sum(head.bias for member in members for head in member.heads.values()) / len(members)
        torch.testing.assert_close(total + bias, output["logits"], rtol=0, atol=1e-12)
        torch.testing.assert_close(marginalize(output["log_mu_fine"].exp(), 2), output["log_mu_coarse"].exp())
        plain = AttentionEnsemble(members, flip_axes=range(dims)).double().eval()
        scripted = torch.jit.script(plain.with_attention(contribution=True))(image)
        for key, value in output.items():
            torch.testing.assert_close(scripted[key], value, rtol=0, atol=1e-12)
        torch.testing.assert_close(torch.jit.script(plain)(image), output["logits"], rtol=0, atol=1e-12)

    def test_both_forms_share_their_parameters(self):
        ensemble = AttentionEnsemble(_members())
        described = ensemble.with_attention()
        self.assertFalse(any(member.return_attention for member in ensemble.members))
        self.assertTrue(all(member.return_attention for member in described.members))
        for own, other in zip(ensemble.parameters(), described.parameters(), strict=True):
            self.assertIs(own, other)
        self.assertEqual(set(ensemble.state_dict()), set(described.state_dict()))

    def test_is_explained_like_its_members(self):
        ensemble = AttentionEnsemble(_members(), flip_axes=[0])
        image = torch.rand(1, 1, 32, 32, dtype=torch.float64)
        self.assertEqual(Contribution(ensemble, "coarse")(image, 1).shape, (1, 1, 4, 4))
        self.assertEqual(AttentionExplainer(ensemble, "fine")(image, 1).shape, (1, 1, 8, 8))

    def test_members_without_contributions(self):
        vit = ViTClassifier(1, 32, 2, hidden_size=24, mlp_dim=48, num_layers=2, num_heads=2)
        ensemble = AttentionEnsemble([vit])
        self.assertIn("log_mu_fine", ensemble.with_attention()(torch.rand(1, 1, 32, 32)))
        with self.assertRaisesRegex(ValueError, "^contribution: expected a network whose logits are a sum over cells"):
            ensemble.with_attention(contribution=True)

    @parameterized.expand(
        [
            (lambda: AttentionEnsemble([]), "networks: expected one or more, got none"),
            (lambda: AttentionEnsemble(_members(), [2, 2]), "flip_axes: expected spatial axes, 0 to 2, each once, got"),
            (lambda: AttentionEnsemble(_members(), [-1]), "flip_axes: expected spatial axes, 0 to 2, each once, got"),
            (
                lambda: AttentionEnsemble([*_members(), AttentionClassifier(UNetEncoder(2, 1, features=2), 2)]),
                "networks: expected networks of the same classes and levels, got",
            ),
            (
                lambda: AttentionEnsemble([*_members(2), *_members(3)]),
                "networks: expected networks of the same classes and levels, got",
            ),
        ]
    )
    def test_refused(self, make, message):
        with self.assertRaises(ValueError) as caught:
            make()
        self.assertTrue(str(caught.exception).startswith(message), str(caught.exception))


if __name__ == "__main__":
    unittest.main()
