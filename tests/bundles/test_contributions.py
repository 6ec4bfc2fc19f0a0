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
"""Contributions in the inference of every bundle: what the output has of them, and what is drawn."""

from __future__ import annotations

import unittest
from unittest.mock import patch

import torch
from ignite.engine import Engine
from monai.data import decollate_batch
from parameterized import parameterized

from monai_dd.handlers import figure_saver
from monai_dd.utils.outputs import read_contributions
from tests.bundles.setting import BRATS, CHEST, FDG, InFolder, parser

SIDE = [64, 32]
EACH = [(f"{r.name}_{v}", r, f"variant_{v}") for r in (FDG, BRATS, CHEST) for v in ("exact", "baseline")]
PATCHES = [(f"{r.name}_patches", r, "variant_loss_attention") for r in (BRATS, CHEST)]
NO_SUM = [(f"{r.name}_{v}", r, f"variant_{v}") for r, v in ((FDG, "vit"), (BRATS, "vit"), (CHEST, "dynamic_routing"))]


def _config(root, *names, **override):
    small = {"image_size": SIDE, "encoder#features": 4, "embed_dim": 8, "device": "cpu", **override}
    torch.manual_seed(0)
    return parser(*names, root=root, **small)


def _items(config) -> list[dict]:
    """What inference hands to its handlers for two images."""
    network = config.get_parsed_content("network").eval()
    image = torch.rand(2, config.get_parsed_content("in_channels"), *SIDE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        output = network(image)
    return [config.get_parsed_content("postprocessing")(i) for i in decollate_batch({"image": image, "pred": output})]


class TestInference(InFolder):
    @parameterized.expand(EACH + PATCHES)
    def test_contributions_and_bias_are_the_logits(self, _name, root, variant):
        config = _config(root, "inference", variant)
        items = _items(config)
        network = config.get_parsed_content("network_def")
        # the logits of patches have the bias within, and their weights sum to one
        bias = sum(head.bias for head in network.heads.values()) if hasattr(network, "heads") else 0
        for item in items:
            total = sum(one.flatten(1).sum(1) for one in read_contributions(item))
            torch.testing.assert_close(total + bias, item["logits"], rtol=1e-4, atol=1e-5)

    @parameterized.expand(EACH[::2])
    def test_predictions_are_what_they_are_without(self, _name, root, variant):
        with_them, without = (_items(_config(root, "inference", variant, **o)) for o in ({}, {"contribution": False}))
        for item, other in zip(with_them, without, strict=True):
            self.assertEqual(set(item) - set(other), {"contribution_fine", "contribution_coarse"})
            for key, value in other.items():
                torch.testing.assert_close(item[key], value, rtol=0, atol=0)

    @parameterized.expand(NO_SUM)
    def test_a_network_whose_logits_are_no_sum(self, _name, root, variant):
        items = _items(_config(root, "inference", variant))
        self.assertFalse([key for key in items[0] if key.startswith("contribution")])
        self.assertTrue(torch.isfinite(items[0]["pred"]).all())

    @parameterized.expand(EACH[::2])
    def test_the_figure_shows_them(self, _name, root, variant):
        config = _config(root, "inference", variant)
        items, names = _items(config), config["class_names"]
        index, handler = next(
            (i, h) for i, h in enumerate(config["handlers"]) if h["_target_"].endswith("AttentionFigureSaver")
        )
        config.update({"output_dir": str(self.work), "max_figures": 1})
        config.parse()
        engine = Engine(lambda _engine, batch: batch)
        config.get_parsed_content(f"handlers#{index}").attach(engine)
        with patch.object(figure_saver, "attention_figure", wraps=figure_saver.attention_figure) as draw:
            engine.run([items])
        self.assertEqual(draw.call_args.kwargs["class_name"], names[int(items[0]["pred"].argmax())])
        chosen = int(items[0]["pred"].argmax())
        totals = sum(one.flatten(1).sum(1) for one in read_contributions(items[0]))
        others = 0 if handler.get("multi_label") else (totals.sum() - totals[chosen]) / (len(totals) - 1)
        drawn = draw.call_args.kwargs["signed"]["contribution"].sum()
        self.assertAlmostEqual(float(drawn), float(totals[chosen] - others), places=4)


class TestTraining(unittest.TestCase):
    @parameterized.expand([(root.name, root) for root in (FDG, BRATS, CHEST)])
    def test_only_evaluation_computes_them(self, _name, root):
        for names, override, expected in (
            (("train", "variant_exact"), {}, False),
            (("train", "evaluate", "variant_exact"), {}, True),
            (("train", "evaluate", "variant_exact"), {"max_figures": 0}, False),
            (("train", "evaluate", NO_SUM[0 if root == FDG else 1 if root == BRATS else 2][2]), {}, False),
        ):
            with self.subTest(names=names, override=override):
                network = _config(root, *names, **override).get_parsed_content("network")
                self.assertEqual(network.return_contribution, expected)


if __name__ == "__main__":
    unittest.main()
