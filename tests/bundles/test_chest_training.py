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
"""How the variants of the chest X-ray bundle train: where they start, what they see, when they stop."""

from __future__ import annotations

import numpy as np
import torch
from ignite.engine import Events
from monai.networks.nets import DenseNet
from parameterized import parameterized

from monai_dd.engines import AdversarialUpdate
from tests.bundles.setting import CHEST, InFolder, parser, prepare, run, start_weights, variants_of
from tests.bundles.test_chest_variants import load, train


class TestStart(InFolder):
    """Where a training begins."""

    def _start(self, variant: str, **override) -> dict[str, torch.Tensor]:
        return start_weights(prepare("train", variant, work=self.work, root=CHEST, **override))

    def test_robust_training_goes_on_from_the_whole_baseline(self):
        train("variant_baseline", self.work, model_name="baseline.pt")
        baseline = load(self.work / "models" / "baseline.pt")
        start = self._start("variant_robust")
        self.assertEqual(set(start), set(baseline))
        for key, weight in baseline.items():
            torch.testing.assert_close(start[key], weight, rtol=0, atol=0)

    @parameterized.expand(["variant_dual", "variant_exact"])
    def test_attention_goes_on_from_the_encoder_of_the_baseline(self, variant):
        train("variant_baseline", self.work, model_name="baseline.pt")
        baseline = load(self.work / "models" / "baseline.pt")
        start = self._start(variant)
        encoder = [key for key in baseline if key.startswith("encoder.")]
        self.assertGreater(len(encoder), 100)
        for key in encoder:
            torch.testing.assert_close(start[key], baseline[key], rtol=0, atol=0)

    @parameterized.expand(["variant_baseline", "variant_chexnet", "variant_nih", "variant_loss_attention"])
    def test_the_others_do_not_read_it(self, variant):
        (self.work / "models").mkdir()
        (self.work / "models" / "baseline.pt").write_bytes(b"not weights")
        workflow = prepare("train", variant, work=self.work, root=CHEST)
        content = workflow.parser.get_parsed_content
        self.assertEqual(content("init_name"), "")
        self.assertNotIn("WeightsLoader", [type(handler).__name__ for handler in content("train#handlers")])

    def test_published_weights(self):
        torch.manual_seed(0)
        published = DenseNet(2, 3, 1, init_features=4, growth_rate=2, block_config=(6, 12, 24, 16)).state_dict()
        torch.save(published, self.work / "densenet121.pth")
        start = self._start("variant_baseline", pretrained_file=str(self.work / "densenet121.pth"))
        first = published["features.conv0.weight"].sum(1, keepdim=True)  # one gray channel for red, green and blue
        torch.testing.assert_close(start["encoder.stages.0.conv0.weight"], first)
        name = "denseblock2.denselayer12.layers.conv2.weight"
        torch.testing.assert_close(start[f"encoder.stages.1.{name}"], published[f"features.{name}"], rtol=0, atol=0)


class TestIteration(InFolder):
    """What the network is trained on."""

    def _differences(self, variant: str) -> list[list[torch.Tensor]]:
        """Of every iteration: what was added to each image."""
        train("variant_baseline", self.work, model_name="baseline.pt", output_dir=str(self.work / "baseline"))
        trainer = prepare("train", variant, work=self.work, root=CHEST, epochs=2)
        engine, seen = trainer.parser.get_parsed_content("train#trainer"), []

        @engine.on(Events.ITERATION_COMPLETED)
        def _note():
            pairs = zip(engine.state.batch, engine.state.output, strict=True)
            seen.append([torch.as_tensor(after["image"]) - torch.as_tensor(item["image"]) for item, after in pairs])

        trainer.run()
        self.assertEqual(len(seen), 4)
        return seen

    def test_robust_training_perturbs_half_of_every_batch(self):
        workflow = prepare("train", "variant_robust", work=self.work, root=CHEST)
        self.assertIsInstance(workflow.parser.get_parsed_content("iteration_update"), AdversarialUpdate)
        for added in self._differences("variant_robust"):
            sizes = sorted(float(x.abs().max()) for x in added)
            np.testing.assert_allclose(sizes, [0, 0, 0.005, 0.005], atol=1e-6)  # float32 of values up to 1
            changed = [x for x in added if float(x.abs().max()) > 0]
            # but for pixels at the ends of the range, and those without a gradient
            self.assertTrue(all(float((x.abs() > 0.0049).float().mean()) > 0.5 for x in changed))

    @parameterized.expand(["variant_baseline", "variant_exact", "variant_loss_attention"])
    def test_plain_training_does_not(self, variant):
        for added in self._differences(variant):
            self.assertTrue(all(not x.any() for x in added))

    def test_robust_training_needs_the_baseline(self):
        with self.assertRaises(Exception) as caught:
            run("train", "variant_robust", work=self.work, root=CHEST)
        while caught.exception.__cause__ is not None:
            caught.exception = caught.exception.__cause__
        self.assertRegex(str(caught.exception), "^load_path: expected a file of weights, models/baseline.pt is not th")

    def test_only_the_robust_variant_has_another_iteration(self):
        others = [v for v in variants_of(CHEST) if v != "variant_robust"]
        self.assertTrue(all(parser("train", v, root=CHEST)["iteration_update"] is None for v in others))
        robust, baseline = (parser("train", f"variant_{v}", root=CHEST) for v in ("robust", "baseline"))
        for part in ("network_def", "loss"):
            self.assertEqual(robust[part], baseline[part])


