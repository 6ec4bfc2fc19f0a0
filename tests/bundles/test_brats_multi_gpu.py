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
"""The BraTS bundle in two processes on one CPU (gloo): the same metrics as in one, and the recipe trains."""

from __future__ import annotations

import pytest
import torch

from tests.bundles.setting import BRATS, InFolder, launch, read_metrics, run


@pytest.mark.slow
class TestTwoProcesses(InFolder):
    def _launch(self, *names: str, **override) -> None:
        done = launch(*names, work=self.work, root=BRATS, **override)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])

    def test_evaluation_equals_that_of_one_process(self):
        run("train", "variant_dual", work=self.work, root=BRATS)
        names = ("train", "evaluate")
        # batches of 3: the two processes have batches of other images than one process has
        run(*names, "variant_dual", work=self.work, root=BRATS, val_batch_size=3)
        one = read_metrics(self.work / "eval" / "metrics.csv")
        self._launch(*names, "multi_gpu_evaluate", "variant_dual", val_batch_size=3)
        two = read_metrics(self.work / "eval" / "metrics.csv")
        self.assertEqual(set(one), set(two))
        for name, value in one.items():
            self.assertAlmostEqual(value, two[name], places=5, msg=name)  # float32, summed in another order

    def test_trains_with_the_recipe_and_a_frozen_encoder(self):
        run("train", "variant_baseline", work=self.work, root=BRATS, model_name="baseline.pt")
        start = torch.load(self.work / "models" / "baseline.pt", weights_only=True)
        self._launch("train", "multi_gpu_train", "variant_exact", "recipe", freeze=True, epochs=2, batch_size=2)
        end = torch.load(self.work / "models" / "model.pt", weights_only=True)
        key = "encoder.stages.0.conv_0.conv.weight"
        torch.testing.assert_close(start[key], end[key], rtol=0, atol=0)
        self.assertTrue(all(torch.isfinite(w).all() for w in end.values() if w.is_floating_point()))
