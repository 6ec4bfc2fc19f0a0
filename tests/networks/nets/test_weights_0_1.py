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
"""Weights that version 0.1 saved, whose networks held stages that they never read."""

from __future__ import annotations

import copy
import unittest
from pathlib import Path

import torch
from ignite.engine import Engine

from monai_dd.handlers import WeightsLoader
from monai_dd.networks.encoders import UNetEncoder
from monai_dd.networks.nets import AttentionClassifier

# saved by version 0.1 of the network below, with all parameters shifted by random numbers
FILE = Path(__file__).with_name("weights_0_1.pth")
IMAGE = torch.linspace(-1, 1, 256).reshape(1, 1, 16, 16)
LOGITS = torch.tensor([[0.0477, -0.0243]])  # as version 0.1 printed them


def _network(**change):
    options = {"attend": ("block3", "block4"), "readout": "attention", "consistency": "dual", "init_scale": 4.0}
    return AttentionClassifier(UNetEncoder(2, 1, features=2), 2, img_size=16, **{**options, **change}).eval()


class TestWeights(unittest.TestCase):
    def test_load_as_they_are(self):
        network = _network()
        network.load_state_dict(torch.load(FILE, weights_only=True))
        torch.testing.assert_close(network(IMAGE), LOGITS, rtol=0, atol=6e-5)

    def test_the_file_is_left_as_it_is(self):
        state = torch.load(FILE, weights_only=True)
        names = list(state)
        self.assertTrue(any(name.startswith("encoder.stages.4.") for name in names))
        _network().load_state_dict(state)
        self.assertEqual(list(state), names)

    def test_load_into_copies_and_the_form_with_attention(self):
        for network in (copy.deepcopy(_network()), _network().with_attention()):
            network.load_state_dict(torch.load(FILE, weights_only=True))
            output = network(IMAGE)
            torch.testing.assert_close(
                output["logits"] if isinstance(output, dict) else output, LOGITS, rtol=0, atol=6e-5
            )

    def test_load_by_the_handler(self):
        network = _network()
        WeightsLoader(FILE, network)(Engine(lambda _engine, _batch: None))
        torch.testing.assert_close(network(IMAGE), LOGITS, rtol=0, atol=6e-5)

    def test_another_stage_is_refused(self):
        state = {**torch.load(FILE, weights_only=True), "encoder.stages.5.weight": torch.zeros(1)}
        with self.assertRaisesRegex(RuntimeError, "encoder.stages.5.weight"):
            _network().load_state_dict(state)
        with self.assertRaisesRegex(RuntimeError, "encoder.stages.4"):
            _network(readout="pool").load_state_dict({k: v for k, v in state.items() if ".stages.4." not in k})

    def test_the_baseline_starts_it(self):
        baseline, network = _network(readout="pool", attend=(), consistency="none"), _network()
        network.encoder.load_state_dict(baseline.encoder.state_dict())
        for stage, own in zip(baseline.encoder.stages, network.encoder.stages, strict=False):
            torch.testing.assert_close(own.state_dict(), stage.state_dict(), rtol=0, atol=0)


if __name__ == "__main__":
    unittest.main()
