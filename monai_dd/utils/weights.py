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
"""Weights on disk: read without running code, and compared with those that a network has."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

__all__ = ["check_state_fits", "compute_checksum", "drop_left_out", "read_state_dict", "short_name"]


def read_state_dict(
    path: str | Path, map_location: torch.device | str | None = None, inside: str = ""
) -> dict[str, torch.Tensor]:
    """Read a plain state dict, with tensors only, so that nothing in the file can run.

    Args:
        path: file saved by ``torch.save``.
        map_location: where to load the tensors to.
        inside: name of an entry that may hold the state dict, in a file that holds more.

    Raises:
        ValueError: in one line that names the file and its folder, when ``torch.load`` cannot read it or it holds
            anything else.
    """
    expected = f"{short_name(path)}: expected a plain state dict of tensors saved by torch.save"
    try:
        state = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # pickle, zip and torch each raise their own, with texts of many lines
        raise ValueError(f"{expected}, got {type(error).__name__}") from None
    if isinstance(state, Mapping) and isinstance(state.get(inside), Mapping):
        state = state[inside]
    if not isinstance(state, Mapping) or not all(isinstance(w, torch.Tensor) for w in state.values()):
        raise ValueError(f"{expected}, got {type(state).__name__}")
    return dict(state)


def short_name(path: str | Path) -> str:
    """Return a file's name with that of its folder, for messages."""
    return "/".join(Path(path).parts[-2:])


def drop_left_out(network: nn.Module, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict without the weights of stages that an encoder inside the network has left out."""
    beginnings = tuple(
        f"{name}.{beginning}".removeprefix(".")
        for name, module in network.named_modules()
        for beginning in getattr(module, "left_out", ())
    )
    return {name: weight for name, weight in state.items() if not name.startswith(beginnings)}


def check_state_fits(own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], name: str) -> None:
    """Check that ``state`` has the tensors of ``own`` and no others, all of the same shapes.

    Args:
        own: what is expected, usually ``network.state_dict()``.
        state: what came.
        name: start of the message: the file, and what was expected of it.

    Raises:
        ValueError: with the numbers of missing, unknown and reshaped tensors, and the name of the first.
    """
    missing, unknown = [k for k in own if k not in state], [k for k in state if k not in own]
    reshaped = [k for k in own if k in state and own[k].shape != state[k].shape]
    if missing or unknown or reshaped:
        raise ValueError(
            f"{name}: {len(missing)} missing, {len(unknown)} unknown, {len(reshaped)} of another shape, "
            f"first {(missing + unknown + reshaped)[0]}"
        )


def compute_checksum(network: nn.Module) -> str:
    """CRC-32 of all tensors of a network, by name: eight hexadecimal digits that tell its weights from others."""
    checksum = 0
    for name, weight in sorted(network.state_dict().items()):
        values = weight.detach().cpu().contiguous()
        checksum = zlib.crc32(values.flatten().view(torch.uint8).numpy().tobytes(), zlib.crc32(name.encode(), checksum))
    return f"{checksum:08x}"
