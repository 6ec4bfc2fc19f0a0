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
"""Tests of the patches that speak for the class of their image."""

from __future__ import annotations

import unittest

import torch

from monai_dd.handlers.outputs import LabeledPatches


def _item(label, classes, box=(slice(0, 4), slice(0, 4))):
    """An image of 8x8 pixels with four patches of 4x4: weights 0.4, 0.3, 0.2, 0.1 and their classes."""
    logits = torch.nn.functional.one_hot(torch.tensor(classes), 2).float().T.reshape(2, 2, 2)
    region = torch.zeros(1, 8, 8)
    if label:
        region[0][box] = 1
        region[0, 1, 1] = 0  # a hole: the box has none
    weights = torch.tensor([[[0.4, 0.3], [0.2, 0.1]]])
    return {"patch_weights": weights, "patch_logits": logits, "region": region, "label": torch.tensor([label])}


class TestLabeledPatches(unittest.TestCase):
    def test_only_patches_of_the_label_count(self):
        items = [_item(1, [1, 0, 1, 0]), _item(0, [1, 0, 1, 0])]
        weights, masks = LabeledPatches()(items)
        torch.testing.assert_close(weights[0], torch.tensor([[[0.4, 0.0], [0.2, 0.0]]]))
        torch.testing.assert_close(weights[1], torch.tensor([[[0.0, 0.3], [0.0, 0.1]]]))
        self.assertEqual([int(m.sum()) for m in masks], [16, 0])

    def test_outline(self):
        _, masks = LabeledPatches(boxes=False)([_item(1, [1, 0, 1, 0])])
        self.assertEqual(int(masks[0].sum()), 15)

    def test_items_are_left_as_they_were(self):
        item = _item(1, [0, 0, 0, 0])
        LabeledPatches()([item])
        self.assertAlmostEqual(float(item["patch_weights"].sum()), 1, places=6)
        self.assertEqual(int(item["region"].sum()), 15)

    def test_network_without_patches(self):
        item = _item(1, [1, 0, 1, 0])
        del item["patch_logits"]
        with self.assertRaisesRegex(ValueError, r"expected \['patch_logits'\] in every item"):
            LabeledPatches()([item])


if __name__ == "__main__":
    unittest.main()
