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
"""A copy of a network that hooks can work on: one module for every activation, nothing in place, weights shared."""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping

import torch
from torch import fx, nn

from monai_dd.explain.base import UnsuitedError
from monai_dd.networks.nets import AttentionClassifier
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import AttentionKeys

__all__ = ["Addition", "make_safe_copy"]

_ACTIVATIONS: dict[object, type[nn.Module]] = {
    torch.relu: nn.ReLU,
    nn.functional.relu: nn.ReLU,
    "relu": nn.ReLU,
    torch.sigmoid: nn.Sigmoid,
    nn.functional.sigmoid: nn.Sigmoid,
    "sigmoid": nn.Sigmoid,
    torch.tanh: nn.Tanh,
    nn.functional.tanh: nn.Tanh,
    "tanh": nn.Tanh,
}
_ADDITIONS = {operator.add, torch.add, "add"}
_SIZES = {getattr, "size", "dim", "numel"}
_IN_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}


class Addition(nn.Module):
    """Sum of two tensors, as a module."""

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return ``first + second``."""
        return first + second


def make_safe_copy(network: nn.Module) -> fx.GraphModule:
    """Copy a network so that every activation, and every addition of two tensors, is a module called exactly once.

    The copy gives the same logits, always ``(B, K)`` alone, in evaluation mode, but for a network that changes a view
    in place and reads the same tensor later: compare them. It does nothing in place, and every module gets a
    tensor that no other one reads: rules of propagation are hooks on modules and on their inputs, and two readers of
    one tensor overwrite each other's gradients. Parameters and buffers are the network's own: a checkpoint loaded, a
    step trained or a move to another device reaches the copy. Modes, hooks and gradients of the network stay as they
    are.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.

    Returns:
        the copy.

    Raises:
        UnsuitedError: when torch.fx cannot trace the network, with its reason.

    Example:
        >>> relu = nn.ReLU(inplace=True)
        >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), relu, nn.Conv2d(2, 2, 3), relu)
        >>> sorted(name for name, module in make_safe_copy(network).named_modules() if isinstance(module, nn.ReLU))
        ['1', '1_again1']
    """
    if isinstance(network, AttentionClassifier) and not network.attend:
        network = _read_by_pooling(network)
    return _take_apart(network)


def _read_by_pooling(network: AttentionClassifier) -> nn.Sequential:
    """What a classifier without attention computes, without the choices that it makes on the way."""
    head = next(iter(network.heads.values()))
    dims = network.encoder.spatial_dims
    pool = nn.AdaptiveAvgPool2d(1) if dims == 2 else nn.AdaptiveAvgPool3d(1)
    return nn.Sequential(*network.encoder.stages, pool, nn.Flatten(), network.dropout, head)


def _own(module: nn.Module) -> nn.Module:
    """Copy of a module and those inside it that shares their parameters and buffers, in evaluation mode."""
    result = copy.copy(module)
    for name, value in vars(module).items():
        if "hooks" in name:
            setattr(result, name, copy.copy(value))
    result._modules = {name: None if child is None else _own(child) for name, child in module._modules.items()}
    result.training = False
    if getattr(result, "inplace", False):
        result.inplace = False
    return result


def _take_apart(network: nn.Module) -> fx.GraphModule:
    """Trace a network, rewrite its graph, and give every call a module of its own."""
    try:
        with evaluating(network):
            graph = fx.Tracer().trace(network)
    except Exception as e:  # whatever the network's own code does with a tensor that has no values
        reason = str(e).strip().partition("\n")[0] or type(e).__name__
        raise UnsuitedError(f"network: torch.fx cannot trace {type(network).__name__} ({reason})") from e
    order = {node: place for place, node in enumerate(graph.nodes)}
    for node in order:
        _leave_in_place(node, order, network)
    output = next(node for node in graph.nodes if node.op == "output")
    if isinstance(output.args[0], Mapping):
        output.args = (output.args[0][AttentionKeys.LOGITS],)
    modules: dict[str, nn.Module] = {}
    for node in list(graph.nodes):
        if node.op == "get_attr":
            modules[node.target] = operator.attrgetter(node.target)(network)
        else:
            _give_module(node, network, modules)
    result = fx.GraphModule(modules, graph, type(network).__name__).eval()
    result.graph.eliminate_dead_code()
    result.delete_all_unused_submodules()
    result.recompile()
    return result


def _leave_in_place(node: fx.Node, order: dict[fx.Node, int], network: nn.Module) -> None:
    """Turn an operation in place into one that is not; who reads the changed tensor later reads the result."""
    in_place = bool(node.kwargs.get("inplace", False))
    if in_place:
        node.kwargs = {**node.kwargs, "inplace": False}
    name = str(getattr(node.target, "__name__", node.target))
    if node.op == "call_module":
        in_place = getattr(network.get_submodule(node.target), "inplace", False)
    elif node.op == "call_function" and node.target in _IN_PLACE:
        node.target, in_place = _IN_PLACE[node.target], True
    elif node.op.startswith("call") and name.endswith("_") and not name.endswith("__"):
        name, in_place = name[:-1], True
        node.target = name if node.op == "call_method" else getattr(torch, name, None) or getattr(nn.functional, name)
    if in_place:
        changed = node.all_input_nodes[0]
        for user in list(changed.users):
            if order[user] > order[node]:
                user.replace_input_with(changed, node)


def _is_size(node: fx.Node) -> bool:
    """Whether a node is a size, or computed from sizes, and no tensor."""
    if node.target in _SIZES:
        return True
    return getattr(node.target, "__module__", "") == "_operator" and any(map(_is_size, node.all_input_nodes))


def _give_module(node: fx.Node, network: nn.Module, modules: dict[str, nn.Module]) -> None:
    """Let a call, of a module or of a function that should be one, go to a module of its own with inputs of its own."""
    tensors = [a for a in node.args if isinstance(a, fx.Node)]
    name = node.name
    if node.op == "call_module":
        module, name = _own(network.get_submodule(node.target)), node.target
    elif node.target in _ACTIVATIONS:
        module = _ACTIVATIONS[node.target]()
    elif node.target in _ADDITIONS and len(tensors) == 2 and not node.kwargs and not any(map(_is_size, tensors)):
        module = Addition()
    else:
        return
    if node.op != "call_module":
        node.op, node.args, node.kwargs = "call_module", tuple(tensors), {}
    again = sum(key == name or key.startswith(f"{name}_again") for key in modules)
    node.target = f"{name}_again{again}" if again else name
    modules[node.target] = module
    with node.graph.inserting_before(node):
        for tensor in dict.fromkeys(tensors):
            node.replace_input_with(tensor, node.graph.call_method("clone", (tensor,)))
