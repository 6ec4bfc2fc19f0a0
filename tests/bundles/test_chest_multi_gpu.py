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
"""The chest X-ray bundle in two processes on one CPU (gloo): the same metrics as in one, and robust training."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch

from tests.bundles.setting import CHEST, EVALUATE, InFolder, launch, read_metrics, run

# what balances the labels of a batch against one another depends on which images are in it
BY_BATCH = ("val_loss",)


@pytest.mark.slow
class TestTwoProcesses(InFolder):
    def _launch(self, *names: str, **override) -> str:
        done = launch(*names, work=self.work, root=CHEST, **override)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        return done.stdout + done.stderr

    def _read(self) -> tuple[dict[str, float], list[list[str]]]:
        with open(self.work / "eval" / "localization.csv", newline="") as file:
            return read_metrics(self.work / "eval" / "metrics.csv"), list(csv.reader(file))

    def test_evaluation_equals_that_of_one_process(self):
        run("train", "variant_dual", work=self.work, root=CHEST)
        for size, but_for in ((1, ()), (2, BY_BATCH)):  # nine images: one process has an image more than the other
            options = {"split": "test", "max_figures": 0, "val_batch_size": size}
            run(*EVALUATE, "variant_dual", work=self.work, root=CHEST, **options)
            one, found = self._read()
            self._launch(*EVALUATE, "multi_gpu_evaluate", "variant_dual", **options)
            two, again = self._read()
            self.assertEqual(set(one), set(two))
            for name, value in one.items():
                if not name.startswith(but_for):
                    # float32, summed in another order
                    np.testing.assert_allclose(two[name], value, atol=1e-5, err_msg=name)
            # a map's pixel at a threshold may fall on its other side
            self.assertEqual([row[:3] for row in found], [row[:3] for row in again])
            for row, other in zip(found[1:], again[1:], strict=True):
                np.testing.assert_allclose(float(row[3]), float(other[3]), atol=1e-6, err_msg=str(row))
                self.assertEqual(row[4:], other[4:])

    def test_robust_training_goes_on_from_the_baseline(self):
        run("train", "variant_baseline", work=self.work, root=CHEST, model_name="baseline.pt")
        start = torch.load(self.work / "models" / "baseline.pt", weights_only=True)
        log = self._launch("train", "multi_gpu_train", "variant_robust", epochs=2, batch_size=2)
        self.assertNotIn("no checkpoint", log)
        self.assertEqual(log.count("Metrics -- val_auroc:"), 2, "one process reports, each of the two epochs")
        end = torch.load(self.work / "models" / "model.pt", weights_only=True)
        self.assertEqual(set(start), set(end))
        self.assertTrue(all(torch.isfinite(w).all() for w in end.values() if w.is_floating_point()))
        key = "encoder.stages.0.conv0.weight"
        self.assertFalse(torch.equal(start[key], end[key]))
