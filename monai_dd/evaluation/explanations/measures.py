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
"""What is measured on every map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from monai_dd.metrics import (
    compute_area,
    compute_deletion_auc,
    compute_insertion_auc,
    compute_localization,
    compute_perturbation_curve,
    compute_pixel_average_precision,
    compute_rank_correlation,
    perturb_logits,
)
from monai_dd.metrics.utils.maps import ENLARGE
from monai_dd.utils.weights import compute_checksum

__all__ = ["LocalizationMeasure", "Measure", "PerturbationMeasure", "RandomizationMeasure", "ExplainedBatch"]


class ExplainedBatch(NamedTuple):
    """Images of an evaluation, with what a measure may need in addition to their maps.

    Attributes:
        image: images as the network saw them, ``(B, C, *S)``.
        label: class index of each, ``(B,)``.
        explained: class that the maps explain, ``(B,)``.
        mask: ``(B, 1, *S)``, or None for data without masks.

    Example:
        >>> label = torch.tensor([1, 0])
        >>> batch = ExplainedBatch(torch.rand(2, 1, 4, 4), label, explained=label, mask=None)
        >>> batch.image.shape, batch.explained.tolist()
        (torch.Size([2, 1, 4, 4]), [1, 0])
    """

    image: torch.Tensor
    label: torch.Tensor
    explained: torch.Tensor
    mask: torch.Tensor | None


class Measure(Protocol):
    """What gives numbers for maps."""

    def settings(self) -> dict[str, Any]:
        """Return what the numbers depend on, by name; called when the weights are loaded."""

    def __call__(self, batch: ExplainedBatch, relevance: torch.Tensor, key: str) -> dict[str, torch.Tensor]:
        """Return names and values ``(B,)``, NaN where an image has none.

        Args:
            batch: the images.
            relevance: their maps ``(B, 1, *S)``.
            key: explainer and level that the maps come from, as in ``gradcam/fine``.
        """


class LocalizationMeasure:
    """Maps against masks, see :func:`~monai_dd.metrics.compute_localization`; nothing for data without masks.

    Maps are enlarged to the mask by nearest neighbor, and for ``pixel_ap_bilinear`` by bilinear interpolation.

    Args:
        quantiles: of the intersections over union.
        seed: of the order among equal values.

    Example:
        >>> import torch
        >>> mask = torch.zeros(1, 1, 4, 4)
        >>> mask[..., :2, :2] = 1
        >>> label = torch.tensor([1])
        >>> batch = ExplainedBatch(image=mask, label=label, explained=label, mask=mask)
        >>> sorted(LocalizationMeasure(quantiles=(0.75,))(batch, mask, "gradcam/fine"))
        ['iou_0.75', 'mass', 'pixel_ap', 'pixel_ap_bilinear', 'pointing', 'rank']
    """

    def __init__(self, quantiles: Sequence[float] = (0.975, 0.95, 0.9), seed: int = 0) -> None:
        self.quantiles = tuple(quantiles)
        self.seed = seed

    def settings(self) -> dict[str, Any]:
        """Return the quantiles, the seed, and how maps are enlarged."""
        return {"quantiles": list(self.quantiles), "localization_seed": self.seed, "enlarge": list(ENLARGE)}

    def __call__(self, batch: ExplainedBatch, relevance: torch.Tensor, key: str) -> dict[str, torch.Tensor]:
        """Return pixel average precisions, intersections over union, pointing, mass and rank accuracy."""
        if batch.mask is None:
            return {}
        scores = compute_localization(relevance, batch.mask, self.quantiles, self.seed)
        if relevance.shape == batch.mask.shape:  # nothing is enlarged
            return {**scores, "pixel_ap_bilinear": scores["pixel_ap"]}
        smooth = compute_pixel_average_precision(relevance, batch.mask, self.seed, enlarge="bilinear")
        return {**scores, "pixel_ap_bilinear": smooth}


class PerturbationMeasure:
    """Predictions as the pixels of an image are removed in the order of a map.

    ``perturbation_*`` is 1 where ``evaluation_classifier`` still predicts the label when that share of the pixels, the
    least important ones, is gone, and ``perturbation_auc`` the area below (Ron et al. 2022, Table 1).
    ``deletion_auc`` and ``insertion_auc`` (Petsiuk et al. 2018) are areas below the probability that ``network`` gives
    to the explained class as the most important pixels are removed, and as they are added.

    Args:
        evaluation_classifier: one classifier for the maps of all networks: the baseline.
        network: the classifier that is explained.
        num_fractions: shares of pixels from 0 to 1, evenly spaced.
        fill: value of a removed pixel.
        batch_size: images that go through a network at once.
        deletion: measure deletion and insertion as well.
        seed: of the order among equal values.

    Raises:
        ValueError: for fewer than two shares.

    Example:
        >>> import torch
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
        >>> label = torch.tensor([1])
        >>> batch = ExplainedBatch(torch.rand(1, 1, 4, 4), label, label, None)
        >>> measure = PerturbationMeasure(network, network, num_fractions=3)
        >>> list(measure(batch, batch.image, "gradcam/fine"))[-3:]
        ['perturbation_auc', 'insertion_auc', 'deletion_auc']
    """

    def __init__(
        self,
        evaluation_classifier: nn.Module,
        network: nn.Module,
        num_fractions: int = 51,
        fill: float = 0.0,
        batch_size: int = 64,
        deletion: bool = True,
        seed: int = 0,
    ) -> None:
        if num_fractions < 2:
            raise ValueError(f"num_fractions: expected 2 or more, got {num_fractions}")
        self.evaluation_classifier = evaluation_classifier
        self.network = network
        self.fractions = torch.linspace(0, 1, num_fractions).tolist()
        self.options = {"fill": fill, "batch_size": batch_size, "seed": seed}
        self.deletion = deletion
        self._same = False  # whether both have the same weights

    def settings(self) -> dict[str, Any]:
        """Return shares, fill and seed, and the checksum of the evaluation classifier's weights."""
        checksum = compute_checksum(self.evaluation_classifier)
        self._same = checksum == compute_checksum(self.network)
        counted = {"fractions": len(self.fractions), "deletion": self.deletion}
        options = {"fill": self.options["fill"], "perturbation_seed": self.options["seed"]}
        return {"evaluation_classifier": checksum, **counted, **options}

    def __call__(self, batch: ExplainedBatch, relevance: torch.Tensor, key: str) -> dict[str, torch.Tensor]:
        """Return the curve, one value a share, and the areas."""
        kept = self._run(self.evaluation_classifier, batch, relevance, "ascending")
        right = compute_perturbation_curve(kept, batch.label)
        values = {f"perturbation_{f:.2f}": right[:, i] for i, f in enumerate(self.fractions)}
        values["perturbation_auc"] = compute_area(right, self.fractions)
        if self.deletion:
            added = kept if self._same else self._run(self.network, batch, relevance, "ascending")
            removed = self._run(self.network, batch, relevance, "descending")
            values["insertion_auc"] = compute_insertion_auc(added, self.fractions, batch.explained)
            values["deletion_auc"] = compute_deletion_auc(removed, self.fractions, batch.explained)
        return values

    def _run(self, network: nn.Module, batch: ExplainedBatch, relevance: torch.Tensor, order: str) -> torch.Tensor:
        return perturb_logits(network, batch.image, relevance, self.fractions, order=order, **self.options)


