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
"""Every variant of the FDG bundle trains an epoch on phantoms, evaluates and infers, and leaves sane results."""

from __future__ import annotations

import csv
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from matplotlib.image import imread
from parameterized import parameterized

from monai_dd.data.datalists import load_datalist
from tests.bundles.setting import (
    EVALUATE,
    FDG,
    SMALL,
    VARIANTS,
    InFolder,
    config_files,
    phantoms,
    prepare,
    read_metrics,
    run,
    start_weights,
)

EXACT = ("variant_exact", "variant_cvx", "variant_evidence")  # agreement holds for every image, trained or not
# one map under both names
ONE_MAP = ("variant_baseline", "variant_vit", "variant_tau_fine_gated", "variant_tau_coarse_gated")
METRICS = ["val_balanced_accuracy", "val_consistency_gap", "val_mass_coarse", "val_mass_fine"]


class TestVariants(InFolder):
    @parameterized.expand(VARIANTS)
    def test_trains_evaluates_and_infers(self, variant):
        run("train", variant, work=self.work)
        weights = torch.load(self.work / "models" / "model.pt", weights_only=True)
        self.assertTrue(all(torch.isfinite(w).all() for w in weights.values() if w.is_floating_point()))
        self.assertTrue(list((self.work / "eval" / "tensorboard").iterdir()))

        shutil.rmtree(self.work / "eval")
        run(*EVALUATE, variant, work=self.work)
        self._check_evaluation(variant)

        shutil.rmtree(self.work / "eval")
        patient = phantoms() / "PHANTOM-0005"  # two studies
        run("inference", variant, work=self.work, dataset_dir=str(patient))
        self._check_inference(patient)

    def _check_figures(self, count: int) -> None:
        figures = sorted((self.work / "eval" / "figures").iterdir())
        self.assertEqual([f.name for f in figures], [f"case_{i:04d}.png" for i in range(count)])
        for figure in figures:
            picture = imread(figure)[..., :3]
            # three whole bodies side by side, each two to four times as high as wide; with contributions a fourth
            self.assertTrue(0.5 < picture.shape[0] / picture.shape[1] < 1.5, picture.shape)
            self.assertGreater(picture.std(), 0.05, "not an empty page")

    def _check_evaluation(self, variant: str) -> None:
        metrics = read_metrics(self.work / "eval" / "metrics.csv")
        self.assertEqual(sorted(metrics), METRICS)
        self.assertTrue(all(0 <= value <= 1 for value in metrics.values()), metrics)
        if variant in (*EXACT, *ONE_MAP):
            self.assertLess(metrics["val_consistency_gap"], 1e-6)  # float32 sums over 256 cells
        else:
            self.assertGreater(metrics["val_consistency_gap"], 1e-6)  # nothing yet makes the levels agree
        self._check_figures(len(load_datalist(phantoms() / "datalist.json", "validation", phantoms())))

    def _check_inference(self, patient: Path) -> None:
        with open(self.work / "eval" / "predictions.csv", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual([Path(row[0]).name for row in rows], ["study-1", "study-2"])
        for row in rows:
            probabilities = [float(value) for value in row[1:]]
            self.assertEqual(len(probabilities), 3)
            self.assertTrue(all(0 < p < 1 for p in probabilities))
            self.assertAlmostEqual(math.fsum(probabilities), 1, places=5)  # float32, written with full precision
        self._check_figures(2)

    def test_inference_leaves_no_trace_in_the_data(self):
        run("train", "variant_baseline", work=self.work)
        before = sorted(p for p in phantoms().rglob("*"))
        run("inference", "variant_baseline", work=self.work, dataset_dir=str(phantoms() / "PHANTOM-0001"))
        self.assertEqual(sorted(p for p in phantoms().rglob("*")), before)


class TestSharedCheckpoints(InFolder):
    def test_cvx_explains_the_unconstrained_weights(self):
        run("train", "variant_unconstrained_gated", work=self.work)
        gaps, scores = {}, {}
        for variant in ("variant_unconstrained_gated", "variant_cvx"):  # the file must fit both as a whole
            run(*EVALUATE, variant, work=self.work, output_dir=str(self.work / variant))
            metrics = read_metrics(self.work / variant / "metrics.csv")
            gaps[variant], scores[variant] = metrics["val_consistency_gap"], metrics["val_balanced_accuracy"]
        self.assertLess(gaps["variant_cvx"], 1e-6)
        self.assertGreater(gaps["variant_unconstrained_gated"], 100 * gaps["variant_cvx"])
        self.assertEqual(*scores.values())  # the maps change, the classification does not

    def _before_the_first_step(self, variant: str, **override) -> dict[str, torch.Tensor]:
        workflow = prepare("train", variant, work=self.work, model_name="other.pt", **override)
        return start_weights(workflow)

    @parameterized.expand(["variant_dual", "variant_exact", "variant_dual_gated"])
    def test_fine_tunes_from_the_baseline(self, variant):
        run("train", "variant_baseline", work=self.work, model_name="baseline.pt")
        baseline = torch.load(self.work / "models" / "baseline.pt", weights_only=True)
        start = self._before_the_first_step(variant)
        encoder = [k for k in start if k.startswith("encoder.")]  # without stages that the variant never reads
        self.assertGreater(len(encoder), 20)
        for key in encoder:
            torch.testing.assert_close(start[key], baseline[key], rtol=0, atol=0)

    @parameterized.expand(["variant_baseline", "variant_vit"])
    def test_without_attended_stages_the_baseline_is_not_read(self, variant):
        (self.work / "models").mkdir()
        (self.work / "models" / "baseline.pt").write_bytes(b"not weights")
        with self.assertNoLogs("monai_dd", "INFO"):
            start = self._before_the_first_step(variant)
        (self.work / "models" / "baseline.pt").unlink()
        again = self._before_the_first_step(variant)
        self.assertTrue(all(torch.equal(start[key], again[key]) for key in start))

    def test_transformer_fine_tunes_from_a_transformer(self):
        run("train", "variant_vit", work=self.work, model_name="pretrained.pt")
        pretrained = torch.load(self.work / "models" / "pretrained.pt", weights_only=True)
        start = self._before_the_first_step("variant_vit", init_name="pretrained.pt")
        self.assertTrue(all(torch.equal(start[key], pretrained[key]) for key in pretrained))

    def test_trains_from_scratch_without_a_baseline(self):
        with self.assertLogs(level="WARNING") as caught:
            start = self._before_the_first_step("variant_dual")
        lines = [record.getMessage() for record in caught.records if "checkpoint" in record.getMessage()]
        self.assertEqual(lines, ["no checkpoint baseline.pt: training starts from the network's own initial weights"])
        again = self._before_the_first_step("variant_dual", init_name="model_that_is_not_there.pt")
        self.assertTrue(all(torch.equal(start[key], again[key]) for key in start))

    def test_baseline_of_another_encoder_is_refused(self):
        run("train", "variant_baseline", work=self.work, model_name="baseline.pt")
        with self.assertRaises(RuntimeError) as caught:
            self._before_the_first_step("variant_dual", **{"encoder#features": 6})
        cause = caught.exception.__cause__
        self.assertIsInstance(cause, ValueError)
        self.assertRegex(str(cause), r"^models/baseline\.pt: expected the encoder .* of another shape, first encoder\.")


class TestDeterminism(InFolder):
    def _weights(self, name: str, **override) -> dict[str, torch.Tensor]:
        run("train", "variant_dual", work=self.work / name, augmentation_prob=1.0, epochs=2, **override)
        return torch.load(self.work / name / "models" / "model.pt", weights_only=True)

    def test_seed(self):
        first, second, other = self._weights("a"), self._weights("b"), self._weights("c", seed=1)
        self.assertTrue(all(torch.equal(first[key], second[key]) for key in first))
        self.assertFalse(all(torch.equal(first[key], other[key]) for key in first))


class TestCache(InFolder):
    def test_half_full_cache(self):
        """Studies from the cache and fresh ones come in one batch after an interruption or when studies are added."""
        cache = self.work / "cache"
        first = run("train", "variant_dual", work=self.work / "a", cache_dir=str(cache))
        files = sorted(cache.iterdir())
        self.assertGreater(len(files), 8)  # an epoch may drop a last, smaller batch
        for file in files[::2]:
            file.unlink()
        second = run("train", "variant_dual", work=self.work / "b", cache_dir=str(cache))
        losses = [w.parser.get_parsed_content("train#trainer").state.metrics["train_loss"] for w in (first, second)]
        self.assertEqual(*losses)

    def test_other_preprocessing_does_not_read_the_same_files(self):
        cache = self.work / "cache"
        for size in ([64, 64], [32, 32]):
            workflow = prepare("train", work=self.work, cache_dir=str(cache), image_size=size)
            item = workflow.parser.get_parsed_content("validate#dataset")[0]
            self.assertEqual(list(item["image"].shape), [1, *size])


class TestProperties(InFolder):
    @parameterized.expand([("train",), ("inference",)])
    def test_monai_finds_all_it_asks_for(self, kind):
        workflow = prepare(kind, work=self.work)
        with self.assertNoLogs("monai.bundle.workflows", "WARNING"):
            self.assertEqual(workflow.check_properties(), [])


class TestCommand(InFolder):
    def test_bundle_run(self):
        files = "[" + ",".join(f"'{f}'" for f in config_files("train", "variant_dual", "demo")) + "]"
        options = {
            **{**SMALL, "bundle_root": FDG, "dataset_dir": phantoms(), "cache_dir": phantoms().parent / "cache"},
            **{"ckpt_dir": self.work / "models", "output_dir": self.work / "eval"},
        }
        flags = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        done = subprocess.run(
            [sys.executable, "-m", "monai.bundle", "run", "--config_file", files, *flags],
            cwd=self.work,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.assertRegex(done.stdout + done.stderr, r"Epoch\[1\] Metrics -- val_balanced_accuracy: \d")
        self.assertTrue((self.work / "models" / "model.pt").is_file())
        # beside the phantoms only what the options name was written
        self.assertEqual(sorted(p.name for p in self.work.iterdir()), ["eval", "models"])
