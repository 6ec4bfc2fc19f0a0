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
"""Numbers of a run as functions of how often each group of its images is drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from monai_dd.evaluation.explanations.reader import Key, Run
from monai_dd.evaluation.schema import NETWORK, PROBABILITY

__all__ = ["Estimate", "area_metric", "find_keys", "read_area_metric", "read_estimate"]

_AREA = re.compile(r"(.+)@([\d.]+):([\d.]+|inf)")
_CELLS = 10**7  # weights of images that are held at once


class Estimate(NamedTuple):
    """A number that a run has of a metric.

    Attributes:
        images: numbers of the ``N`` images that it is made of, ``(N,)``.
        compute: gives it for the groups ``(N,)`` that these images are in, whole numbers below ``G``, and ``R`` choices
            of how often each group counts, ``(R, G)``: the numbers ``(R,)``, NaN where there is none.
    """

    images: np.ndarray
    compute: Callable[[np.ndarray, np.ndarray], np.ndarray]

    @property
    def value(self) -> float:
        """The number when every image counts once."""
        return float(self.compute(np.zeros(len(self.images), dtype=int), np.ones((1, 1)))[0])


def area_metric(metric: str, low: float, high: float) -> str:
    """Name of a metric over images of which the mask covers ``low`` or more and less than ``high``.

    Example:
        >>> area_metric("pixel_ap", 0.02, 0.05)
        'pixel_ap@0.02:0.05'
    """
    return f"{metric}@{low:g}:{high:g}"


def read_area_metric(name: str) -> tuple[str, float, float] | None:
    """Metric and bounds of a name that :func:`area_metric` made, None for others.

    Example:
        >>> read_area_metric("pixel_ap@0.1:inf"), read_area_metric("pixel_ap")
        (('pixel_ap', 0.1, inf), None)
    """
    match = _AREA.fullmatch(name)
    return None if match is None else (match[1], float(match[2]), float(match[3]))


def find_keys(run: Run) -> list[Key]:
    """Keys that a run has numbers of; of the network these are made of what is written of each image."""
    maps = [key for key in run if key.explainer != NETWORK]
    own = {key.metric for key in run if key.explainer == NETWORK}
    names = ["parameters"] if "parameters" in own else []
    if {"label", "predicted"} <= own:
        names += ["accuracy", "balanced_accuracy"]
    if "label" in own:
        names += dict.fromkeys(_auc(match[1]) for match in map(PROBABILITY.fullmatch, sorted(own)) if match)
    return maps + [Key(NETWORK, "", name) for name in names]


def read_estimate(run: Run, key: Key) -> Estimate:
    """The number of ``key``, one of :func:`find_keys`, or one by area of a map's.

    Map metrics are means over images; ``perturbation_*`` are means over the classes of the means of their images. The
    network has ``accuracy``, ``balanced_accuracy`` and ``auc``, the area under the ROC curve, one class against the
    others, mean over the classes: of two classes that of class 1. NaN is left out.

    Raises:
        ValueError: for perturbation without the labels of its images.
    """
    bounds = read_area_metric(key.metric)
    if bounds is not None:
        return _within_area(run, key._replace(metric=bounds[0]), *bounds[1:])
    if key.explainer == NETWORK and key.metric == "parameters":
        return _estimate(run.numbers(key), run.values(key))
    if key.explainer == NETWORK:
        return _of_network(run, key.metric)
    if not key.metric.startswith("perturbation_"):
        return _estimate(run.numbers(key), run.values(key))
    values = run.by_image(key)
    images = np.flatnonzero(~np.isnan(values))
    classes = _labels(run)[images]
    if np.isnan(classes).any():
        raise ValueError(
            f"explanations: expected the label of each image (explainer {NETWORK!r}) for {key} of {run}, "
            "got some without"
        )
    return Estimate(images, partial(_mean_of_classes, values[images], classes))


def _estimate(images: np.ndarray, values: np.ndarray) -> Estimate:
    known = ~np.isnan(values)
    return Estimate(images[known], partial(_mean, values[known]))


def _within_area(run: Run, key: Key, low: float, high: float) -> Estimate:
    area_key = Key(NETWORK, "", "area")
    area = run.by_image(area_key) if area_key in run else np.full(len(run.images), np.nan)
    inside = (area > 0) & (area >= low) & (area < high)
    whole = run.by_image(key)
    images = np.flatnonzero(inside & ~np.isnan(whole))
    if key.metric.startswith("perturbation_"):
        return Estimate(images, partial(_mean_of_classes, whole[images], _labels(run)[images]))
    return Estimate(images, partial(_mean, whole[images]))


def _of_network(run: Run, metric: str) -> Estimate:
    truth = _labels(run)
    if not metric.startswith("auc"):
        found = run.by_image(Key(NETWORK, "", "predicted"))
        images = np.flatnonzero(~np.isnan(truth) & ~np.isnan(found))
        right = (truth == found)[images].astype(float)
        mean = partial(_mean, right) if metric == "accuracy" else partial(_mean_of_classes, right, truth[images])
        return Estimate(images, mean)
    scores = {
        int(match[2]): run.by_image(key)
        for key in run
        if key.explainer == NETWORK and (match := PROBABILITY.fullmatch(key.metric)) and _auc(match[1]) == metric
    }
    columns = np.stack(list(scores.values()))
    images = np.flatnonzero(~np.isnan(truth) & ~np.isnan(columns).any(0))
    return Estimate(images, partial(_mean_auc, columns[:, images], list(scores), truth[images]))


def _auc(name: str) -> str:
    return f"auc_{name}" if name else "auc"


def _labels(run: Run) -> np.ndarray:
    key = Key(NETWORK, "", "label")
    if key not in run:
        raise ValueError(
            f"explanations: expected labels (explainer {NETWORK!r}, metric 'label') for perturbation of {run}, got none"
        )
    return run.by_image(key)


def _mean(values: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> np.ndarray:
    size = weights.shape[1]
    with np.errstate(invalid="ignore"):
        return (weights @ np.bincount(groups, values, size)) / (weights @ np.bincount(groups, minlength=size))


def _mean_of_classes(values: np.ndarray, classes: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _mean_of_known(
        [_mean(values[classes == c], groups[classes == c], weights) for c in np.unique(classes)], len(weights)
    )


def _mean_of_known(numbers: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Mean of those that are not NaN, ``(R,)``."""
    table = np.stack([np.full(size, np.nan), *numbers])
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.where(known, table, 0).sum(0) / known.sum(0)


def _mean_auc(
    columns: np.ndarray, names: Sequence[int], classes: np.ndarray, groups: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    areas = [_area_under_roc(column, classes == name, groups, weights) for column, name in zip(columns, names)]
    return _mean_of_known(areas, len(weights))


def _area_under_roc(scores: np.ndarray, positive: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of pairs of a positive and a negative image in which the positive one scores higher, ties count half."""
    if not len(scores):
        return np.full(len(weights), np.nan)
    order = np.argsort(scores)
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    step = max(1, _CELLS // len(scores))
    areas = []
    for part in (weights[i : i + step] for i in range(0, len(weights), step)):
        drawn = part[:, groups[order]]
        positives = np.add.reduceat(drawn * positive[order], starts, axis=1)
        negatives = np.add.reduceat(drawn * ~positive[order], starts, axis=1)
        below = negatives.cumsum(1) - negatives / 2
        with np.errstate(invalid="ignore"):
            areas.append((positives * below).sum(1) / (positives.sum(1) * negatives.sum(1)))
    return np.concatenate(areas)
