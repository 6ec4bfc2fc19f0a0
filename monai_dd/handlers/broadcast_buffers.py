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
"""The same running statistics in every process."""

from __future__ import annotations

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from torch import nn

__all__ = ["BroadcastBuffers"]


class BroadcastBuffers:
    """Give every process the buffers of the first one when an engine starts; does nothing in a single process.

    Validation runs the bare network: processes may have different numbers of batches, and the forward of
    ``DistributedDataParallel``, which does this broadcast for each of them, would wait for one that never comes.

    Args:
        network: network whose buffers, the running statistics of batch normalization, are broadcast.

    Example:
        >>> from ignite.engine import Engine
        >>> evaluator = Engine(lambda engine, batch: None)
        >>> BroadcastBuffers(nn.BatchNorm2d(4)).attach(evaluator)
        >>> evaluator.run([0]).iteration
        1
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def attach(self, engine: Engine) -> None:
        """Broadcast when ``engine`` starts."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Broadcast the buffers."""
        if idist.get_world_size() > 1:
            for buffer in self.network.buffers():
                torch.distributed.broadcast(buffer, src=0)
