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
"""Explanations of every bundle by one command: files, resumption, and what is refused."""

from __future__ import annotations

import csv
import json
import unittest
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from parameterized import parameterized

from monai_dd.__main__ import main
from monai_dd.data.datalists import load_datalist
from monai_dd.explain import CompletenessWarning, Occlusion
from tests.bundles.setting import BRATS, CHEST, FDG, InFolder, launch, parser, phantoms, run, variants_of

EXPLAIN = ("train", "evaluate", "explain")
MASKED = {FDG: ("evaluate_localization",), BRATS: ()}
QUICK = {"num_fractions": 3, "max_maps": 2, "max_figures": 0}
LEVELS = ("fine", "coarse")
BOTH_LEVELS = ["gradcam", "hirescam", "gradient_x_input", "integrated_gradients"]
ONE_LEVEL = ["occlusion", "random", "gaussian", "smoothed_intensity"]
OWN = {
    "variant_baseline": {
        ("contribution", "image"),
        *((n, level) for n in ("deeplift", "lrp", *BOTH_LEVELS) for level in LEVELS),
    },
    "variant_unconstrained": {
        ("contribution_sum", "image"),
        *((n, level) for n in ("attention", "contribution", "consistent", *BOTH_LEVELS) for level in LEVELS),
    },
    "variant_loss_attention": {
        ("patch_attention", "image"),
        ("contribution", "image"),
        *((n, level) for n in BOTH_LEVELS for level in LEVELS),
    },
    "variant_vit": {("vit_attention", "image"), ("vit_rollout", "image")},
}
LOCALIZATION = {"pixel_ap", "pixel_ap_bilinear", "iou_0.975", "iou_0.95", "iou_0.9", "rank", "pointing", "mass"}
CURVES = {"perturbation_0.00", "perturbation_0.50", "perturbation_1.00", "perturbation_auc"}
CASES = [(f"{root.name}_{v}", root, v) for root in (BRATS, FDG) for v in OWN if v in variants_of(root)]


