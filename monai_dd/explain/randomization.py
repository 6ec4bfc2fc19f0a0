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
    the first. Lists among them are taken apart, those that a child holds with it (as in ``encoder.blocks.11``), and
    sequences where there are no more than two children (as in ``features.denseblock4``); a normalization goes with what
    stands before it, parameters of the network's own, or of a child taken apart, with the first group inside.

    Modules are set back by their own ``reset_parameters``, PyTorch's default start, running statistics included.
    Parameters of modules without keep their values in a random order: a learned grid loses its places, a single number
    (bias and scale of a gate, which do not say where) stays what it is.

    Args:
        network: the network; it stays as it is, as does the global random state.
        seed: of all draws, non-negative; they are made on the CPU, one stream for each group by its name.

    Yields:
        name of the group and a copy of the network in which it and all groups before are randomized. Copies share the
        tensors that are equal in them, so that all of them together take the memory of two networks; change none.

    Raises:
        ValueError: for a negative seed, or a network without parameters; before the first step.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> [layers for layers, _ in randomize_cascade(network, seed=0)]
        ['2', '0']
    """
    if seed < 0:
        raise ValueError(f"seed: expected 0 or more, got {seed}")
    groups = _attention_groups(network) if isinstance(network, AttentionClassifier) else _groups(network)[::-1]
    if not groups:
        raise ValueError(f"network: expected parameters, got {type(network).__name__} without")
    return _cascade(network, groups, seed)


def _cascade(network: nn.Module, groups: list[tuple[str, list[str]]], seed: int) -> Iterator[tuple[str, nn.Module]]:
    drawn = copy.deepcopy(network).cpu()
    current = copy.deepcopy(network)
    for name, members in groups:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.default_generator.manual_seed(seed + zlib.crc32(name.encode()))
            _randomize([drawn.get_submodule(member) for member in members])
        fresh = {id(t) for member in members for t in _tensors(current.get_submodule(member), recurse=False)}
        current = copy.deepcopy(current, {id(t): t for t in _tensors(current) if id(t) not in fresh})
        with torch.no_grad():
            for member in members:
                tensors = (_tensors(n.get_submodule(member), recurse=False) for n in (current, drawn))
                for tensor, value in zip(*tensors, strict=True):
                    tensor.copy_(value)
        yield name, current


def _tensors(module: nn.Module, recurse: bool = True) -> Iterator[torch.Tensor]:
    yield from module.parameters(recurse)
    yield from module.buffers(recurse)


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


def _within(network: nn.Module, name: str) -> list[str]:
    """Names of a module and of those inside it."""
    return [f"{name}.{inner}" if inner else name for inner, _ in network.get_submodule(name).named_modules()]


def _attention_groups(network: AttentionClassifier) -> list[tuple[str, list[str]]]:
    groups = [("head", _within(network, "heads"))]
    if len(network.witness):
        groups.append(("witness", _within(network, "witness")))
    for stage in reversed(range(len(network.units))):
        name = network.encoder.feature_info[stage].name
        if name in network.attend:
            groups.append((f"attention_{name}", _within(network, f"units.{stage}")))
        groups.append((name, _within(network, f"encoder.stages.{stage}")))
    return groups


def _groups(network: nn.Module, top: str = "") -> list[tuple[str, list[str]]]:
    """Groups of the module ``top`` of a network, from the input to the output, each with the names of its modules."""
    module = network.get_submodule(top)
    parts = [(f"{top}.{name}".lstrip("."), child) for name, child in module.named_children() if _has_parameters(child)]
    groups: list[tuple[str, list[str]]] = []
    for name, child in parts:
        if any(isinstance(inner, nn.ModuleList) for inner in child.children()):
            groups += _groups(network, name)
            continue
        taken_apart = isinstance(child, nn.ModuleList) or (isinstance(child, nn.Sequential) and len(parts) <= 2)
        inside = [(f"{name}.{inner}", c) for inner, c in child.named_children()] if taken_apart else [(name, child)]
        for place, part in inside:
            if isinstance(part, _NORMALIZATIONS) and groups:
                groups[-1][1].append(place)
            elif _has_parameters(part):
                groups.append((place, _within(network, place)))
    if any(True for _ in module.parameters(recurse=False)):
        if not groups:
            groups.append((top or type(network).__name__, []))
        groups[0][1].append(top)
    return groups


def _has_parameters(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())
