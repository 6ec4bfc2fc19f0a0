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
"""Tests of the loading of weights, and of the one line for what does not fit."""

from __future__ import annotations

import logging
import tempfile
import unittest
from pathlib import Path

import torch
from ignite.engine import Engine
from parameterized import parameterized
from torch import nn

from monai_dd.handlers import WeightsLoader


def _network(seed: int, width: int = 3, depth: int = 1, head: int = 2) -> nn.Module:
    torch.manual_seed(seed)
    encoder = nn.Sequential(*(nn.Linear(width, width) for _ in range(depth)))
    return nn.ModuleDict({"encoder": encoder, "head": nn.Linear(width, head)})


class TestWeightsLoader(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "models" / "model.pt"
        self.file.parent.mkdir()

    def _load(self, network: nn.Module, **options) -> nn.Module:
        engine = Engine(lambda _engine, _batch: None)
        WeightsLoader(self.file, network, **options).attach(engine)
        engine.run([0])
        return network

    def _save(self, network: nn.Module) -> dict[str, torch.Tensor]:
        torch.save(network.state_dict(), self.file)
        return {k: v.clone() for k, v in network.state_dict().items()}

    def _refused(self, message: str, network: nn.Module, **options) -> None:
        before = {k: v.clone() for k, v in network.state_dict().items()}
        with self.assertRaisesRegex(ValueError, message) as caught:
            self._load(network, **options)
        self.assertEqual(len(str(caught.exception).splitlines()), 1)
        self.assertNotIn(str(self.file.parent.parent), str(caught.exception), "no path of this machine")
        for key, value in network.state_dict().items():
            torch.testing.assert_close(value, before[key], rtol=0, atol=0)

    def test_loads(self):
        saved = self._save(_network(0))
        loaded = self._load(_network(1)).state_dict()
        self.assertTrue(all(torch.equal(loaded[key], saved[key]) for key in saved))

    def test_parts(self):
        saved = self._save(_network(0, head=5))
        network = _network(1)
        head = network["head"].weight.clone()
        self._load(network, parts="encoder")
        torch.testing.assert_close(network["encoder"][0].weight, saved["encoder.0.weight"], rtol=0, atol=0)
        torch.testing.assert_close(network["head"].weight, head, rtol=0, atol=0)  # of another shape: left as it was

    def test_parts_load_what_else_fits(self):
        saved = self._save(_network(0))
        network = self._load(_network(1), parts=["encoder"])
        torch.testing.assert_close(network["head"].weight, saved["head.weight"], rtol=0, atol=0)

    @parameterized.expand(
        [
            ("missing", {"depth": 2}, r"\(6 tensors\), got those of another network: 2 missing, 0 unknown, 0 of"),
            ("shape", {"head": 5}, "0 missing, 0 unknown, 2 of another shape, first head.weight"),
            ("all", {"width": 4}, "0 missing, 0 unknown, 3 of another shape, first encoder.0.weight"),
        ]
    )
    def test_refuses_another_network(self, _name, options, message):
        self._save(_network(0))
        self._refused(f"^models/model.pt: expected the weights of this ModuleDict.*{message}", _network(1, **options))

    def test_refuses_more_than_the_network_has(self):
        self._save(_network(0, depth=2))
        self._refused("0 missing, 2 unknown, 0 of another shape, first encoder.1.weight", _network(1))

    def test_refuses_another_encoder(self):
        self._save(_network(0))
        self._refused("expected the encoder of this", _network(1, depth=2), parts="encoder")

    @parameterized.expand(
        [
            ("nested", {"model": {"w": torch.zeros(1)}}, "expected a plain state dict"),
            ("tensor", torch.zeros(3), "expected a plain state dict"),
        ]
    )
    def test_refuses_other_contents(self, _name, content, message):
        torch.save(content, self.file)
        self._refused(f"^models/model.pt: {message}", _network(0))

    def test_refuses_what_would_run_code(self):
        torch.save(_network(0), self.file)  # a pickled module
        self._refused(
            "^models/model.pt: expected a plain state dict of tensors saved by torch.save, got UnpicklingError",
            _network(0),
        )

    def test_refuses_a_missing_file(self):
        self._refused("^load_path: expected a file of weights, models/model.pt is not there", _network(0))

    def test_warns_of_a_missing_file_where_it_may_be(self):
        network = _network(0)
        before = {k: v.clone() for k, v in network.state_dict().items()}
        engine = Engine(lambda _engine, _batch: None)
        WeightsLoader(self.file, network, missing="warn").attach(engine)
        with self.assertLogs(engine.logger, logging.WARNING) as caught:
            engine.run([0])
        lines = [record.getMessage() for record in caught.records]
        self.assertEqual(lines, ["no checkpoint model.pt: training starts from the network's own initial weights"])
        self.assertTrue(all(torch.equal(value, before[key]) for key, value in network.state_dict().items()))

    def test_a_file_that_may_be_missing_is_loaded_and_checked(self):
        saved = self._save(_network(0))
        loaded = self._load(_network(1), missing="warn").state_dict()
        self.assertTrue(all(torch.equal(loaded[key], saved[key]) for key in saved))
        self._refused("of another network", _network(1, depth=2), missing="warn")

    def test_refuses_another_way_with_a_missing_file(self):
        with self.assertRaisesRegex(ValueError, "^missing: expected error or warn, got 'ignore'$"):
            WeightsLoader(self.file, _network(0), missing="ignore")
