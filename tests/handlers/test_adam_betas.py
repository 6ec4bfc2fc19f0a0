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
"""Tests of the betas that change."""

from __future__ import annotations

import unittest

import torch
from ignite.engine import Engine, Events
from parameterized import parameterized

from monai_dd.handlers import AdamBetas


def _optimizer(kind=torch.optim.Adam):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)]
    return kind(groups, lr=0.1)


def _run(handler, start):
    """Betas of all groups in each epoch from ``start`` to 4."""
    seen = []
    engine = Engine(lambda _engine, _batch: None)
    handler.attach(engine)
    groups = handler.optimizer.param_groups
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: seen.append({g["betas"] for g in groups}))
    if start:
        engine.load_state_dict({"epoch_length": 1, "max_epochs": 4, "epoch": start})
    engine.run([0], max_epochs=4)
    return seen


class TestAdamBetas(unittest.TestCase):
    @parameterized.expand([(0,), (1,), (3,)])
    def test_change_in_all_groups_and_depend_on_the_epoch_alone(self, start):
        seen = _run(AdamBetas(_optimizer(), epochs=2), start)
        self.assertEqual(seen, [{(0.9, 0.99)}, {(0.9, 0.99)}, {(0.9, 0.999)}, {(0.9, 0.999)}][start:])

    def test_bad_arguments(self):
        with self.assertRaisesRegex(ValueError, "^optimizer: expected one with betas[^\n]*got SGD$"):
            AdamBetas(_optimizer(torch.optim.SGD))
        with self.assertRaisesRegex(ValueError, "^epochs: expected 0 or more, got -1$"):
            AdamBetas(_optimizer(), epochs=-1)


if __name__ == "__main__":
    unittest.main()
