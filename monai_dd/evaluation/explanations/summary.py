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
"""Rows of a comparison: an explainer of a variant, each metric over the images of a run, one value a run."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from monai_dd.evaluation.explanations.estimates import area_metric, find_keys, read_estimate
from monai_dd.evaluation.explanations.reader import Key, Run
from monai_dd.evaluation.names import in_paper_protocol, row_name, row_order
from monai_dd.evaluation.published import published_method
from monai_dd.evaluation.schema import IMAGE_LEVEL, NETWORK
from monai_dd.utils.checks import check_option

__all__ = ["Measured", "Row", "explanation_rows", "select_rows", "summarize_explanations"]


ByArea = tuple[str, Sequence[float]]


class Measured(NamedTuple):
    """Value of a metric in one run, and the number of images it rests on."""

    value: float
    images: int


@dataclass
class Row:
    """An explainer of a variant; ``measured[level, metric]`` is one value for each seed.

    Attributes:
        variant: such as ``exact``.
        explainer: such as ``attention``; ``network`` for values of the network itself.
        measured: level and metric, then seed.
    """

    variant: str
    explainer: str
    measured: dict[tuple[str, str], dict[int, Measured]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the row, see :func:`~monai_dd.evaluation.names.row_name`."""
        return row_name(self.variant, self.explainer)

    @property
    def method(self) -> str:
        """The paper's name, or an empty one."""
        return published_method(self.variant, self.explainer)

    def find(self, level: str, metric: str) -> tuple[str, str]:
        """Level and metric in ``measured``; maps of one resolution only are those of every level."""
        if (level, metric) not in self.measured and self.levels(metric) == {IMAGE_LEVEL}:
            level = IMAGE_LEVEL
        return level, metric

    def get(self, level: str, metric: str) -> dict[int, Measured]:
        """Values at a level; an explainer that has maps of one resolution only has them at every level."""
        return self.measured.get(self.find(level, metric), {})

    def levels(self, metric: str) -> set[str]:
        """Levels at which ``metric`` was measured."""
        return {level for level, name in self.measured if name == metric}


def summarize_explanations(run: Run, by_area: ByArea | None = None) -> dict[Key, Measured]:
    """Each metric of a run as one number.

    Map metrics are means over images; ``perturbation_*`` are means over the classes of the means of their images: the
    balanced accuracy of what is left, and, as the area by the trapezoid rule is linear, the area under it. The network
    gets ``accuracy`` and ``balanced_accuracy`` of its ``label`` and ``predicted``, and ``auc`` of its probabilities.
    NaN is left out; a mean of nothing is NaN.

    Args:
        run: of :func:`~monai_dd.evaluation.read_explanations`.
        by_area: a metric of maps, and shares of the image between which it is summed up as well: over images whose mask
            is smaller than the first, and so on; see :func:`area_metric` for the names.

    Raises:
        ValueError: for perturbation without the labels of its images.

    Example:
        >>> run = Run("baseline", seed=0)
        >>> key = Key("gradcam", "fine", "pixel_ap")
        >>> run.add(key, "1.png", 0.5)
        >>> run.add(key, "2.png", 0.7)
        >>> summarize_explanations(run)[key]
        Measured(value=0.6, images=2)
    """
    keys = find_keys(run)
    if by_area is not None:
        metric, edges = by_area
        bounds = list(zip([0.0, *edges], [*edges, math.inf]))
        keys += [
            key._replace(metric=area_metric(metric, *pair)) for key in keys if key.metric == metric for pair in bounds
        ]
    estimates = {key: read_estimate(run, key) for key in keys}
    return {key: Measured(estimate.value, len(estimate.images)) for key, estimate in estimates.items()}


def explanation_rows(runs: Iterable[Run], by_area: ByArea | None = None) -> list[Row]:
    """One row for each explainer of each variant: controls, explanations of the baseline, then networks with their own.

    A run in which no image has a value of a metric is no run of that metric.

    Args:
        runs: of :func:`~monai_dd.evaluation.read_explanations`.
        by_area: see :func:`summarize_explanations`.

    Raises:
        ValueError: see :func:`summarize_explanations`.

    Example:
        >>> run = Run("baseline", seed=0)
        >>> run.add(Key("gradcam", "fine", "pixel_ap"), "1.png", 0.5)
        >>> [(row.name, row.get("fine", "pixel_ap")) for row in explanation_rows([run])]
        [('baseline: gradcam', {0: Measured(value=0.5, images=1)})]
    """
    rows: dict[tuple[str, str], Row] = {}
    for run in runs:
        for key, measured in summarize_explanations(run, by_area).items():
            row = rows.setdefault((run.variant, key.explainer), Row(run.variant, key.explainer))
            if not math.isnan(measured.value):
                row.measured.setdefault((key.level, key.metric), {})[run.seed] = measured
    return sorted(rows.values(), key=lambda row: row_order(row.variant, row.explainer))


def select_rows(
    rows: Iterable[Row],
    variants: Collection[str] | None = None,
    explainers: Collection[str] | None = None,
    paper_protocol: bool = False,
) -> list[Row]:
    """Rows of these variants and explainers, None for all; rows of the network stay with their variant.

    Args:
        rows: of :func:`explanation_rows`.
        variants: names.
        explainers: names.
        paper_protocol: leave out attributions, such as GradCAM, of other networks than the baseline.

    Raises:
        ValueError: for a name that no row has.

    Example:
        >>> rows = [Row("baseline", "gradcam"), Row("baseline", "lrp"), Row("exact", "gradcam")]
        >>> [row.name for row in select_rows(rows, explainers=["gradcam"], paper_protocol=True)]
        ['baseline: gradcam']
    """
    rows = list(rows)
    for name in variants or ():
        check_option("variants", name, sorted({row.variant for row in rows}))
    for name in explainers or ():
        check_option("explainers", name, sorted({row.explainer for row in rows} - {NETWORK}))
    return [
        row
        for row in rows
        if (not variants or row.variant in variants)
        and (not explainers or row.explainer in (*explainers, NETWORK))
        and (not paper_protocol or in_paper_protocol(row.variant, row.explainer))
    ]