def _rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "explanations.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class TestDefaults(unittest.TestCase):
    @parameterized.expand(
        [(f"{r.name}_{n}", r, n) for r in (BRATS, FDG, CHEST) for n in (16, 64, 80, 96, 112, 224, 512)]
    )
    def test_the_window_of_occlusion_serves_any_size(self, _name, root, side):
        config = parser(*EXPLAIN, root=root, image_size=[side, side])
        window = config.get_parsed_content("occlusion_window")
        Occlusion(torch.nn.Identity(), window, window // 2)
        self.assertTrue(window == max(4, side // 8) or side % 32, window)

    @parameterized.expand([(root.name, root) for root in (BRATS, FDG, CHEST)])
    def test_the_label_is_explained(self, _name, root):
        self.assertEqual(parser(*EXPLAIN, root=root)["explain_class"], "label")


def _first_line(error: BaseException) -> str:
    """What the error is about, below the parser's own."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


class TestExplain(InFolder):
    def train(self, root, *variants):
        for variant in variants:
            run("train", variant, work=self.work, root=root, model_name=f"{variant.removeprefix('variant_')}.pt")

    def explain(self, root, variant, *overlays, **override):
        override = {**QUICK, "model_name": f"{variant.removeprefix('variant_')}.pt", **override}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompletenessWarning)  # of networks trained for one epoch
            run(*EXPLAIN[:2], *MASKED[root], EXPLAIN[2], *overlays, variant, work=self.work, root=root, **override)
        return _rows(Path(override.get("output_dir", self.work / "eval")))

    @parameterized.expand(CASES)
    def test_every_explainer_that_serves(self, _name, root, variant):
        self.train(root, *dict.fromkeys(["variant_baseline", variant]))
        rows = self.explain(root, variant)
        items = load_datalist(phantoms(root) / "datalist.json", "validation", phantoms(root))
        cases = {item["case"] for item in items}
        self.assertEqual({row["image"] for row in rows}, {"", *cases})
        own = {row["metric"]: row["value"] for row in rows if row["explainer"] == "network" and row["image"] == ""}
        weights = torch.load(self.work / "models" / f"{variant.removeprefix('variant_')}.pt", weights_only=True)
        self.assertLessEqual(int(own["parameters"]), sum(w.numel() for w in weights.values()))
        labels = {row["image"]: int(row["value"]) for row in rows if row["metric"] == "label"}
        self.assertEqual(labels, {item["case"]: item["label"] for item in items})
        keys = {(row["explainer"], row["level"]) for row in rows} - {("network", "")}
        occlusion = {(name, "image") for name in ONE_LEVEL}
        self.assertEqual(keys, OWN[variant] | occlusion)
        for key in keys:
            found = [row for row in rows if (row["explainer"], row["level"]) == key]
            metrics = LOCALIZATION | CURVES | {"deletion_auc", "insertion_auc"}
            self.assertEqual({row["metric"] for row in found}, metrics)
            self.assertEqual(len(found), len(metrics) * len(items))
            numbers = np.array([float(row["value"]) for row in found])
            self.assertTrue(((numbers >= 0) & (numbers <= 1) | np.isnan(numbers)).all())
        case = self.work / "eval" / "maps" / "case_0000"
        self.assertEqual(json.loads((case / "case.json").read_text())["variant"], variant.removeprefix("variant_"))
        shown = {file.name.removesuffix(".nii.gz") for file in case.glob("*.nii.gz")}
        channels = {f"channel_{c}" for c in range(4)} if root == BRATS else set()
        keys |= {(f"{name}_signed", level) for name, level in keys if name.startswith("contribution")}
        self.assertEqual(shown, {"image", "mask", *channels, *(f"{name}_{level}" for name, level in keys)})
        image = nib.load(case / "image.nii.gz").get_fdata()
        self.assertTrue(0 <= image.min() < image.max() <= 1)
        self._picture()

    def _picture(self) -> None:
        for command, kind in (("table", "explanations"), ("figure", "perturbation"), ("figure", "maps")):
            target = self.work / f"{kind}.{'md' if command == 'table' else 'png'}"
            self.assertEqual(main([command, kind, str(self.work / "eval"), "--output", str(target)]), 0)
            self.assertGreater(target.stat().st_size, 1000)

    def test_goes_on_with_further_methods(self):
        self.train(BRATS, "variant_baseline")
        first = self.explain(BRATS, "variant_baseline", methods=["random"])
        both = self.explain(BRATS, "variant_baseline", methods=["random", "gradcam"])
        self.assertEqual(both[: len(first)], first)
        self.assertEqual({row["explainer"] for row in both[len(first) :]}, {"gradcam"})

    def test_randomization(self):
        self.train(BRATS, "variant_baseline")
        options = {"perturbation": False, "randomization": True, "methods": ["hirescam", "random"]}
        rows = self.explain(BRATS, "variant_baseline", **options)
        found = {row["metric"] for row in rows if row["metric"].startswith("randomization")}
        self.assertIn("randomization_01_head", found)
        self.assertIn("randomization_06_block1", found)
        self.assertFalse([r for r in rows if r["explainer"] == "random" and r["metric"] in found])
        self.assertFalse([r for r in rows if r["metric"].startswith(("perturbation", "deletion"))])

    def test_convex_program_and_closed_form(self):
        self.train(BRATS, "variant_baseline", "variant_unconstrained_gated")
        options = {"methods": ["cvx", "consistent"], "perturbation": False, "max_maps": 20}
        self.explain(BRATS, "variant_unconstrained_gated", **options)
        cases = sorted((self.work / "eval" / "maps").iterdir())
        self.assertGreater(len(cases), 1)
        for case in cases:
            for level in LEVELS:
                maps = [nib.load(case / f"{name}_{level}.nii.gz").get_fdata() for name in ("cvx", "consistent")]
                np.testing.assert_allclose(*maps, atol=1e-5)

    def test_refusals(self):
        self.train(BRATS, "variant_baseline")
        for override, message in (
            (
                {"methods": ["attention"]},
                "methods: none of .* serves this network: attention: network: expected an Att",
            ),
            ({"methods": ["gradcamm"]}, "methods: expected one of .*, got 'gradcamm'"),
            ({"explain_class": 2}, "explain_class: expected 0 to 1, got 2"),
            (
                {"evaluation_classifier_name": "gone.pt"},
                "load_path: expected a file of weights, models/gone.pt is not there",
            ),
            ({"num_fractions": 1}, "num_fractions: expected 2 or more, got 1"),
        ):
            with self.subTest(override=override):
                with self.assertRaises(Exception) as caught:
                    self.explain(BRATS, "variant_baseline", **override)
                self.assertRegex(_first_line(caught.exception), message)
                self.assertFalse(list((self.work / "eval").glob("explanations*.csv")))
        self.explain(BRATS, "variant_baseline", methods=["random"])  # no trace of what was refused is in the way

    @pytest.mark.slow
    def test_two_processes(self):
        self.train(BRATS, "variant_baseline")
        alone = self.explain(BRATS, "variant_baseline", methods=["hirescam", "random"])
        options = {**QUICK, "model_name": "baseline.pt", "methods": "['hirescam','random']"}
        names = (*EXPLAIN, "variant_baseline", "multi_gpu_evaluate")
        result = launch(*names, work=self.work, root=BRATS, **options, output_dir=self.work / "two")
        self.assertEqual(result.returncode, 0, result.stderr[-2000:])

        def values(rows):
            return {
                tuple(row[k] for k in ("image", "explainer", "level", "metric")): float(row["value"]) for row in rows
            }

        one, two = values(alone), values(_rows(self.work / "two"))
        self.assertEqual(set(one), set(two))
        for key, value in one.items():
            np.testing.assert_allclose(two[key], value, atol=1e-3, err_msg=str(key))


if __name__ == "__main__":
    unittest.main()
