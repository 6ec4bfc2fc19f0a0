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
"""Every variant of the chest X-ray bundle trains, evaluates, localizes, explains and infers on phantoms."""

from __future__ import annotations

import csv
import json
import math
import shutil
import warnings
from pathlib import Path

import numpy as np
import torch
from matplotlib.image import imread
from monai.transforms import Compose
from parameterized import parameterized
from PIL import Image

from monai_dd.data.datalists import load_datalist, load_findings
from monai_dd.explain import CompletenessWarning
from tests.bundles.setting import (
    CHEST,
    EVALUATE,
    InFolder,
    parser,
    phantoms,
    prepare,
    read_metrics,
    run,
    variants_of,
)

CLASSES = parser("train", "demo", root=CHEST)["class_names"]
METRICS = {
    *("val_loss", "val_consistency_gap", "val_entropy_fine", "val_entropy_coarse"),
    *(f"val_{kind}{of}" for kind in ("auroc", "robust_auroc") for of in ("", *(f"_{name}" for name in CLASSES))),
}
MAY_HAVE_NO_VALUE = {name for name in METRICS if "auroc_" in name}  # classes that no image has, or all have
AGREE = ("variant_dual",)  # learns to agree; the others have one map, or agree by construction
PATCHES = tuple(v for v in variants_of(CHEST) if parser("train", v, root=CHEST)["network_def"].get("pooling"))
ATTENTION = ("variant_dual", "variant_exact", "variant_evidence")
LEVELS = ("fine", "coarse")
BY_GRADIENT = {f"{name}/{level}" for name in ("gradcam", "hirescam") for level in LEVELS}
ANYONE = {"saliency", "random", "gaussian", *BY_GRADIENT}
LOCALIZATION = {"pixel_ap", "pixel_ap_bilinear", "iou_0.975", "iou_0.95", "iou_0.9", "rank", "pointing", "mass"}


def _own(variant: str) -> set[str]:
    """Explainers that only this kind of network has."""
    if variant in ATTENTION:
        levels = {f"{name}/{level}" for name in ("attention", "contribution") for level in LEVELS}
        return {*levels, "contribution_sum"}
    if variant == "variant_dynamic_routing":  # no sum over patches
        return {"patch_attention"}
    return {"patch_attention" if variant in PATCHES else "cam", "contribution"}


def _run(*names: str, work: Path, **override):
    return run(*names, work=work, root=CHEST, **{"max_figures": 2, **override})


def train(variant: str, work: Path, **override):
    if variant == "variant_robust":  # the second stage of the baseline's training
        train("variant_baseline", work, model_name="baseline.pt", output_dir=str(work / "baseline"))
    return run("train", variant, work=work, root=CHEST, **override)


