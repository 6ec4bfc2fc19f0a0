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
"""Tests of the attention as explanation."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.explain import AttentionExplainer, UnsuitedError
from monai_dd.metrics import compute_consistency_gap
from tests.networks.nets.variants import VARIANTS, build

ATTENDED = [name for name in VARIANTS if name != "baseline"]


def _image():
    return torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))


class TestAttentionExplainer(unittest.TestCase):
    @parameterized.expand(
        [(n, level, form) for n in ATTENDED for level in ("fine", "coarse") for form in (True, False)]
    )
    def test_gives_the_attention_of_the_network(self, name, level, return_attention):
        network, _ = build(name, 2, "unet", 16, return_attention=return_attention)
        network.train()
        maps = AttentionExplainer(network, level)(_image())
        self.assertTrue(all(module.training for module in network.modules()))
        self.assertEqual(network.return_attention, return_attention)
        network.eval()
        torch.testing.assert_close(maps, network.with_attention()(_image())[f"log_mu_{level}"].exp())
        torch.testing.assert_close(maps.flatten(1).sum(1), torch.ones(2))

    def test_levels_between(self):
        attend = ["block1", "block2", "block3", "block4"]
        network, _ = build("exact", 2, "unet", 16, attend=attend)
        sizes = [AttentionExplainer(network, f)(_image()).shape[-1] for f in ("fine", "level1", "level2", "coarse")]
        self.assertEqual(sizes, [16, 8, 4, 2])

    @parameterized.expand(["unconstrained_gated", "unconstrained", "dual"])
    def test_levels_made_consistent_after_the_fact(self, name):
        network, _ = build(name, 2, "unet", 16)
        gap = [
            compute_consistency_gap(
                AttentionExplainer(network, "fine", consistent)(_image()).log(),
                AttentionExplainer(network, "coarse", consistent)(_image()).log(),
            ).max()
            for consistent in (True, False)
        ]
        self.assertLess(float(gap[0]), 1e-6)  # float32's rounding of probabilities that add up to 1
        self.assertGreater(float(gap[1]), 1e-4)  # a hundred times that: not consistent by itself

    @parameterized.expand(
        [
            ("exact", "expected levels to make consistent, those of consistency 'exact' agree already"),
            ("tau_fine_gated", r"expected two attended stages or more to make consistent, got \['block3'\]"),
        ]
    )
    def test_nothing_to_make_consistent(self, name, line):
        with self.assertRaisesRegex(UnsuitedError, f"^network: {line}$"):
            AttentionExplainer(build(name, 2, "unet", 16)[0], consistent=True)

    def test_refuses_an_unknown_level(self):
        line = r"^level: expected one of \['fine', 'coarse'\], got 'level1'$"
        with self.assertRaisesRegex(ValueError, line):
            AttentionExplainer(build("exact", 2, "unet", 16)[0], "level1")

    @parameterized.expand([("baseline", build("baseline")[0]), ("another network", torch.nn.Identity())])
    def test_refuses_a_network_without_attention(self, _name, network):
        with self.assertRaisesRegex(
            UnsuitedError, "^network: expected an AttentionClassifier [^\n]*, got [^\n]* without$"
        ):
            AttentionExplainer(network)


if __name__ == "__main__":
    unittest.main()
