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
"""Cascading randomization of a network's layers: a map that stays the same does not explain the network."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterator

import torch
from torch import nn

from monai_dd.networks.nets import AttentionClassifier

__all__ = ["randomize_cascade"]

_NORMALIZATIONS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


def randomize_cascade(network: nn.Module, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Randomize a network from its output to its input, one more group of layers at a time (Adebayo et al. 2018).

    The groups of an :class:`~monai_dd.networks.nets.AttentionClassifier` are ``head``, ``witness`` where it learns one,
    then from the last stage to the first ``attention_<stage>`` where the stage is attended, and ``<stage>``; stages
    that nothing reads are left out. Of any other network they are its children that have parameters, from the last to
    the first. Lists among them are taken apart, and sequences where there are no more than two (as in
    ``features.denseblock4``); a normalization goes with what stands before it, the network's own parameters with the
    first child.

    Modules are set back by their own ``reset_parameters``, PyTorch's default start, running statistics included.
    Parameters of modules without keep their values in a random order: a learned grid loses its places, a single number
    (bias and scale of a gate, which do not say where) stays what it is.

    Args:
        network: the network; it stays as it is, as does the global random state.
        seed: of all draws, non-negative; they are made on the CPU, one stream for each group by its name.

    Yields:
        name of the group and a copy of the network in which it and all groups before are randomized.

    Raises:
        ValueError: for a negative seed, or a network without parameters; before the first step.
    """
    if seed < 0:
        raise ValueError(f"seed: expected 0 or more, got {seed}")
    groups = _attention_groups(network) if isinstance(network, AttentionClassifier) else _groups(network)
    if not groups:
        raise ValueError(f"network: expected parameters, got {type(network).__name__} without")
    return _cascade(network, groups, seed)


def _cascade(network: nn.Module, groups: list[tuple[str, list[str]]], seed: int) -> Iterator[tuple[str, nn.Module]]:
    device = next(network.parameters()).device
    current = copy.deepcopy(network).cpu()
    for name, members in groups:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.default_generator.manual_seed(seed + zlib.crc32(name.encode()))
            for member in members:
                _randomize([current] if member == "" else list(current.get_submodule(member).modules()))
        yield name, copy.deepcopy(current).to(device)


def _randomize(modules: list[nn.Module]) -> None:
    """Set modules back, by the random numbers of PyTorch's CPU generator."""
    done: set[nn.Parameter] = set()
    for module in modules:
        own = [p for p in module.parameters(recurse=False) if p not in done]
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset) and own:
            reset()
        else:
            for parameter in own:
                order = torch.randperm(parameter.numel())
                parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
        done.update(own)


def _attention_groups(network: AttentionClassifier) -> list[tuple[str, list[str]]]:
    groups = [("head", ["heads"])]
    if len(network.witness):
        groups.append(("witness", ["witness"]))
    for stage in reversed(range(len(network.units))):
        name = network.encoder.feature_info[stage].name
        if name in network.attend:
            groups.append((f"attention_{name}", [f"units.{stage}"]))
        groups.append((name, [f"encoder.stages.{stage}"]))
    return groups


def _groups(network: nn.Module) -> list[tuple[str, list[str]]]:
    parts = [(name, child) for name, child in network.named_children() if any(True for _ in child.parameters())]
    children: list[tuple[str, nn.Module]] = []
    for name, child in parts:
        if isinstance(child, nn.ModuleList) or (isinstance(child, nn.Sequential) and len(parts) <= 2):
            children += [(f"{name}.{inner}", c) for inner, c in child.named_children()]
        else:
            children.append((name, child))
    groups: list[tuple[str, list[str]]] = []
    for name, child in children:
        if isinstance(child, _NORMALIZATIONS) and groups:
            groups[-1][1].append(name)
        elif any(True for _ in child.parameters()):
            groups.append((name, [name]))
    if any(True for _ in network.parameters(recurse=False)):
        if not groups:
            groups.append((type(network).__name__, []))
        groups[0][1].append("")
    return groups[::-1]