class RandomizationMeasure:
    """Rank correlation of a map with those of ever more randomized copies of the network (Adebayo et al. 2018).

    ``randomization_<k>_<layer>`` is the correlation after the ``k`` last layers lost their weights, ``layer`` the last
    of them. An explanation of what the network has learned changes: low is good.

    Args:
        cascade: gives layer and explainers of each copy, from the output to the input; called with the first map, when
            the weights are there.

    Example:
        >>> label = torch.tensor([1])
        >>> batch = ExplainedBatch(torch.rand(1, 1, 4, 4), label, label, None)
        >>> negative = {"gradcam/fine": lambda image, class_idx: 1 - image}
        >>> measure = RandomizationMeasure(lambda: [("fc", negative)])
        >>> measure(batch, batch.image, "gradcam/fine")
        {'randomization_01_fc': tensor([-1.])}
    """

    def __init__(self, cascade: Callable[[], Iterable[tuple[str, Mapping[str, Callable]]]]) -> None:
        self.cascade = cascade
        self._copies: list[tuple[str, Mapping[str, Callable]]] = []

    def settings(self) -> dict[str, Any]:
        """Return that there is this measure."""
        return {"randomization": True}

    def __call__(self, batch: ExplainedBatch, relevance: torch.Tensor, key: str) -> dict[str, torch.Tensor]:
        """Return the correlations for explainers that look at the network."""
        self._copies = self._copies or list(self.cascade())
        return {
            f"randomization_{k:02d}_{layer}": compute_rank_correlation(
                relevance, explainers[key](batch.image, batch.explained)
            )
            for k, (layer, explainers) in enumerate(self._copies, start=1)
            if key in explainers
        }
