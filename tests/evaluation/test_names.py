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
"""Tests of names and order."""

from __future__ import annotations

import unittest

from parameterized import parameterized

from monai_dd.evaluation.names import EXPLAINERS, row_name, row_order, sort_levels
from monai_dd.evaluation.schema import NETWORK
from monai_dd.explain import METHODS


class TestNames(unittest.TestCase):
    @parameterized.expand(
        [
            ("exact", "attention", "exact"),
            ("exact", NETWORK, "exact"),
            ("baseline", "smoothed_intensity", "baseline: smoothed intensity"),
            ("unconstrained_gated", "cvx", "cvx"),
            ("cvx", "attention", "cvx: closed form"),
            ("unconstrained", "cvx", "unconstrained: cvx"),
            ("vit", "vit_rollout", "vit: rollout"),
            ("loss_attention", "patch_attention", "loss_attention"),
        ]
    )
    def test_names(self, variant, explainer, name):
        self.assertEqual(row_name(variant, explainer), name)

    def test_every_method_has_a_place(self):
        self.assertEqual(set(METHODS) ^ set(EXPLAINERS), {NETWORK})

    def test_what_networks_say_themselves_stands_together(self):
        own = ["vit_attention", "attention", "patch_attention", "contribution", "contribution_sum"]
        own += ["contribution_signed", "contribution_sum_signed", "consistent", "cvx", NETWORK]
        places = {row_order("exact", name)[0] for name in own}
        self.assertEqual(len(places), 1)
        others = [row_order("exact", name)[0] for name in [*EXPLAINERS, "new"] if name not in own]
        self.assertEqual(others, sorted(set(others)))
        self.assertLess(others[-1], places.pop())

    def test_levels(self):
        self.assertEqual(
            sort_levels(["coarse", "image", "level10", "fine", "level2"]), ["fine", "level2", "level10", "coarse"]
        )
        self.assertEqual(sort_levels(["image"]), ["image"])
        self.assertEqual(sort_levels([]), [])


if __name__ == "__main__":
    unittest.main()
