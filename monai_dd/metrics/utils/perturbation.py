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
"""Logits of a network as the pixels of an image are removed in the order of a map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from monai_dd.metrics.utils.areas import check_fractions
from monai_dd.metrics.utils.maps import list_cells, rank_cells
from monai_dd.utils.checks import check_finite, check_option
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import read_logits

__all__ = ["ORDERS", "perturb_logits"]

ORDERS = ("ascending", "descending")


def perturb_logits(
    network: nn.Module,
    image: torch.Tensor,
    relevance: torch.Tensor,
    fractions: Sequence[float],
    order: str = "ascending",
    fill: float | torch.Tensor = 0.0,
    batch_size: int = 16,
    seed: int = 0,
) -> torch.Tensor:
    """Run a network on images of which growing fractions of the pixels are removed (Samek et al. 2016).

    A pixel is removed with all its channels; a fraction is rounded to the nearest whole number of pixels. Pixels of
    equal relevance, as below each cell of a coarse map, go at random, ``descending`` exactly the other way around than
    ``ascending``. An image that is the one of the fraction before, because the pixels removed since held the fill
    already (the background, say), is not run again, nor is a second image of which nothing is left: the network is in
    evaluation mode, where an image's logits do not depend on the batch. Not more than ``batch_size`` images are in
    memory in addition to those given.

    Args:
        network: classifier that gives logits ``(B, K)``, alone or as ``logits`` in a dictionary, on the device of the
            image; it is left in the mode it was in.
        image: ``(B, C, *spatial)``, 2D or 3D.
        relevance: maps ``(B, 1, *S)``, resized to the image by nearest neighbor.
        fractions: ``F`` increasing numbers from 0 to 1.
        order: ``ascending`` removes the least important pixels first (Ron et al. 2022, Section 4.1), ``descending`` the
            most important ones.
        fill: what takes the place of a pixel: a number, or a tensor that broadcasts to the image.
        batch_size: images in one pass of the network; on the CPU large batches are no faster.
        seed: of the order among equal values.

    Returns:
        logits ``(B, F, K)``, without gradients.

    Raises:
        ValueError: for an unknown order, other fractions, a fill that does not broadcast, a batch size below 1, when
            batches or numbers of axes differ, or the relevance is not finite.

    Example:
        >>> import torch
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2, bias=False))
        >>> _ = torch.nn.init.ones_(network[1].weight)
        >>> image = relevance = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> perturb_logits(network, image, relevance, fractions=[0, 0.5, 1]).tolist()
        [[[10.0, 10.0], [7.0, 7.0], [0.0, 0.0]]]
    """
    check_option("order", order, ORDERS)
    if batch_size < 1:
        raise ValueError(f"batch_size: expected 1 or more, got {batch_size}")
    image = image.detach().as_subclass(torch.Tensor)
    fill = _check_fill(fill, image)
    place = _place_in_order(image, relevance.detach(), order, seed)
    counts = (check_fractions(fractions) * place.shape[1]).round().long().to(place.device)

    row, sample, count = _choose_runs(image, fill, place, counts)
    logits = []
    with torch.no_grad(), evaluating(network):
        for which, first in zip(sample.split(batch_size), count.split(batch_size), strict=True):
            removed = (place[which] < first[:, None]).reshape(-1, 1, *image.shape[2:])
            left = torch.where(removed, fill[which] if len(fill) > 1 else fill, image[which])
            logits.append(read_logits(network(left)).float())
    return torch.cat(logits)[row]


def _place_in_order(image: torch.Tensor, relevance: torch.Tensor, order: str, seed: int) -> torch.Tensor:
    """Return how many pixels go before each one, ``(B, N)``."""
    if image.dim() < 3 or relevance.dim() != image.dim() or relevance.shape[:2] != (image.shape[0], 1):
        raise ValueError(
            f"image, relevance: expected (B, C, *spatial) and (B, 1, *S), "
            f"got {tuple(image.shape)} and {tuple(relevance.shape)}"
        )
    check_finite("relevance", relevance)
    ranked = rank_cells(list_cells(relevance.to(image.device), image.shape[2:]), seed)
    ranked = ranked.flip(1) if order == "ascending" else ranked
    places = torch.arange(ranked.shape[1], dtype=torch.int32, device=image.device).expand_as(ranked)
    return torch.empty_like(places, memory_format=torch.contiguous_format).scatter_(1, ranked, places)


def _check_fill(fill: float | torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Return the fill with as many axes as the image."""
    fill = torch.as_tensor(fill, dtype=image.dtype, device=image.device).detach().as_subclass(torch.Tensor)
    try:
        fits = torch.broadcast_shapes(fill.shape, image.shape) == image.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(f"fill: expected a shape that broadcasts to {tuple(image.shape)}, got {tuple(fill.shape)}")
    return fill.reshape((1,) * (image.dim() - fill.dim()) + fill.shape)


def _choose_runs(
    image: torch.Tensor, fill: torch.Tensor, place: torch.Tensor, counts: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Find the perturbed images that differ from the one at the fraction before, and from others of nothing but fill.

    Returns:
        for each sample and fraction which run is its own ``(B, F)``; for each run its sample and number of pixels
        removed.
    """
    shows = (image != fill).any(1).flatten(1)
    # how many pixels that show are among the first ones to go
    gone = torch.zeros_like(place).scatter_(1, place.long(), shows.to(place)).cumsum(1)
    gone = torch.nn.functional.pad(gone, (1, 0))[:, counts]
    new = torch.ones_like(gone, dtype=torch.bool)
    new[:, 1:] = gone.diff(dim=1) > 0
    empty = (gone == shows.sum(1, keepdim=True)) & (len(fill) == 1)
    first_empty = empty & (empty.flatten().cumsum(0) == 1).reshape(empty.shape)
    new = new & ~empty | first_empty
    row = new.flatten().cumsum(0).reshape(new.shape) - 1
    row[empty] = row[first_empty].expand(int(empty.sum()))
    sample, fraction = new.nonzero(as_tuple=True)
    return row, sample, counts[fraction]
