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
"""Every variant of the BraTS bundle trains an epoch on phantoms, evaluates and infers, and leaves sane results."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from matplotlib.image import imread
from monai.transforms import Compose
from parameterized import parameterized
from PIL import Image

from monai_dd.__main__ import main
from monai_dd.data.datalists import load_datalist
from monai_dd.transforms.hemisphere import midline_column
from tests.bundles.setting import (
    BRATS,
    InFolder,
    parser,
    phantoms,
    prepare,
    read_metrics,
    run,
    start_weights,
    variants_of,
)

EXACT = (
    "variant_exact",
    "variant_cvx",
    "variant_four_level",
    "variant_evidence",
)  # agreement holds for every image, trained or not
PATCHES = (
    *("variant_mean_pooling", "variant_attention_pooling", "variant_gated_attention", "variant_loss_attention"),
    *("variant_loss_attention_capsule", "variant_dynamic_routing"),
)
# one map under both names
ONE_MAP = (
    *("variant_baseline", "variant_vit", "variant_tau_fine_gated", "variant_tau_coarse_gated", *PATCHES),
    *("variant_softcam", "variant_medical_patchnet"),
)
LEVELS = ("fine", "coarse")
METRICS = {
    *("val_balanced_accuracy", "val_auc", "val_auc_masked_out", "val_consistency_gap"),
    *(
        f"val_{metric}_{level}"
        for metric in ("pixel_ap", "pixel_ap_bilinear", "pointing", "entropy")
        for level in LEVELS
    ),
}
PATCH_METRICS = {"val_patch_precision", "val_patch_recall", "val_patch_f_score", "val_localization_ap"}


def _run(*names: str, work: Path, **override):
    return run(*names, work=work, root=BRATS, **override)


class TestVariants(InFolder):
    @parameterized.expand(variants_of(BRATS))
    def test_trains_evaluates_and_infers(self, variant):
        _run("train", variant, work=self.work)
        weights = torch.load(self.work / "models" / "model.pt", weights_only=True)
        self.assertTrue(all(torch.isfinite(w).all() for w in weights.values() if w.is_floating_point()))

        shutil.rmtree(self.work / "eval")
        _run("train", "evaluate", variant, work=self.work)
        metrics = read_metrics(self.work / "eval" / "metrics.csv")
        self.assertEqual(set(metrics), METRICS)
        self.assertTrue(all(0 <= value <= 1 + 1e-6 for value in metrics.values()), metrics)
        if variant in (*EXACT, *ONE_MAP):
            self.assertLess(metrics["val_consistency_gap"], 1e-5)  # float32 sums over up to 4096 cells
        else:
            self.assertGreater(metrics["val_consistency_gap"], 1e-6)  # nothing yet makes the levels agree
        self._check_figures()

        shutil.rmtree(self.work / "eval")
        patient = next(p for p in sorted(phantoms(BRATS).iterdir()) if p.is_dir())
        alone = self.work / "alone"
        shutil.copytree(patient, alone / patient.name, ignore=shutil.ignore_patterns("*seg*"))  # no mask is needed
        _run("inference", variant, work=self.work, dataset_dir=str(alone), max_figures=2)
        with open(self.work / "eval" / "predictions.csv", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual(len({row[0] for row in rows}), len(rows), "each half has a name of its own")
        self.assertEqual({row[0].split(":")[-1] for row in rows}, {"image_left", "image_right"})
        self.assertTrue(all(abs(float(row[1]) + float(row[2]) - 1) < 1e-5 for row in rows))

    def _check_figures(self) -> None:
        figures = sorted((self.work / "eval" / "figures").iterdir())
        items = load_datalist(phantoms(BRATS) / "datalist.json", "validation", phantoms(BRATS))
        self.assertEqual(len(figures), min(16, len(items)))
        for figure in figures:
            picture = imread(figure)[..., :3]
            self.assertTrue(0.25 < picture.shape[0] / picture.shape[1] < 0.5, picture.shape)  # three square panels
            self.assertGreater(picture.std(), 0.05, "not an empty page")
            height, width = picture.shape[:2]
            # air is dark, as radiologists see MRI: a column of the first panel beside the brain
            self.assertLess(np.median(picture[height // 2 - 20 : height // 2 + 20, int(0.025 * width)]), 0.2)


class TestPreprocessing(InFolder):
    def test_normalization_does_not_know_where_the_cut_is(self):
        """A tumor in one half must not change the intensities of the healthy voxels beside it more than elsewhere."""
        items = load_datalist(phantoms(BRATS) / "datalist.json", "training", phantoms(BRATS))
        left, right = items[:2]
        self.assertEqual(left["slice"], right["slice"])
        workflow = prepare("train", work=self.work, root=BRATS)
        transform = Compose(workflow.parser.get_parsed_content("deterministic_transforms")[:-1])  # but for the resizing
        halves = [transform(dict(item))["image"] for item in (left, right)]
        whole = halves[0] + halves[1]
        for channel in whole:
            brain = channel[channel != 0]
            self.assertAlmostEqual(float(brain.mean()), 0, places=2)
            self.assertAlmostEqual(float(brain.std()), 1, places=2)

    def test_the_cut_of_inference_is_found_before_normalization(self):
        item = load_datalist(phantoms(BRATS) / "datalist.json", "training", phantoms(BRATS))[0]
        workflow = prepare("train", work=self.work, root=BRATS)
        content = workflow.parser.get_parsed_content
        raw = content("load")({**item, "window": None})
        expected = midline_column(raw["image"])
        self.assertIn(expected, content("window")(raw)["window"])

    def test_the_same_place_is_masked_out_in_both_halves(self):
        workflow = prepare("train", "evaluate", work=self.work, root=BRATS)
        dataset = workflow.parser.get_parsed_content("validate#dataset")
        for item in dataset:
            self.assertEqual(bool(item["mask"].any()), item["label"] == 1)
        holes = {label: [int((i["mask_out"] > 0).sum()) for i in dataset if i["label"] == label] for label in (0, 1)}
        self.assertGreater(sum(holes[0]), 0)


class TestOverlays(InFolder):
    @parameterized.expand(PATCHES)
    def test_patches(self, variant):
        _run("train", variant, work=self.work)
        workflow = _run("train", "evaluate", "evaluate_patches", variant, work=self.work)
        metrics = read_metrics(self.work / "eval" / "metrics.csv")
        self.assertEqual(set(metrics), METRICS | PATCH_METRICS)
        got = workflow.parser.get_parsed_content
        # what loss-based attention selects is what its own threshold leaves
        self.assertEqual(got("patch_xi"), 0.0 if "loss_attention" in variant else 0.1)
        (output,) = got("validate#evaluator").state.output[:1]
        self.assertEqual(output["patch_weights"].shape, (1, 4, 4))  # of 32 pixels, every 16, on 64x64

    @parameterized.expand(
        [
            ("variant_baseline", {}, 40, 0.004),
            ("variant_vit", {}, 40, 0.004),
            ("variant_exact", {}, 12, 0.001),
            ("variant_loss_attention", {}, 40, 0.004),
            ("variant_loss_attention", {"init_name": "baseline.pt"}, 12, 0.001),
        ]
    )
    def test_recipe_is_shorter_when_it_fine_tunes(self, variant, options, epochs, rate):
        config = parser("train", variant, "recipe", root=BRATS, embed_dim=8, **options)
        self.assertEqual(config.get_parsed_content("epochs"), epochs)
        self.assertEqual(config.get_parsed_content("learning_rate"), rate)

    @parameterized.expand(["variant_baseline", "variant_exact"])
    def test_recipe_trains(self, variant):
        workflow = _run("train", variant, "recipe", work=self.work, epochs=2)
        optimizer = workflow.parser.get_parsed_content("optimizer")
        self.assertIsInstance(optimizer, torch.optim.AdamW)
        trained = {p for group in optimizer.param_groups for p in group["params"]}
        network = workflow.parser.get_parsed_content("network_def")
        self.assertEqual(trained, {p for p in network.parameters() if p.requires_grad})
        gates = set(network.units.parameters())
        self.assertTrue(
            all(group["weight_decay"] == 0 for group in optimizer.param_groups if gates & set(group["params"]))
        )
        self.assertEqual(workflow.parser.get_parsed_content("loss").label_smoothing, 0.05)
        # the cycle is over: the last rate is far below the first
        self.assertTrue(all(group["lr"] < group["initial_lr"] / 100 for group in optimizer.param_groups))

    def test_recipe_resumes(self):
        stopped = _run("train", "variant_exact", "recipe", work=self.work, epochs=4, **{"train#trainer#max_epochs": 2})
        rates = [group["lr"] for group in stopped.parser.get_parsed_content("optimizer").param_groups]
        workflow = _run("train", "variant_exact", "recipe", work=self.work, epochs=4, resume=True)
        self.assertEqual(workflow.parser.get_parsed_content("train#trainer").state.epoch, 4)
        # the cycle went on where it was, and is over
        after = workflow.parser.get_parsed_content("optimizer").param_groups
        self.assertTrue(all(group["lr"] < rate / 100 for group, rate in zip(after, rates)))

    def test_freeze(self):
        _run("train", "variant_baseline", work=self.work, model_name="baseline.pt")
        start = torch.load(self.work / "models" / "baseline.pt", weights_only=True)
        _run("train", "variant_dual_gated", work=self.work, freeze=True)
        end = torch.load(self.work / "models" / "model.pt", weights_only=True)
        learned = [k for k in start if k.startswith("encoder.") and not k.endswith(("_mean", "_var", "_tracked"))]
        self.assertGreater(len(learned), 20)
        for key in learned:
            torch.testing.assert_close(start[key], end[key], rtol=0, atol=0)
        self.assertFalse(torch.equal(start["heads.bottleneck.weight"], end["heads.bottleneck.weight"]))

    def test_plateau_lowers_the_rate(self):
        override = {"epochs": 4, "lr_scheduler#patience": 0, "lr_scheduler#threshold": 10.0}
        # the first validation is the best by definition, each of the next ones lowers the rate by ten
        for interval, rate in ((1, 1e-6), (2, 1e-4)):
            work = self.work / str(interval)
            workflow = _run("train", "variant_baseline", work=work, val_interval=interval, **override)
            got = workflow.parser.get_parsed_content("optimizer").param_groups[0]["lr"]
            self.assertAlmostEqual(got / rate, 1, places=6)

    def test_plateau_resumes(self):
        override = {"lr_scheduler#patience": 0, "lr_scheduler#threshold": 10.0}
        _run("train", "variant_baseline", work=self.work, epochs=2, **override)
        workflow = _run("train", "variant_baseline", work=self.work, epochs=3, resume=True, **override)
        got = workflow.parser.get_parsed_content("optimizer").param_groups[0]["lr"]
        self.assertAlmostEqual(got / 1e-5, 1, places=6)

    def test_levels(self):
        _run("train", "variant_four_level", work=self.work)
        _run("train", "evaluate", "evaluate_four_level", "variant_four_level", work=self.work)
        metrics = read_metrics(self.work / "eval" / "metrics.csv")
        levels = {f"val_{metric}_level{level}" for metric in ("pixel_ap", "pointing") for level in (1, 2)}
        self.assertEqual(set(metrics), METRICS | levels)

    def test_fixed_means(self):
        item = load_datalist(phantoms(BRATS) / "datalist.json", "training", phantoms(BRATS))[0]
        raw = prepare("train", work=self.work, root=BRATS).parser.get_parsed_content("load")(item)["image"]
        workflow = prepare("train", "fixed_means", work=self.work, root=BRATS)
        got = workflow.parser.get_parsed_content("intensity")({"image": raw.clone()})["image"]
        brain = raw[2] != 0
        torch.testing.assert_close(got[2][brain], ((raw[2] - 166.14) / 759.83)[brain])
        self.assertFalse(got[2][~brain].any(), "the background stays 0, like the half that is cut away")
        _run("train", "fixed_means", "variant_exact", work=self.work)

    def test_bfloat16_on_the_cpu_is_for_training_only(self):
        workflow = prepare("train", "cpu_bfloat16", work=self.work, root=BRATS)
        trainer = workflow.parser.get_parsed_content("train#trainer")
        kinds = []

        def note(module, _inputs, output):
            kinds.append((torch.is_grad_enabled(), output.dtype))

        workflow.parser.get_parsed_content("network_def").encoder.stages[0].register_forward_hook(note)
        workflow.run()
        self.assertEqual(set(kinds), {(True, torch.bfloat16), (False, torch.float32)})
        self.assertTrue(np.isfinite(trainer.state.metrics["train_loss"]))


class TestSlices(InFolder):
    """2D pictures with masks."""

    def _write(self, mode: str = "L") -> Path:
        data = self.work / "data"
        (data / "images").mkdir(parents=True)
        (data / "masks").mkdir()
        rng = np.random.default_rng(0)
        rows, columns = np.mgrid[:80, :80]
        head = (rows - 40) ** 2 + (columns - 40) ** 2 < 34**2
        lines = ["slice,diagnosis,block"]
        for number in range(24):
            center = (40, 22 if number % 2 else 58)
            tumor = (rows - center[0]) ** 2 + (columns - center[1]) ** 2 < 8**2
            picture = head * rng.uniform(60, 110, head.shape) + 110 * tumor
            planes = np.stack([picture / 4, picture, head * 100], axis=-1) if mode == "RGB" else picture
            Image.fromarray(planes.astype(np.uint8)).save(data / "images" / f"{number:04d}.jpg")
            Image.fromarray((255 * tumor).astype(np.uint8)).save(data / "masks" / f"{number:04d}.png")
            lines.append(f"{number},glioma,{number // 3}")
        (data / "index.csv").write_text("\n".join(lines) + "\n")
        self.assertEqual(main(["datalist", "slices", "--dataset_dir", str(data)]), 0)
        return data

    def test_trains_evaluates_and_infers(self):
        data = self._write()
        options = {"work": self.work, "dataset_dir": str(data), "cache_dir": str(self.work / "cache")}
        workflow = _run("train", "variant_exact", "t1c_slices", "recipe", **options, epochs=1)
        self.assertEqual(workflow.parser.get_parsed_content("validate#dataset")[0]["image"].shape, (1, 64, 64))
        _run("train", "evaluate", "variant_exact", "t1c_slices", **options, split="test")
        self.assertEqual(set(read_metrics(self.work / "eval" / "metrics.csv")), METRICS)
        _run("inference", "variant_exact", "t1c_slices", work=self.work, dataset_dir=str(data))
        with open(self.work / "eval" / "predictions.csv", newline="") as file:
            self.assertEqual(len(list(csv.reader(file))), 2 * 24)

    def test_three_sequences_in_a_picture(self):
        data = self._write("RGB")
        options = {"work": self.work, "dataset_dir": str(data), "image_size": [64, 32], "root": BRATS}
        workflow = prepare("train", "evaluate", "explain", "variant_exact", "rgb_slices", "recipe", **options)
        content = workflow.parser.get_parsed_content
        item = next(item for item in content("validate#dataset") if item["label"] == 1)
        self.assertEqual((item["image"].shape, item["mask"].shape), ((3, 64, 32), (1, 64, 32)))
        tumor, rest = item["mask"][0] > 0, (item["mask"][0] == 0) & (item["image"][2] > 0.3)
        shown = item["image"][content("display_channel")]
        self.assertGreater(shown[tumor].mean(), shown[rest].mean() + 0.2)  # what is displayed shows the tumor
        np.testing.assert_allclose(item["image"][0][tumor].mean(), shown[tumor].mean() / 4, atol=0.05)
        explainers = content("make_explainers")(methods=["attention", "occlusion", "smoothed_intensity"])
        maps = explainers["smoothed_intensity"](item["image"].as_tensor()[None].expand(1, 3, 64, 32), 1)
        self.assertEqual(maps.shape, (1, 1, 64, 32))
        inference = prepare("inference", "variant_exact", "rgb_slices", **options).parser.get_parsed_content
        self.assertEqual(inference("dataset")[0]["image"].shape, (3, 64, 32))

    def test_mask_is_cut_like_the_image(self):
        data = self._write()
        override = {"work": self.work, "dataset_dir": str(data), "cache_dir": str(self.work / "cache")}
        workflow = prepare("train", "evaluate", "variant_exact", "t1c_slices", root=BRATS, **override)
        for item in workflow.parser.get_parsed_content("validate#dataset"):
            self.assertEqual(bool(item["mask"].any()), item["label"] == 1)
            self.assertFalse((item["image"][item["mask"] > 0] == 0).all() and item["label"] == 1)
        sections = json.loads((data / "datalist.json").read_text())
        self.assertEqual({i["label"] for i in sections["validation"]}, {0, 1})


class TestFineTuning(InFolder):
    @parameterized.expand(["variant_dual", "variant_exact", "variant_four_level", "variant_dual_gated"])
    def test_starts_from_the_baseline(self, variant):
        _run("train", "variant_baseline", work=self.work, model_name="baseline.pt")
        baseline = torch.load(self.work / "models" / "baseline.pt", weights_only=True)
        start = start_weights(prepare("train", variant, work=self.work, root=BRATS))
        held = [key for key in start if key.startswith("encoder.")]
        self.assertIn("encoder.stages.3.1.conv_1.adn.N.bias", held)
        bottleneck = any(key.startswith("encoder.stages.4.") for key in held)
        self.assertEqual(bottleneck, "gated" in variant)  # attention readouts never read it
        for key in held:
            torch.testing.assert_close(start[key], baseline[key], rtol=0, atol=0)
