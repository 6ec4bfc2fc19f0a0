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
"""The consistency program as a Pyomo model."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from itertools import product
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from monai_dd.networks.layers.marginalize import block_factor

if TYPE_CHECKING:
    from pyomo.environ import ConcreteModel

__all__ = ["build_program", "require"]


def require(module: str) -> ModuleType:
    """Import a module of the ``convex`` extra, or say in one line how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as e:
        name = module.partition(".")[0]
        raise ImportError(f"the convex program needs {name}: pip install monai-dd[convex]") from e


def _check(tau: Sequence[Any], weights: Sequence[float] | None) -> tuple[list[np.ndarray], list[float]]:
    grids = [np.asarray(t, dtype=np.float64) for t in tau]
    if len(grids) < 2:
        raise ValueError(f"tau: expected two or more grids, finest first, got {len(grids)}")
    for t in grids:
        if t.ndim not in (2, 3):
            raise ValueError(f"tau: expected grids of one image, two or three axes, got shape {list(t.shape)}")
        if not (t > 0).all() or abs(t.sum() - 1.0) > 1e-6:
            raise ValueError(
                f"tau: expected positive probabilities of sum one, got minimum {t.min():g} and sum {t.sum():g}"
            )
    numbers = [1.0] * len(grids) if weights is None else [float(w) for w in weights]
    if len(numbers) != len(grids) or not all(0 < w < np.inf for w in numbers):
        raise ValueError(f"weights: expected one positive number for each of {len(grids)} levels, got {weights}")
    return grids, numbers


def _block(cell: tuple[int, ...], factor: Sequence[int]) -> Iterable[tuple[int, ...]]:
    """Cells ``N(i)`` below the coarse cell ``i``."""
    return product(*(range(i * f, (i + 1) * f) for i, f in zip(cell, factor, strict=True)))


def build_program(tau: Sequence[Any], weights: Sequence[float] | None = None) -> ConcreteModel:
    r"""Write the consistency program over two or more nested grids as a Pyomo model.

    .. math::
        \min_{\mu_0, \dots, \mu_{n-1}} \sum_k w_k\, \mathrm{KL}(\mu_k \,\|\, \tau_k)
        \quad \text{s.t.}\quad \mu_{k+1} - \mathrm{marginalize}(\mu_k) = 0, \quad \textstyle\sum_i \mu_{n-1, i} = 1,

    which for two levels and unit weights is Eq. 4 of Ron et al. (2022). The finer maps sum to one because the first
    constraints hand the total down. The model has variables ``mu[k, *cell]``, constraints ``marginal[k, *coarse_cell]``
    (between level ``k`` and ``k + 1``) and ``total``, and the objective ``divergence``. Zero is the lower bound of
    every variable; there ``x log x`` has a limit but no derivative, and an interior-point solver that does not relax
    bounds (Ipopt: ``bound_relax_factor`` 0) never gets there.

    The import suffix ``dual`` receives the multipliers in Pyomo's convention, the change of the optimum with the
    right-hand side. For ``marginal`` that is the dual witness with the sign of
    :func:`~monai_dd.networks.layers.consistent_attention`.

    Args:
        tau: probabilities of each level of one image, finest first, each ``[HW]`` or ``[HWD]``, positive, of sum one;
            every size is a multiple of the next level's.
        weights: positive weight of each divergence; one each by default.

    Returns:
        a ``pyomo.environ.ConcreteModel`` with ``mu`` started at ``tau``.

    Raises:
        ImportError: Pyomo is not installed.
        ValueError: fewer than two grids, grids that do not nest or are no distributions, weights that are not positive.

    Example:
        >>> model = build_program([np.full((2, 2), 0.25), np.full((1, 2), 0.5)])
        >>> len(model.mu), len(model.marginal), model.mu[1, 0, 1].value
        (6, 2, 0.5)
    """
    pyo = require("pyomo.environ")
    grids, numbers = _check(tau, weights)
    last = len(grids) - 1
    factors = [block_factor(list(grids[k].shape), list(grids[k + 1].shape)) for k in range(last)]

    model = pyo.ConcreteModel(name="consistent attention")
    start = {(k, *cell): float(p) for k, t in enumerate(grids) for cell, p in np.ndenumerate(t)}
    model.mu = pyo.Var(list(start), bounds=(0.0, None), initialize=start)
    model.divergence = pyo.Objective(
        expr=pyo.quicksum(numbers[i[0]] * mu * (pyo.log(mu) - float(np.log(start[i]))) for i, mu in model.mu.items())
    )

    def marginal(m: ConcreteModel, k: int, *cell: int) -> Any:
        return m.mu[(k + 1, *cell)] - pyo.quicksum(m.mu[(k, *j)] for j in _block(cell, factors[k])) == 0

    model.marginal = pyo.Constraint([(i[0] - 1, *i[1:]) for i in start if i[0] > 0], rule=marginal)
    model.total = pyo.Constraint(expr=pyo.quicksum(model.mu[i] for i in start if i[0] == last) == 1)
    model.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    return model
