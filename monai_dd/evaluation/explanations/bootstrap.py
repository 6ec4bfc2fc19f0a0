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
"""Intervals of what tables show: runs with their patients drawn anew."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from monai_dd.evaluation.explanations.estimates import read_estimate
from monai_dd.evaluation.explanations.reader import Key, Run
from monai_dd.evaluation.explanations.summary import Row

__all__ = ["Bootstrap", "Interval"]


class Interval(NamedTuple):
    """A number and the bounds of its interval.

    Example:
        >>> value, low, high = Interval(0.5, low=0.25, high=0.625)
        >>> low, high
        (0.25, 0.625)
    """

    value: float
    low: float
    high: float


class Bootstrap:
    """Percentile intervals by resampling groups of images, such as patients, with replacement (Efron 1979).

    All images of a group are drawn together, in every run, so that neither several slices of a patient nor several
    trainings make an interval narrower than the number of patients allows. What is drawn depends on the seed and the
    groups alone: rows of the same images share their resamples, and the interval of a difference is paired. The
    trainings are taken as they are; how much they differ is what the standard deviation over seeds says.

    Args:
        runs: of :func:`~monai_dd.evaluation.read_explanations`; images of unknown group are a group each.
        resamples: how often to draw.
        seed: of the draws.
        confidence: probability of the interval.

    Raises:
        ValueError: for an image that is in two groups, no resamples, or another confidence than between 0 and 1.

    Example:
        >>> run, key = Run("baseline", seed=0), Key("gradcam", "fine", "pixel_ap")
        >>> for image in range(4):
        ...     run.add(key, f"{image}.png", image / 4, group=f"patient {image // 2}")
        >>> row = Row("baseline", "gradcam", {("fine", "pixel_ap"): {0: (0.375, 4)}})
        >>> Bootstrap([run]).interval(row, "fine", "pixel_ap")  # only one of the two patients, or both
        Interval(value=0.375, low=0.125, high=0.625)
    """

    def __init__(self, runs: Iterable[Run], resamples: int = 2000, seed: int = 0, confidence: float = 0.95) -> None:
        if resamples < 1:
            raise ValueError(f"resamples: expected 1 or more, got {resamples}")
        if not 0 < confidence < 1:
            raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
        self.resamples, self.seed, self.confidence = resamples, seed, confidence
        self._runs: dict[str, list[Run]] = {}
        self._group: dict[str, str] = {}
        for run in runs:
            self._runs.setdefault(run.variant, []).append(run)
            for image, group in run.groups.items():
                if self._group.setdefault(image, group) != group:
                    raise ValueError(f"explanations: expected one group for an image of {run}, got two")
        self._images = {
            variant: sorted({image for run in own for image in run.images if image})
            for variant, own in self._runs.items()
        }
        self._weights: dict[tuple[str, ...], np.ndarray] = {}
        self._drawn: dict[tuple[str, Key], np.ndarray] = {}

    def interval(self, row: Row, level: str, metric: str) -> Interval | None:
        """Interval of the mean over the runs of a row, None where it has none.

        Raises:
            ValueError: for images of fewer than two groups.
        """
        draws = self._draw(row, level, metric)
        return None if draws is None else self._bounds(_mean(row, level, metric), draws)

    def difference(self, row: Row, reference: Row, level: str, metric: str) -> Interval | None:
        """Interval of a row's mean minus that of another one, None where one of them has none.

        Raises:
            ValueError: for images of fewer than two groups, and rows of different images.
        """
        draws, others = self._draw(row, level, metric), self._draw(reference, level, metric)
        if draws is None or others is None:
            return None
        alone = len(set(self._images[row.variant]) ^ set(self._images[reference.variant]))
        if alone:
            raise ValueError(
                f"difference_to: expected the same images in the runs of {row.variant!r} and {reference.variant!r}, "
                f"{alone} are in those of one alone"
            )
        return self._bounds(_mean(row, level, metric) - _mean(reference, level, metric), draws - others)

    def describe(self) -> str:
        """Sentence for the notes of a table."""
        counts = sorted({len(self._groups(variant)) for variant in self._runs})
        span = "-".join(map(str, sorted({counts[0], counts[-1]})))
        what = "patients (groups of the data list), all images of one together"
        what = what if self._group else "images, as the files do not say whose they are"
        return (
            f"{100 * self.confidence:g} % intervals: percentiles over {self.resamples} resamples of the {span} {what}"
        )

    def _groups(self, variant: str) -> list[str]:
        return sorted({self._group_of(image) for image in self._images[variant]})

    def _group_of(self, image: str) -> str:
        return self._group.get(image, f"image {image}")

    def _draw(self, row: Row, level: str, metric: str) -> np.ndarray | None:
        """Means over the runs of a row in each resample, ``(R,)``."""
        seeds = row.get(level, metric)
        key = Key(row.explainer, *row.find(level, metric))
        if not seeds or metric == "parameters":
            return None
        if (row.variant, key) not in self._drawn:
            groups = self._groups(row.variant)
            if len(groups) < 2:
                raise ValueError(f"intervals: expected images of two patients or more, got {len(groups)}")
            place = {group: number for number, group in enumerate(groups)}
            weights = self._resample(tuple(groups))
            numbers = []
            for run in self._runs[row.variant]:
                if run.seed in seeds:
                    names, estimate = run.images, read_estimate(run, key)
                    places = np.array([place[self._group_of(names[image])] for image in estimate.images])
                    numbers.append(estimate.compute(places, weights))
            self._drawn[row.variant, key] = np.mean(numbers, axis=0)
        return self._drawn[row.variant, key]

    def _resample(self, groups: tuple[str, ...]) -> np.ndarray:
        """How often each group is drawn, ``(R, G)``."""
        if groups not in self._weights:
            size = len(groups)
            drawn = np.random.default_rng(self.seed).multinomial(size, np.full(size, 1 / size), self.resamples)
            self._weights[groups] = drawn.astype(float)
        return self._weights[groups]

    def _bounds(self, value: float, draws: np.ndarray) -> Interval:
        known = draws[~np.isnan(draws)]  # in a resample without any image of a class, or of a size, there is no number
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (np.nan, np.nan)
        return Interval(value, float(low), float(high))


def _mean(row: Row, level: str, metric: str) -> float:
    return float(np.mean([value for value, _ in row.get(level, metric).values()]))
