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
"""The convex program solved after training, as the explanation of a network whose levels do not agree."""

from __future__ import annotations

import torch

from monai_dd.convex import solve_programs
from monai_dd.explain.attention import attended_levels, check_levels_differ
from monai_dd.explain.base import Explainer, choose_class
from monai_dd.networks.nets import AttentionClassifier
from monai_dd.utils.checks import check_option
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import read_levels, read_logits

__all__ = ["ConvexProgram"]


class ConvexProgram(Explainer):
    """Consistent maps from Ipopt on the attention of a network, the row ``CVX`` of Ron et al. (2022), Tables 1 and 2.

    Every image is a program of its own, and slow; ``AttentionExplainer(network, level, consistent=True)`` gives the
    same maps directly. The levels of the batch seen last are kept, so that asking for a second level costs nothing:
    make that explainer with :meth:`at_level`.

    Args:
        network: classifier with two attended stages or more, in either of its forms.
        level: ``fine``, ``coarse``, or ``level1``, ``level2``, ... between them.
        progress: show a progress bar over the images of a batch.

    Raises:
        ImportError: on call, when the extra ``convex`` is not installed.
        UnsuitedError: for a network with fewer attended stages, or ``consistency="exact"``, which is the solution.
        ValueError: for a level that it does not have, or a program that the solver did not solve.

    Example:
        >>> import torch
        >>> from monai_dd.networks.encoders import UNetEncoder
        >>> network = AttentionClassifier(UNetEncoder(2, 1, features=2), 2, ["block3", "block4"], "attention")
        >>> ConvexProgram(network, "coarse")(torch.rand(1, 1, 32, 32)).shape
        torch.Size([1, 1, 4, 4])
    """

    def __init__(self, network: AttentionClassifier, level: str = "fine", progress: bool = False) -> None:
        self.levels = attended_levels(network)
        check_levels_differ(network)
        self.level = check_option("level", level, self.levels)
        self.network = network.with_attention()
        self.progress = progress
        self._last: list[tuple[list[torch.Tensor], list[torch.Tensor]]] = []  # shared by twins: potentials and maps

    def at_level(self, level: str) -> ConvexProgram:
        """Return the explainer of another level, which shares the solutions of this one."""
        twin = ConvexProgram(self.network, level, self.progress)
        twin._last = self._last
        return twin

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        with torch.no_grad(), evaluating(self.network):
            output = self.network(image)
        choose_class(read_logits(output), class_idx)
        potentials = read_levels(output, "phi")
        if not (self._last and all(map(torch.equal, self._last[0][0], potentials))):
            self._last[:] = [(potentials, self._solve(potentials))]
        return self._last[0][1][self.levels.index(self.level)].clone()

    def _solve(self, potentials: list[torch.Tensor]) -> list[torch.Tensor]:
        solutions = solve_programs(potentials, progress=self.progress)
        failed = [solution.status for solution in solutions if not solution.success]
        if failed:
            raise ValueError(f"convex program: {len(failed)} of {len(solutions)} not solved, Ipopt says {failed[0]}")
        maps = [torch.stack([torch.from_numpy(s.maps[k]) for s in solutions]) for k in range(len(potentials))]
        return [grid[:, None].clamp(min=0).to(phi) for grid, phi in zip(maps, potentials, strict=True)]