def load(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class TestVariants(InFolder):
    @parameterized.expand(variants_of(CHEST))
    def test_trains_evaluates_localizes_and_infers(self, variant):
        train(variant, self.work)
        weights = load(self.work / "models" / "model.pt")
        self.assertTrue(all(torch.isfinite(w).all() for w in weights.values() if w.is_floating_point()))

        shutil.rmtree(self.work / "eval")
        workflow = _run(*EVALUATE, variant, work=self.work, split="test", folds=2)
        self._check_metrics(variant)
        self._check_localization(variant, workflow.parser.get_parsed_content("validate#evaluator").state.metrics)
        self._check_figures(2)

        shutil.rmtree(self.work / "eval")
        alone = self.work / "alone"  # pictures, and nothing that says what they show
        items = load_datalist(phantoms(CHEST) / "datalist.json", "test", phantoms(CHEST))[:5]
        for number, item in enumerate(items):
            (alone / str(number)).mkdir(parents=True)
            shutil.copy(item["image"], alone / str(number))
        _run("inference", variant, work=self.work, dataset_dir=str(alone))
        self._check_predictions(alone, [Path(item["image"]).name for item in items])
        self._check_figures(2)

    def _check_metrics(self, variant: str) -> None:
        metrics = read_metrics(self.work / "eval" / "metrics.csv")
        self.assertEqual({name for name in metrics if not name.startswith("localization_")}, METRICS)
        self.assertGreater(metrics.pop("val_loss"), 0)
        for name, value in metrics.items():
            if not (math.isnan(value) and (name in MAY_HAVE_NO_VALUE or name.startswith("localization_"))):
                self.assertTrue(0 <= value <= 1 + 1e-6, f"{name}: {value}")
        of_classes = [metrics[f"val_auroc_{name}"] for name in CLASSES]
        self.assertAlmostEqual(metrics["val_auroc"], np.nanmean(of_classes), places=6)
        if variant in AGREE:
            self.assertGreater(metrics["val_consistency_gap"], 1e-6)  # nothing yet makes the levels agree
        else:
            self.assertLess(metrics["val_consistency_gap"], 1e-5)  # float32 sums over up to 256 cells

    def _check_localization(self, variant: str, metrics: dict[str, float]) -> None:
        rows = _rows(self.work / "eval" / "localization.csv")
        methods = ANYONE | _own(variant)
        self.assertEqual({row["method"] for row in rows}, methods)
        self.assertEqual(len(rows), len(methods) * len(CLASSES) * 7)
        self.assertEqual({(row["variant"], row["seed"]) for row in rows}, {("model", "0")})
        found = load_findings(phantoms(CHEST) / "datalist.json", "test", phantoms(CHEST), CLASSES)
        counts = [sum(item["finding"] == k for item in found) for k in range(len(CLASSES))]
        for row in rows:
            self.assertEqual(int(row["images"]), counts[CLASSES.index(row["class"])])
            value = float(row["accuracy"])
            self.assertEqual(math.isnan(value), int(row["images"]) < 2, row)
            self.assertTrue(math.isnan(value) or 0 <= value <= 1, row)
            name = f"localization_{row['method']}_{row['class']}_T{row['iou_threshold']}"
            np.testing.assert_allclose(metrics[name], value, atol=1e-8)
        cases = sorted((self.work / "eval" / "localization_maps").iterdir())
        self.assertEqual(len(cases), sum(count > 0 for count in counts))  # a box of each finding

    def _check_figures(self, count: int) -> None:
        figures = sorted((self.work / "eval" / "figures").iterdir())
        self.assertEqual([f.name for f in figures], [f"case_{i:04d}.png" for i in range(count)])
        for figure in figures:
            picture = imread(figure)[..., :3]
            self.assertTrue(
                0.25 < picture.shape[0] / picture.shape[1] < 0.75, picture.shape
            )  # two or three square panels
            self.assertGreater(picture.std(), 0.05, "not an empty page")

    def _check_predictions(self, folder: Path, names: list[str]) -> None:
        with open(self.work / "eval" / "predictions.csv", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual([row[0] for row in rows], [str(folder / str(i) / name) for i, name in enumerate(names)])
        for row in rows:
            self.assertEqual(len(row), 1 + len(CLASSES))
            self.assertTrue(all(0 <= float(value) <= 1 for value in row[1:]))

    def test_evaluation_is_of_the_validation_part_by_default(self):
        train("variant_baseline", self.work)
        workflow = _run("train", "evaluate", "variant_baseline", work=self.work, max_figures=0)
        self.assertEqual(set(read_metrics(self.work / "eval" / "metrics.csv")), METRICS)
        items = load_datalist(phantoms(CHEST) / "datalist.json", "validation", phantoms(CHEST))
        self.assertEqual(len(workflow.parser.get_parsed_content("validate#dataset")), len(items))
        self.assertFalse((self.work / "eval" / "figures").exists())

    def test_figures_show_the_boxes(self):
        train("variant_baseline", self.work)
        workflow = _run("train", "evaluate", "variant_baseline", work=self.work, max_figures=0, split="test")
        for item in workflow.parser.get_parsed_content("validate#evaluator").state.output:
            self.assertIn("region", set(item))  # figures show the output, not the batch

    def test_an_attack_of_no_strength_is_none(self):
        train("variant_exact", self.work)
        _run("train", "evaluate", "variant_exact", work=self.work, max_figures=0, attack_epsilon=0.0)
        metrics = read_metrics(self.work / "eval" / "metrics.csv")
        for name in ("", *(f"_{name}" for name in CLASSES)):
            np.testing.assert_equal(metrics[f"val_robust_auroc{name}"], metrics[f"val_auroc{name}"])


class TestExplain(InFolder):
    @parameterized.expand(["variant_baseline", "variant_exact", "variant_loss_attention", "variant_dynamic_routing"])
    def test_every_box_of_every_image(self, variant):
        train(variant, self.work)
        options = {"split": "test", "max_maps": 2, "max_figures": 0}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompletenessWarning)  # of networks trained for one epoch
            _run("train", "evaluate", "explain", variant, work=self.work, **options)
        rows = _rows(self.work / "eval" / "explanations.csv")
        found = load_findings(phantoms(CHEST) / "datalist.json", "test", phantoms(CHEST), CLASSES)
        pairs = {item["case"]: item["finding"] for item in found}
        self.assertEqual({row["image"] for row in rows}, {"", *pairs})
        self.assertEqual({row["image"]: int(row["value"]) for row in rows if row["metric"] == "label"}, pairs)
        keys = {f"{row['explainer']}/{row['level']}" for row in rows} - {"network/"}
        more = {f"{name}/{level}" for name in ("gradient_x_input", "integrated_gradients") for level in LEVELS}
        expected = ANYONE | _own(variant) | more | {"occlusion", "smoothed_intensity"}
        self.assertEqual(keys, {key if "/" in key else f"{key}/image" for key in expected})
        for key in keys:
            own_rows = [row for row in rows if f"{row['explainer']}/{row['level']}" == key]
            self.assertEqual(
                {(r["image"], r["metric"]) for r in own_rows}, {(p, m) for p in pairs for m in LOCALIZATION}
            )
            self.assertEqual(len(own_rows), len(pairs) * len(LOCALIZATION))
            values = [float(row["value"]) for row in own_rows]
            if key.startswith("contribution"):  # all zero where every cell speaks against the finding: no mass
                values = [value for value in values if not math.isnan(value)]
            self.assertTrue(all(0 <= value <= 1 for value in values))
        first = json.loads((self.work / "eval" / "maps" / "case_0000" / "case.json").read_text())
        self.assertEqual((first["image"], first["label"]), next(iter(pairs.items())))

    def test_a_part_without_boxes(self):
        train("variant_baseline", self.work)
        with self.assertRaises(Exception) as caught:
            _run("train", "evaluate", "explain", "variant_baseline", work=self.work, split="validation")
        line = _reason(caught.exception)
        self.assertEqual(line, "datalist.json: expected images with boxes in 'validation', found none")


class TestPreprocessing(InFolder):
    def _transform(self, *names: str) -> Compose:
        workflow = prepare(*names, work=self.work, root=CHEST)
        section = "preprocessing" if names == ("inference",) else "validate#preprocessing"
        return workflow.parser.get_parsed_content(section)

    def _save(self, mode: str) -> Path:
        """A dark picture, 80 rows of 120, with a bright corner: rows 0 to 39 and columns 90 to 119."""
        picture = np.zeros((80, 120), np.uint8)
        picture[:40, 90:] = 255
        path = self.work / f"{mode}.png"
        Image.fromarray(picture).convert(mode).save(path)
        return path

    def test_boxes_lie_over_the_image(self):
        item = {"image": str(self._save("L")), "label": [0] * 7, "case": "a", "boxes": [[4, 0.0, 0.75, 0.5, 1.0]]}
        got = self._transform("train", "evaluate")(item)
        self.assertEqual((tuple(got["image"].shape), tuple(got["boxes"].shape)), ((1, 64, 64), (7, 64, 64)))
        self.assertEqual(got["boxes"].flatten(1).any(1).nonzero().tolist(), [[4]])
        # but for the row and the column that are mixed by the smoothing before the image is made smaller
        differ = torch.as_tensor(got["image"][0]).round() != got["boxes"][4]
        self.assertLess(int(differ.sum()), 64)
        self.assertTrue(0 <= got["image"].min() and got["image"].max() <= 1)

    @parameterized.expand(["RGB", "RGBA"])
    def test_colors_become_gray(self, mode):
        """Some pictures of ChestX-ray14 have four channels."""
        transform = self._transform("inference")
        gray, colored = (transform({"image": str(self._save(m))})["image"] for m in ("L", mode))
        torch.testing.assert_close(torch.as_tensor(colored), torch.as_tensor(gray))


class TestProperties(InFolder):
    @parameterized.expand([("train",), ("inference",)])
    def test_monai_finds_all_it_asks_for(self, kind):
        workflow = prepare(kind, work=self.work, root=CHEST)
        with self.assertNoLogs("monai.bundle.workflows", "WARNING"):
            self.assertEqual(workflow.check_properties(), [])

    def test_the_demo_has_the_findings_of_the_phantoms(self):
        self.assertEqual(parser("train", "phantoms", root=CHEST)["class_names"], CLASSES)


class TestRefused(InFolder):
    def refused(self, *names: str, **override) -> str:
        with self.assertRaises(Exception) as caught:
            run(*names, work=self.work, root=CHEST, **override)
        self.assertFalse(list((self.work / "eval").glob("*.csv")), "no result")
        return _reason(caught.exception)

    @parameterized.expand([(("train",),), (("train", "evaluate"),), (("train", "evaluate", "explain"),)])
    def test_a_data_list_of_other_classes(self, names):
        (self.work / "models").mkdir()
        line = self.refused(*names, "variant_baseline", class_names=[*CLASSES[1:], CLASSES[0]])
        self.assertRegex(line, r"^class_names: expected those of datalist\.json, \['Atelectasis', .*, got \['Cardio")

    @parameterized.expand([(("train",),), (("train", "multi_gpu_train"),)])
    def test_published_weights_that_are_not_there(self, names):
        line = self.refused(*names, "variant_baseline", pretrained_file=str(self.work / "densenet121.pth"))
        self.assertRegex(line, r"^path: expected a file of weights, .*/densenet121\.pth is not there$")

    def test_published_weights_of_another_network(self):
        torch.save({"conv1.weight": torch.zeros(4, 3, 7, 7)}, self.work / "resnet.pth")
        line = self.refused("train", "variant_baseline", pretrained_file=str(self.work / "resnet.pth"))
        self.assertIn("resnet.pth: expected published weights of this DenseNetEncoder", line)

    def test_weights_of_other_classes(self):
        train("variant_baseline", self.work)
        shutil.rmtree(self.work / "eval")
        line = self.refused("inference", "variant_baseline", class_names=CLASSES[:3])
        self.assertIn("models/model.pt: expected the weights of this AttentionClassifier", line)


def _reason(error: BaseException) -> str:
    """The one line behind the errors in which the configuration wraps it."""
    while error.__cause__ is not None:
        error = error.__cause__
    if not isinstance(error, ValueError) or len(str(error).splitlines()) != 1:
        raise AssertionError(f"expected a ValueError of one line, got {error!r}")
    return str(error)