class TestSelection(InFolder):
    """Which weights are kept, when a training ends, and how it goes on."""

    def train(self, losses: list[float], **override):
        """Train with these validation losses in place of the true ones; the weights at each validation."""
        workflow = prepare("train", "variant_baseline", work=self.work, root=CHEST, **override)
        content = workflow.parser.get_parsed_content
        evaluator, states, told = content("validate#evaluator"), [], iter(losses)

        @evaluator.on(Events.EPOCH_COMPLETED)
        def _replace():
            evaluator.state.metrics["val_loss"] = next(told)
            states.append({k: w.clone() for k, w in content("network_def").state_dict().items()})

        workflow.run()
        return content("train#trainer"), states

    def _kept(self) -> dict[str, torch.Tensor]:
        return load(self.work / "models" / "model.pt")

    def test_weights_of_the_smallest_validation_loss(self):
        _, states = self.train([3.0, 1.0, 2.0], epochs=3)
        kept = self._kept()
        self.assertTrue(all(torch.equal(kept[key], weight) for key, weight in states[1].items()))
        self.assertFalse(all(torch.equal(kept[key], weight) for key, weight in states[2].items()))

    def test_the_loss_that_is_compared_is_the_one_of_the_configuration(self):
        workflow = train("variant_baseline", self.work, epochs=2)
        evaluator = workflow.parser.get_parsed_content("validate#evaluator")
        self.assertEqual(evaluator.state.key_metric_name, "val_loss")
        self.assertLessEqual(evaluator.state.best_metric, evaluator.state.metrics["val_loss"])

    @parameterized.expand([(1, 3), (2, 4), (5, 6)])
    def test_ends_when_the_loss_no_longer_falls(self, patience, epochs):
        trainer, _ = self.train([3.0, 2.0, 2.5, 2.0, 2.1, 2.2], epochs=6, patience=patience)
        self.assertEqual(trainer.state.epoch, epochs)

    def test_resumed(self):
        train("variant_robust", self.work)
        state = load(self.work / "eval" / "state_checkpoint_epoch=1.pt")
        self.assertEqual(sorted(state), ["best", "model", "optimizer", "trainer"])
        # a baseline that is there by now does not undo the state
        train("variant_baseline", self.work, model_name="baseline.pt", output_dir=str(self.work / "other"), seed=1)
        workflow = prepare("train", "variant_robust", work=self.work, root=CHEST, epochs=2, resume=True)
        trainer, seen = workflow.parser.get_parsed_content("train#trainer"), {}

        @trainer.on(Events.EPOCH_STARTED)
        def _note():
            seen.update(epoch=trainer.state.epoch, iteration=trainer.state.iteration)
            seen["weights"] = {k: w.clone() for k, w in trainer.network.state_dict().items()}
            seen["momentum"] = [s["momentum_buffer"].clone() for s in trainer.optimizer.state.values()]

        workflow.run()
        self.assertEqual((seen["epoch"], seen["iteration"]), (2, state["trainer"]["iteration"]))
        self.assertTrue(all(torch.equal(seen["weights"][k], w) for k, w in state["model"].items()))
        momentum = [s["momentum_buffer"] for s in state["optimizer"]["state"].values()]
        self.assertTrue(all(torch.equal(a, b) for a, b in zip(seen["momentum"], momentum, strict=True)))

    @parameterized.expand([("better", 0.0, False), ("worse", 1e6, True)])
    def test_the_best_of_before_is_kept(self, _name, best_so_far, replaced):
        train("variant_baseline", self.work)
        path, model = self.work / "eval" / "state_checkpoint_epoch=1.pt", self.work / "models" / "model.pt"
        state, before = load(path), model.read_bytes()
        state["best"] = {"_saved": [(-best_so_far, "model.pt")]}
        torch.save(state, path)
        train("variant_baseline", self.work, epochs=2, resume=True)
        self.assertEqual(model.read_bytes() != before, replaced)
