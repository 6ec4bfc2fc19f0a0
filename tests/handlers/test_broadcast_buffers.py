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
"""Tests of buffers across processes; two processes run in ``tests/bundles/test_fdg_multi_gpu.py``."""

from __future__ import annotations

import unittest
from unittest.mock import patch

import torch
from ignite.engine import Engine
from torch import nn

from monai_dd.handlers import BroadcastBuffers, broadcast_buffers


class TestBroadcastBuffers(unittest.TestCase):
    def _run(self, world_size: int) -> tuple[nn.Module, list]:
        network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        engine = Engine(lambda _engine, _batch: None)
        BroadcastBuffers(network).attach(engine)
        with (
            patch.object(broadcast_buffers.idist, "get_world_size", return_value=world_size),
            patch.object(torch.distributed, "broadcast") as broadcast,
        ):
            engine.run([0, 1], max_epochs=2)
        return network, broadcast.call_args_list

    def test_one_process_has_nothing_to_do(self):
        self.assertEqual(self._run(1)[1], [])

    def test_every_buffer_once_a_run_from_the_first_process(self):
        network, calls = self._run(2)
        self.assertEqual([id(call.args[0]) for call in calls], [id(buffer) for buffer in network.buffers()])
        self.assertEqual({call.kwargs["src"] for call in calls}, {0})
