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
"""The dictionary of a network built with ``return_attention=True``: its keys and levels, made and read."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from monai.utils import StrEnum

__all__ = [
    "LEVEL_PATTERN",
    "AttentionKeys",
    "PatchKeys",
    "add_patches",
    "level_names",
    "make_output",
    "read_contributions",
    "read_levels",
    "read_logits",
    "read_patches",
]


LEVEL_PATTERN = r"fine|coarse|level\d+"  # what level_names gives, as a regular expression


class AttentionKeys(StrEnum):
    """Keys that every network's dictionary has; maps are ``(B, 1, *spatial)``, see :func:`make_output`."""

    LOGITS = "logits"
    PHI_FINE = "phi_fine"
    PHI_COARSE = "phi_coarse"
    LOG_TAU_FINE = "log_tau_fine"
    LOG_TAU_COARSE = "log_tau_coarse"
    LOG_MU_FINE = "log_mu_fine"
    LOG_MU_COARSE = "log_mu_coarse"


class PatchKeys(StrEnum):
    """Further keys of the dictionary of a patch classifier: weights ``(B, 1, *grid)`` and logits ``(B, K, *grid)``."""

    PATCH_WEIGHTS = "patch_weights"
    PATCH_LOGITS = "patch_logits"


def level_names(num_levels: int) -> list[str]:
    """Names of attention levels, finest first; a single level has two names. Scriptable.

    Example:
        >>> level_names(4), level_names(1)
        (['fine', 'level1', 'level2', 'coarse'], ['fine', 'coarse'])
    """
    names = ["fine"]
    for level in range(1, num_levels - 1):
        names.append("level" + str(level))
    names.append("coarse")
    return names


def make_output(
    logits: torch.Tensor,
    phi: list[torch.Tensor],
    log_tau: list[torch.Tensor],
    log_mu: list[torch.Tensor],
    contribution: list[torch.Tensor] | None = None,
    class_log_mu: list[torch.Tensor] | None = None,
) -> dict[str, torch.Tensor]:
    r"""Return the dictionary of a network. Scriptable.

    Args:
        logits: ``(B, K)``.
        phi: potential of each level, finest first, each ``(B, 1, *spatial)``.
        log_tau: logarithm of the attention of each gate, :math:`\tau = \mathrm{softmax}\,\phi`.
        log_mu: logarithm of the attention that is reported, made consistent where the network does that.
        contribution: what each cell of each level adds to each logit, each ``(B, K, *spatial)``, if asked for.
        class_log_mu: of a network with an attention for each class, that of every class, each ``(B, K, *spatial)``.

    Example:
        >>> grids = [torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)]
        >>> list(make_output(torch.zeros(1, 2), grids, grids, grids))
        ['logits', 'phi_fine', 'phi_coarse', 'log_tau_fine', 'log_tau_coarse', 'log_mu_fine', 'log_mu_coarse']
    """
    result = {"logits": logits}  # TorchScript reads neither enumerations nor constants of a module
    for prefix, maps in [("phi", phi), ("log_tau", log_tau), ("log_mu", log_mu)]:
        for level, name in enumerate(level_names(len(maps))):
            result[prefix + "_" + name] = maps[min(level, len(maps) - 1)]
    for prefix, extra in [("contribution", contribution), ("class_log_mu", class_log_mu)]:
        if extra is not None and len(extra) > 0:
            for level, name in enumerate(level_names(len(extra))):
                result[prefix + "_" + name] = extra[min(level, len(extra) - 1)]
    return result


def add_patches(
    output: dict[str, torch.Tensor], weights: torch.Tensor, logits: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Add weights ``(B, 1, *grid)`` and logits ``(B, K, *grid)`` of patches to a dictionary and return it. Scriptable.

    Example:
        >>> list(add_patches({}, torch.ones(1, 1, 1), torch.zeros(1, 2, 1)))
        ['patch_weights', 'patch_logits']
    """
    output["patch_weights"] = weights
    output["patch_logits"] = logits
    return output


def read_logits(output: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the logits ``(B, K)`` of a network that gives them alone, or as ``logits`` in a dictionary.

    Example:
        >>> read_logits({"logits": torch.zeros(2, 3)}).shape
        torch.Size([2, 3])
    """
    return output[AttentionKeys.LOGITS] if isinstance(output, Mapping) else output


def read_levels(output: Mapping[str, torch.Tensor], prefix: str) -> list[torch.Tensor]:
    """Return the maps of all levels, finest first; that of a network with a single level twice.

    Args:
        output: dictionary of a network.
        prefix: ``phi``, ``log_tau``, ``log_mu``, ``class_log_mu`` or ``contribution``.

    Raises:
        ValueError: when ``output`` is not such a dictionary.

    Example:
        >>> grids = [torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)]
        >>> output = make_output(torch.zeros(1, 2), grids, grids, grids)
        >>> [list(phi.shape) for phi in read_levels(output, "phi")]
        [[1, 1, 4, 4], [1, 1, 2, 2]]
    """
    _check(output, [f"{prefix}_fine", f"{prefix}_coarse"])
    count = 2 + sum(key.startswith(f"{prefix}_level") for key in output)
    return [output[f"{prefix}_{name}"] for name in level_names(count)]


def read_contributions(output: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    """Return the contributions of all levels, finest first; of a network with a single map that one alone.

    A single map has two names, see :func:`make_output`; summed as two it would count twice. The tensors of a batch or
    of one of its items are read.

    Raises:
        ValueError: when ``output`` has no contributions.

    Example:
        >>> maps = [torch.zeros(1, 1, 4, 4)]
        >>> output = make_output(torch.zeros(1, 2), maps, maps, maps, contribution=[torch.ones(1, 2, 4, 4)])
        >>> len(read_levels(output, "contribution")), len(read_contributions(output))
        (2, 1)
    """
    maps = read_levels(output, "contribution")
    return maps[:1] if len(maps) == 2 and torch.equal(*maps) else maps


def read_patches(output: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weights ``(B, 1, *grid)`` and logits ``(B, K, *grid)`` of the patches.

    Raises:
        ValueError: when ``output`` is not the dictionary of a patch classifier.

    Example:
        >>> weights, logits = read_patches({"patch_weights": torch.ones(1, 1, 4), "patch_logits": torch.ones(1, 2, 4)})
        >>> weights.shape, logits.shape
        (torch.Size([1, 1, 4]), torch.Size([1, 2, 4]))
    """
    _check(output, [PatchKeys.PATCH_LOGITS.value, PatchKeys.PATCH_WEIGHTS.value])
    return output[PatchKeys.PATCH_WEIGHTS], output[PatchKeys.PATCH_LOGITS]


def _check(output: Mapping[str, torch.Tensor], names: list[str]) -> None:
    if not isinstance(output, Mapping) or any(name not in output for name in names):
        got = sorted(output) if isinstance(output, Mapping) else type(output).__name__
        raise ValueError(f"expected the dictionary of a network with return_attention=True holding {names}, got {got}")
