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
"""The training settings of the loss-based attention paper, as overlays of the BraTS bundle."""

from __future__ import annotations

import math
import unittest

import torch
from ignite.engine import Engine, Events
from monai.handlers import LrScheduleHandler, ParamSchedulerHandler
from parameterized import parameterized

from tests.bundles.setting import BRATS, parser

SGD = ("train", "loss_attention_schedule")
ADAM = (*SGD, "loss_attention_adam_schedule")
PARTS = ("optimizer", "lr_scheduler", "loss")
LOSS = {"_target_": "monai_dd.losses.LossAttentionLoss", "gamma": 0.1}


def _config(names, **override):
    """The merged configurations, with one parameter instead of the network's and the handlers of the overlays alone."""
    config = parser(*names, root=BRATS, loss=dict(LOSS), parameters="$[torch.nn.Parameter(torch.zeros(1))]", **override)
    before = len(parser("train", root=BRATS)["train#handlers"])
    config["train#handlers"] = config["train#handlers"][before:]
    return config


def _walk(config, start=0):
    """Learning rate, gamma and betas of each epoch, as a trainer with the handlers of the overlays has them.

    A training that goes on after ``start`` epochs has the engine's state alone; that of the optimizer is not loaded.
    """
    parts = {name: config.get_parsed_content(name) for name in PARTS}
    handlers = config.get_parsed_content("train#handlers")
    group, rows = parts["optimizer"].param_groups[0], []
    engine = Engine(lambda _engine, _batch: parts["optimizer"].step())
    for handler in handlers:
        handler.attach(engine)
    engine.add_event_handler(
        Events.ITERATION_COMPLETED, lambda: rows.append((group["lr"], parts["loss"].gamma, group.get("betas")))
    )
    epochs = config.get_parsed_content("epochs")
    if start:
        engine.load_state_dict({"epoch_length": 1, "max_epochs": epochs, "epoch": start})
    engine.run([0], max_epochs=epochs)
    return rows, handlers


class TestSchedule(unittest.TestCase):
    def test_sgd_as_in_the_paper(self):
        config = _config(SGD)
        rows, handlers = _walk(config)
        self.assertEqual([type(h) for h in handlers], [LrScheduleHandler, ParamSchedulerHandler])
        self.assertEqual((len(rows), config.get_parsed_content("batch_size")), (200, 128))
        self.assertIs(type(config.get_parsed_content("optimizer")), torch.optim.SGD)
        for epoch, (rate, gamma, _) in enumerate(rows):
            self.assertAlmostEqual(rate, 0.1 if epoch < 100 else 0.01 if epoch < 150 else 0.001, places=12)
            self.assertAlmostEqual(gamma, 0.1 * math.exp(-((1 - min(epoch / 80, 1)) ** 2)), places=12)

    def test_adam_as_in_the_paper(self):
        rows, handlers = _walk(_config(ADAM, **{"loss#gamma": 0.0}))
        self.assertEqual([type(h) for h in handlers], [LrScheduleHandler, ParamSchedulerHandler, ParamSchedulerHandler])
        for epoch, (rate, gamma, betas) in enumerate(rows):
            step = 1.0 if epoch < 120 else 0.1 if epoch < 160 else 0.01
            self.assertAlmostEqual(rate, 0.003 * step * math.exp(-((1 - min(epoch / 80, 1)) ** 2)), places=12)
            self.assertEqual((gamma, betas), (0.0, (0.9, 0.99) if epoch < 80 else (0.9, 0.999)))

    @parameterized.expand([(names, epochs) for names in (SGD, ADAM) for epochs in (1, 2, 40)])
    def test_shorter_trainings_keep_the_proportions(self, names, epochs):
        whole, _ = _walk(_config(names))
        short, _ = _walk(_config(names, epochs=epochs))
        self.assertEqual(len(short), epochs)
        if epochs == 40:
            for row, wanted in zip(short, whole[::5], strict=True):
                self.assertAlmostEqual(row[0], wanted[0], places=12)
                self.assertAlmostEqual(row[1], wanted[1], places=12)
                self.assertEqual(row[2], wanted[2])

    def test_a_loss_without_gamma_has_no_ramp(self):
        config = _config(SGD)
        config["loss"] = {"_target_": "monai_dd.losses.DualDecompositionLoss"}
        handlers = config.get_parsed_content("train#handlers")
        self.assertEqual([type(h) for h in handlers], [LrScheduleHandler])

    def test_only_the_overlays_step_the_learning_rate(self):
        """The handlers of train.json that step by iteration or by validation are off."""
        config = parser(*SGD, root=BRATS)
        own = [*config["train#handlers"][:-2], *config["validate#handlers"]]
        steps = [h for h in own if h["_target_"] == "LrScheduleHandler"]
        self.assertEqual(len(steps), 2)
        for handler in steps:
            self.assertIn("@lr_schedule_by != '", handler["_disabled_"])
            self.assertNotIn("'epoch'", handler["_disabled_"])
        self.assertEqual(config["lr_schedule_by"], "epoch")

    def test_the_ramp_drives_the_loss_of_the_trainer(self):
        config = _config(SGD)
        handlers, loss = config.get_parsed_content("train#handlers"), config.get_parsed_content("loss")
        engine = Engine(lambda _engine, _batch: None)
        handlers[1].attach(engine)
        engine.run([0], max_epochs=1)
        self.assertAlmostEqual(loss.gamma, 0.1 * math.exp(-1), places=12)
        self.assertEqual(config["train#trainer#loss_function"], "@loss")

    @parameterized.expand([(1,), (79,), (80,), (81,)])
    def test_gamma_and_betas_after_a_stop_are_those_of_the_epoch(self, start):
        whole, _ = _walk(_config(ADAM))
        rest, _ = _walk(_config(ADAM), start)
        self.assertEqual([row[1:] for row in rest], [row[1:] for row in whole[start:]])

    def test_all_groups_of_parameters_get_the_betas(self):
        groups = "$[{'params': [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)]"
        config = _config(ADAM, epochs=2)
        config["parameters"] = groups
        _walk(config)
        optimizer = config.get_parsed_content("optimizer")
        self.assertEqual([group["betas"] for group in optimizer.param_groups], [(0.9, 0.999)] * 2)


if __name__ == "__main__":
    unittest.main()
