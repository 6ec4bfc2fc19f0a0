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
"""Weights read when an engine starts, with one clear line for what does not fit."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from ignite.engine import Engine, Events
from monai.utils import ensure_tuple
from torch import nn

from monai_dd.utils.weights import check_state_fits, drop_left_out, read_state_dict, short_name

__all__ = ["WeightsLoader"]


class WeightsLoader:
    """Load a plain state dict into a network when an engine starts.

    Other than MONAI's ``CheckpointLoader`` it says in one line which file is missing or is of another network.

    Args:
        load_path: file of the weights.
        network: network to load them into, plain or ``DistributedDataParallel``.
        parts: names of the network's children that must be in the file as a whole, such as ``encoder``; what else
            network and file share by name and shape is loaded too. By default all must be there, and nothing else.
        map_location: where to load the tensors to.
        missing: what to do when the file is not there: ``error``, or ``warn`` to say so and load nothing.

    Raises:
        ValueError: when ``missing`` is anything else.

    Example:
        >>> import tempfile
        >>> source, network = nn.Linear(2, 1), nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save(source.state_dict(), Path(folder) / "model.pt")
        ...     engine = Engine(lambda engine, batch: None)
        ...     WeightsLoader(Path(folder) / "model.pt", network).attach(engine)
        ...     state = engine.run([0])
        >>> torch.equal(network.weight, source.weight)
        True
    """

    def __init__(
        self,
        load_path: str | Path,
        network: nn.Module,
        parts: Sequence[str] | str = (),
        map_location: torch.device | str | None = None,
        missing: str = "error",
    ) -> None:
        if missing not in ("error", "warn"):
            raise ValueError(f"missing: expected error or warn, got {missing!r}")
        self.load_path = Path(load_path)
        self.network = network
        self.parts = ensure_tuple(parts)
        self.map_location = map_location
        self.missing = missing

    def attach(self, engine: Engine) -> None:
        """Load when ``engine`` starts."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Load the weights.

        Raises:
            ValueError: when the file is missing and may not be, is not readable, or is of another network.
        """
        file = short_name(self.load_path)
        if not self.load_path.is_file():
            if self.missing == "warn":
                start = "training starts from the network's own initial weights"
                engine.logger.warning("no checkpoint %s: %s", self.load_path.name, start)
                return
            raise ValueError(f"load_path: expected a file of weights, {file} is not there; train the network first")
        network = self.network.module if isinstance(self.network, nn.parallel.DistributedDataParallel) else self.network
        weights = drop_left_out(network, read_state_dict(self.load_path, self.map_location))
        self._check(file, network, weights)
        state = network.state_dict()
        shared = {k: w for k, w in weights.items() if k in state and w.shape == state[k].shape}
        network.load_state_dict(shared, strict=False)
        logging.getLogger(__name__).info("loaded %d of %d tensors from %s", len(shared), len(state), file)

    def _check(self, file: str, network: nn.Module, weights: dict[str, torch.Tensor]) -> None:
        needed = network.state_dict()
        if self.parts:
            needed = {k: w for k, w in needed.items() if k.split(".")[0] in self.parts}
            weights = {k: w for k, w in weights.items() if k in needed}
        what = " and ".join(self.parts) or "weights"
        expected = f"expected the {what} of this {type(network).__name__} ({len(needed)} tensors)"
        check_state_fits(needed, weights, f"{file}: {expected}, got those of another network")
