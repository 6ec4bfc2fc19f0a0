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
"""Resumed training of the FDG bundle.

Guaranteed: the epoch, the weights, the moments of the optimizer and the best metric so far continue, and a better
``model.pt`` is not overwritten by a worse one. Not guaranteed: the order of shuffling and the random draws, so that the
weights of a resumed training are not bit for bit those of one that was never interrupted.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import unittest
from pathlib import Path

import torch
from ignite.engine import Events
from parameterized import parameterized

from tests.bundles.setting import prepare, run


class TestResume(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.first = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.first, ignore_errors=True)
        run("train", "variant_dual", work=cls.first)

    def setUp(self):
        parent = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, parent, ignore_errors=True)
        self.work = parent / "copy"
        shutil.copytree(self.first, self.work)
        self.model = self.work / "models" / "model.pt"
        self.state = self.work / "eval" / "state_checkpoint_epoch=1.pt"

    def _resume(self, epochs: int = 2, **override):
        workflow = prepare("train", "variant_dual", work=self.work, epochs=epochs, resume=True, **override)
        trainer = workflow.parser.get_parsed_content("train#trainer")
        seen: dict = {"epochs": []}

        def note() -> None:
            seen["epochs"].append(trainer.state.epoch)
            if len(seen["epochs"]) == 1:
                seen["model"] = {k: w.clone() for k, w in trainer.network.state_dict().items()}
                seen["steps"] = [int(s["step"]) for s in trainer.optimizer.state.values()]
                seen["iteration"] = trainer.state.iteration

        trainer.add_event_handler(Events.EPOCH_STARTED, note)
        workflow.run()
        return seen, trainer

    def _load(self, path: Path) -> dict:
        return torch.load(path, weights_only=True)

    def test_state_file(self):
        state = self._load(self.state)
        self.assertEqual(sorted(state), ["best", "model", "optimizer", "trainer"])
        self.assertFalse(any(key.startswith("module.") for key in state["model"]))

    def test_continues_where_it_stopped(self):
        state = self._load(self.state)
        seen, trainer = self._resume()
        self.assertEqual(seen["epochs"], [2])
        self.assertEqual(trainer.state.epoch, 2)
        self.assertEqual(seen["iteration"], state["trainer"]["iteration"])
        self.assertEqual(set(seen["steps"]), {seen["iteration"]})  # Adam's count of steps
        self.assertTrue(all(torch.equal(seen["model"][k], w) for k, w in state["model"].items()))
        self.assertTrue((self.work / "eval" / "state_checkpoint_epoch=2.pt").is_file())

    def test_same_epochs_as_in_one_go(self):
        _, resumed = self._resume()
        whole = run("train", "variant_dual", work=self.work.parent / "whole", epochs=2)
        trainer = whole.parser.get_parsed_content("train#trainer")
        self.assertEqual((resumed.state.epoch, resumed.state.iteration), (trainer.state.epoch, trainer.state.iteration))

    @parameterized.expand([("worse", 2.0, False), ("better", -1.0, True)])
    def test_best_model(self, _name, best_so_far, replaced):
        state = self._load(self.state)
        state["best"] = {"_saved": [(best_so_far, "model.pt")]}  # no balanced accuracy reaches 2 or falls below 0
        torch.save(state, self.state)
        before = self.model.read_bytes()
        self._resume()
        self.assertEqual(self.model.read_bytes() != before, replaced)

    def test_file_cut_by_an_interruption_is_passed_over(self):
        cut = self.state.with_name("state_checkpoint_epoch=7.pt")
        cut.write_bytes(self.state.read_bytes()[:-500])
        os.utime(cut, (self.state.stat().st_mtime + 60,) * 2)
        seen, _ = self._resume()
        self.assertEqual(seen["epochs"], [2])

    def test_newest_of_several(self):
        self._resume(epochs=3)
        seen, _ = self._resume(epochs=4)
        self.assertEqual(seen["epochs"], [4])

    def test_nothing_left_to_do(self):
        before = self.model.read_bytes()
        seen, trainer = self._resume(epochs=1)
        self.assertEqual((seen["epochs"], trainer.state.epoch), ([], 1))
        self.assertEqual(self.model.read_bytes(), before)

    def test_without_a_state_it_is_a_fresh_start_from_the_baseline(self):
        run("train", "variant_baseline", work=self.work, model_name="baseline.pt", output_dir=str(self.work / "base"))
        baseline = self._load(self.work / "models" / "baseline.pt")
        self.state.unlink()
        seen, _ = self._resume(epochs=1)
        self.assertEqual(seen["epochs"], [1])
        encoder = [k for k in seen["model"] if k.startswith("encoder.")]  # without stages that are never read
        self.assertGreater(len(encoder), 20)
        for key in encoder:
            torch.testing.assert_close(seen["model"][key], baseline[key], rtol=0, atol=0)

    def test_the_baseline_does_not_undo_a_resumed_state(self):
        state = self._load(self.state)
        run("train", "variant_baseline", work=self.work, model_name="baseline.pt", output_dir=str(self.work / "base"))
        seen, _ = self._resume()
        self.assertTrue(all(torch.equal(seen["model"][k], w) for k, w in state["model"].items()))

    def test_not_asked_to_resume(self):
        workflow = run("train", "variant_dual", work=self.work, epochs=1)
        self.assertEqual(workflow.parser.get_parsed_content("train#trainer").state.epoch, 1)
        self.assertEqual(workflow.parser.get_parsed_content("state_files"), [])
