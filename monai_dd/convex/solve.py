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
"""Solve the consistency program with Ipopt, reached through the ``.nl`` reader of CasADi."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from monai_dd.convex.program import build_program, require
from monai_dd.networks.layers.consistent_attention import spatial_log_softmax

if TYPE_CHECKING:
    from pyomo.environ import ConcreteModel

__all__ = ["ProgramSolution", "solve_program", "solve_programs"]

# No relaxed bounds, since log needs positive cells; only full convergence counts.
OPTIONS: dict[str, Any] = {
    "tol": 1e-12,
    "constr_viol_tol": 1e-12,
    "dual_inf_tol": 1e-10,
    "compl_inf_tol": 1e-10,
    "acceptable_iter": 0,
    "bound_relax_factor": 0.0,
    "bound_push": 1e-12,
    "bound_frac": 1e-12,
    "mu_strategy": "adaptive",
    "max_iter": 500,
    "print_level": 0,
    "sb": "yes",
}


class ProgramSolution(NamedTuple):
    """What the solver found for one image.

    Attributes:
        maps: the consistent maps of every level, finest first, float64, each of its level's shape.
        duals: the dual witness between consecutive levels, finest first, on the coarser grid of each pair, with
            ``mu_coarse = softmax(phi_coarse + dual)`` for two levels of unit weight. A witness is defined up to a
            constant; each is returned with mean zero. Cells that hold less mass than the solver's tolerance (about
            1e-12) do not determine theirs.
        objective: value of the program at ``maps``, in nats.
        status: of Ipopt, ``Solve_Succeeded`` when the maps are the optimum.
        iterations: iterations of the solver.
        seconds: elapsed time of the solver alone, without building, writing and reading the model.
    """

    maps: list[np.ndarray]
    duals: list[np.ndarray]
    objective: float
    status: str
    iterations: int
    seconds: float

    @property
    def success(self) -> bool:
        """Whether the solver converged to its tolerances."""
        return self.status == "Solve_Succeeded"


def _run_ipopt(model: ConcreteModel, options: dict[str, Any]) -> tuple[str, int, float]:
    """Solve the model, load variables and duals into it, and return status, iterations and seconds."""
    nl_writer = require("pyomo.repn.plugins.nl_writer")
    casadi = require("casadi")
    if not casadi.has_nlpsol("ipopt"):
        raise RuntimeError("the convex program needs CasADi built with Ipopt: pip install monai-dd[convex]")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "program.nl"
        with path.open("w") as stream:
            # without presolve every variable and constraint of the model is in the file, in the order of `names`
            names = nl_writer.NLWriter().write(model, stream, linear_presolve=False)
        problem = casadi.NlpBuilder()
        problem.import_nl(str(path))
    nlp = {"x": casadi.vertcat(*problem.x), "f": problem.f, "g": casadi.vertcat(*problem.g)}
    solver = casadi.nlpsol("solver", "ipopt", nlp, {"expand": True, "print_time": False, "ipopt": options})
    start = perf_counter()
    result = solver(x0=problem.x_init, lbx=problem.x_lb, ubx=problem.x_ub, lbg=problem.g_lb, ubg=problem.g_ub)
    seconds = perf_counter() - start
    for variable, value in zip(names.variables, result["x"].full().ravel(), strict=True):
        variable.set_value(float(value), skip_validation=True)
    for constraint, value in zip(names.constraints, result["lam_g"].full().ravel(), strict=True):
        # CasADi adds multiplier times constraint to the objective; Pyomo's dual has the other sign
        model.dual[constraint] = -float(value)
    stats = solver.stats()
    return str(stats["return_status"]), int(stats["iter_count"]), seconds


def solve_program(
    potentials: Sequence[Any], weights: Sequence[float] | None = None, options: dict[str, Any] | None = None
) -> ProgramSolution:
    """Solve the program of :func:`build_program` for one image with Ipopt, in float64.

    :func:`~monai_dd.networks.layers.consistent_attention` returns the same maps directly; this is the independent
    check. A solver that stops early does not raise: look at ``status`` or ``success``.

    Args:
        potentials: potentials or log-probabilities of each level of one image, finest first, arrays or tensors, each
            ``[HW]`` or ``[HWD]``. The spread of a level is at most about 700: beyond, probabilities vanish in float64.
        weights: positive weight of each divergence; one each by default.
        options: options of Ipopt over those of this module, e.g. ``{"max_iter": 50}``.

    Returns:
        maps, duals, objective, status, iterations and solver time as :class:`ProgramSolution`.

    Raises:
        ImportError: Pyomo or CasADi is not installed.
        RuntimeError: CasADi comes without Ipopt.
        ValueError: as for :func:`build_program`.

    Example:
        >>> solution = solve_program([torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0]])])
        >>> solution.status
        'Solve_Succeeded'
        >>> solution.maps[0].round(3), solution.maps[1].round(3)
        (array([[0.269, 0.731]]), array([[1.]]))
        >>> abs(solution.objective) < 1e-6
        True
    """
    grids = [torch.as_tensor(phi).detach().cpu().double() for phi in potentials]
    model = build_program([spatial_log_softmax(phi[None, None]).exp()[0, 0].numpy() for phi in grids], weights)
    status, iterations, seconds = _run_ipopt(model, {**OPTIONS, **(options or {})})
    maps = [np.zeros(tuple(phi.shape)) for phi in grids]
    duals = [np.zeros(tuple(phi.shape)) for phi in grids[1:]]
    for (level, *cell), variable in model.mu.items():
        maps[level][tuple(cell)] = variable.value
    for (level, *cell), constraint in model.marginal.items():
        duals[level][tuple(cell)] = model.dual[constraint]
    duals = [grid - grid.mean() for grid in duals]
    return ProgramSolution(maps, duals, float(model.divergence()), status, iterations, seconds)


def solve_programs(
    potentials: Sequence[torch.Tensor],
    weights: Sequence[float] | None = None,
    options: dict[str, Any] | None = None,
    progress: bool = False,
) -> list[ProgramSolution]:
    """Apply :func:`solve_program` to every image of a batch, one after the other.

    Args:
        potentials: potentials of each level, finest first, each ``(B, 1, *spatial)``.
        weights: as for :func:`solve_program`.
        options: as for :func:`solve_program`.
        progress: show a progress bar (needs tqdm).

    Returns:
        one solution for each image, in order.

    Raises:
        ValueError: levels of different batch sizes or with more than one channel, and as for :func:`build_program`.

    Example:
        >>> fine, coarse = torch.zeros(2, 1, 2, 2), torch.tensor([[[[0.0, 0.0]]], [[[0.0, 2.0]]]])
        >>> [solution.maps[1].round(3).tolist() for solution in solve_programs([fine, coarse])]
        [[[0.5, 0.5]], [[0.269, 0.731]]]
    """
    sizes = [tuple(phi.shape[:2]) for phi in potentials]
    if any(size != (sizes[0][0], 1) for size in sizes):
        raise ValueError(f"potentials: expected (B, 1, *spatial) of one batch size for every level, got {sizes}")
    images: Any = range(sizes[0][0])
    if progress:
        images = require("tqdm").tqdm(images, desc="convex programs", unit="image")
    return [solve_program([phi[i, 0] for phi in potentials], weights, options) for i in images]
