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
"""The multi-GPU overlays of the FDG bundle with two processes on the CPU (gloo)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import pytest
import torch
from parameterized import parameterized

from monai_dd.data.datalists import load_datalist
from tests.bundles.setting import VARIANTS, launch, phantoms, read_metrics, run

# Validation studies are among the training studies: whoever trains right learns them by heart (after 23 to 37 epochs
# in six trials with one and two processes and two seeds), so that both ways must arrive at 1.
EASY = {"encoder#features": 8, "learning_rate": 0.003, "epochs": 60}


def _write_datalist(name: str, training: int, validation: int) -> str:
    """Normal and severe phantoms; the validation studies are the first of the training studies."""
    data = phantoms()
    studies = [s for part in ("training", "validation") for s in load_datalist(data / "datalist.json", part, data)]
    chosen = [{**s, "image": os.path.relpath(s["image"], data)} for s in studies if s["label"] != 1]
    for study in chosen:
        study["mask"] = os.path.relpath(study["mask"], data)
    path = data.parent / f"{name}.json"
    path.write_text(json.dumps({"training": chosen[:training], "validation": chosen[:validation]}))
    return str(path)


class TwoProcesses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)

    def check(self, done: subprocess.CompletedProcess) -> str:
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        return done.stdout + done.stderr


class TestTrain(TwoProcesses):
    """One training with two processes, looked at from several sides."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.datalist = _write_datalist("easy", training=8, validation=7)
        # validation batches of 2: one process has two of them, the other two with one study less
        options = {"work": cls.work, "datalist_file": cls.datalist, **EASY, "batch_size": 2, "val_batch_size": 2}
        cls.done = launch("train", "multi_gpu_train", "variant_dual", **options)
        cls.log = cls.done.stdout + cls.done.stderr

    def _epochs(self) -> list[tuple[int, float, float]]:
        line = r"Epoch\[(\d+)\] Metrics -- val_balanced_accuracy: ([\d.]+) val_consistency_gap: ([\d.]+)"
        return [(int(e), float(a), float(g)) for e, a, g in re.findall(line, self.log)]

    def test_trains(self):
        self.check(self.done)

    def test_only_the_first_process_reports_and_writes(self):
        self.assertEqual([epoch for epoch, *_ in self._epochs()], list(range(1, EASY["epochs"] + 1)))
        self.assertEqual([p.name for p in (self.work / "models").iterdir()], ["model.pt"])
        kinds = {p.name.split("_")[0] for p in (self.work / "eval").iterdir()}
        self.assertEqual(kinds, {"state", "tensorboard"})
        writers = {p.name.split(".")[4] for p in (self.work / "eval" / "tensorboard").iterdir()}
        self.assertEqual(len(writers), 1, "one process writes events")

    def test_weights_are_those_of_the_bare_network(self):
        weights = torch.load(self.work / "models" / "model.pt", weights_only=True)
        self.assertFalse(any(key.startswith("module.") for key in weights))

    def test_reaches_what_one_process_reaches(self):
        options = {"work": self.work / "one", "datalist_file": self.datalist, **EASY, "batch_size": 4}
        one = run("train", "variant_dual", **options)
        self.assertEqual(one.parser.get_parsed_content("validate#evaluator").state.best_metric, 1.0)
        self.assertEqual(max(accuracy for _, accuracy, _ in self._epochs()), 1.0)

    def test_one_process_measures_the_same_on_its_last_weights(self):
        newest = self.work / "eval" / f"state_checkpoint_epoch={EASY['epochs']}.pt"
        again = self.work / "again"
        (again / "models").mkdir(parents=True)
        torch.save(torch.load(newest, weights_only=True)["model"], again / "models" / "model.pt")
        features = {key: EASY[key] for key in EASY if key.startswith("encoder")}
        run("train", "evaluate", "variant_dual", work=again, datalist_file=self.datalist, **features)
        again = read_metrics(again / "eval" / "metrics.csv")
        _, accuracy, gap = self._epochs()[-1]
        # the log has four decimals
        self.assertAlmostEqual(again["val_balanced_accuracy"], accuracy, delta=5.1e-5)
        self.assertAlmostEqual(again["val_consistency_gap"], gap, delta=5.1e-5)


class TestEvaluate(TwoProcesses):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run("train", "variant_dual", work=cls.work, epochs=3)

    def _compare(self, validation: int, val_batch_size: int) -> None:
        datalist = _write_datalist(f"validate_{validation}", training=8, validation=validation)
        names = ("train", "evaluate", "evaluate_localization")
        run(*names, "variant_dual", work=self.work, datalist_file=datalist, val_batch_size=val_batch_size)
        one = read_metrics(self.work / "eval" / "metrics.csv")
        shutil.rmtree(self.work / "eval")
        options = {"work": self.work, "datalist_file": datalist, "val_batch_size": val_batch_size}
        self.check(launch(*names, "multi_gpu_evaluate", "variant_dual", **options))
        two = read_metrics(self.work / "eval" / "metrics.csv")
        self.assertEqual(sorted(one), sorted(two))
        self.assertEqual(one["val_balanced_accuracy"], two["val_balanced_accuracy"])
        for name in one:  # batches differ, float32
            self.assertAlmostEqual(one[name], two[name], delta=1e-6, msg=name)

    @pytest.mark.slow
    def test_odd_number_of_studies_and_of_batches(self):
        # three studies one by one: the first process has two batches, the second has one
        self._compare(validation=3, val_batch_size=1)

    @pytest.mark.slow
    def test_even_number_of_studies(self):
        self._compare(validation=8, val_batch_size=4)


class TestMore(TwoProcesses):
    @pytest.mark.slow
    def test_fewer_studies_than_a_batch_in_each_process(self):
        # 8 studies are more than a batch of 6, but the 4 of each process are not: they must not be dropped
        datalist = _write_datalist("few", training=8, validation=3)
        options = {"work": self.work, "datalist_file": datalist, "batch_size": 6}
        log = self.check(launch("train", "multi_gpu_train", "variant_exact", **options))
        self.assertIn("val_balanced_accuracy", log)

    @parameterized.expand(VARIANTS)
    @pytest.mark.slow
    def test_every_variant_trains(self, variant):
        work = self.work / variant
        self.check(launch("train", "multi_gpu_train", variant, work=work, epochs=2))
        self.assertTrue((work / "models" / "model.pt").is_file())
