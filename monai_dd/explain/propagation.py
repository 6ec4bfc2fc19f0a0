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
"""Which networks a method that propagates by rules can serve: those whose every part has a rule."""

from __future__ import annotations

import operator
from collections.abc import Collection

import torch
from torch import fx, nn

from monai_dd.explain.base import UnsuitedError
from monai_dd.explain.safe_copy import Addition, make_safe_copy
from monai_dd.networks.nets import AttentionClassifier

__all__ = ["LINEAR_MODULES", "MAXIMA", "MOVING_MODULES", "NORMALIZATIONS", "check_copy", "prepare_propagation"]

NORMALIZATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
MAXIMA = (nn.MaxPool2d, nn.MaxPool3d)
MOVING_MODULES = (nn.Dropout, nn.Dropout2d, nn.Dropout3d, nn.Identity, nn.Flatten)  # in evaluation mode
LINEAR_MODULES = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    *NORMALIZATIONS,
    *(nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.Linear, Addition),
    *MOVING_MODULES,
)
_RESHAPES = {torch.flatten, torch.cat, getattr, operator.getitem}
_RESHAPES |= {"flatten", "view", "reshape", "size", "clone", "contiguous"}


def prepare_propagation(
    network: nn.Module, method: str, activations: tuple[type[nn.Module], ...], functions: Collection = ()
) -> fx.GraphModule:
    """Return the safe copy of a network all of whose parts a method has rules for.

    Linear modules (batch normalization with its running statistics among them), maximum pooling, and functions that
    only move values have rules everywhere.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary.
        method: name of the method, for the message.
        activations: modules with rules of their own, in addition.
        functions: functions, or names of tensor methods, with rules of their own, in addition.

    Raises:
        UnsuitedError: for a network with any other part, naming the first.
    """
    kind = type(network).__name__
    if isinstance(network, AttentionClassifier) and network.attend:
        raise UnsuitedError(
            f"network: {method} cannot serve {kind} with attention at {network.attend}: "
            "no rule for the product of features with their own attention"
        )
    try:
        result = make_safe_copy(network)
    except UnsuitedError as e:
        raise UnsuitedError(f"{e}, as {method} needs") from e
    for node in result.graph.nodes:
        if node.op == "call_module":
            module = result.get_submodule(node.target)
            served = type(module) in (*LINEAR_MODULES, *MAXIMA, *activations)
            if isinstance(module, NORMALIZATIONS) and module.running_mean is None:
                served = False
            part = type(module).__name__
        else:
            served = node.op in ("placeholder", "output") or node.target in _RESHAPES or node.target in functions
            part = getattr(node.target, "__name__", str(node.target))
        if not served:
            raise UnsuitedError(f"network: {method} cannot serve {kind}: no rule for {part}")
    return result


def check_copy(copied: torch.Tensor, logits: torch.Tensor, method: str, kind: str) -> None:
    """Refuse a copy that computes something else than the network.

    Both do the same operations, so that rounding alone may tell them apart: a difference of a thousandth of the largest
    logit is more than that of TF32, the coarsest arithmetic that GPUs take for float32 (5e-4).

    Args:
        copied: logits of the copy, ``(B, K)``.
        logits: those of the network.
        method: name of the method, for the message.
        kind: name of the network, for the message.

    Raises:
        UnsuitedError: when they differ.
    """
    if torch.allclose(copied, logits, rtol=0, atol=0, equal_nan=True):
        return
    gap = float((copied - logits).abs().max() / logits.abs().max())
    if not gap <= max(1e-3, 4 * torch.finfo(logits.dtype).eps):  # the latter in half precision; NaN is not
        raise UnsuitedError(
            f"network: {method} cannot serve {kind}: its copy without operations in place gives other logits, "
            f"by {gap:.1%} of the largest"
        )
