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
"""Splits of a data list: groups of items that stay together, what each split holds, and broken input."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from monai_dd.data.datalists.hemispheres import LABELS, width_auc

__all__ = ["describe_split", "refuse_broken", "split_groups"]


def split_groups(
    groups: Sequence[str],
    fractions: Sequence[float],
    seed: int,
    strata: Sequence[str] | None = None,
    contiguous: bool = False,
    join_small: bool = False,
) -> dict[str, int]:
    """Deal groups out to splits, each stratum in the same proportions.

    Args:
        groups: names, each once, in the order of the data.
        fractions: share of each split; they add up to 1.
        seed: of the split.
        strata: stratum of each group; one for all if ``None``.
        contiguous: a split gets neighbors: one run of groups of each stratum, which is taken for a ring (the seed
            says where the ring is opened); dealt out at random otherwise.
        join_small: deal a stratum with too few groups out together with the next one, in the order of their names.

    Returns:
        split of each group, as its place in ``fractions``.

    Raises:
        ValueError: for fractions that are none, or a stratum (with ``join_small``: all together) with too few groups.
    """
    if not all(fraction > 0 for fraction in fractions) or not abs(sum(fractions) - 1) < 1e-6:
        raise ValueError(f"fractions: expected numbers above 0 that add up to 1, got {tuple(fractions)}")
    rng = np.random.default_rng(seed)
    names, of = np.asarray(groups, dtype=object), np.asarray(strata if strata is not None else [""] * len(groups))
    split: dict[str, int] = {}
    strata_together = _join_small(of, fractions) if join_small else [[stratum] for stratum in sorted(set(of.tolist()))]
    for together in strata_together:
        members = names[np.isin(of, together)]
        sizes = _sizes(len(members), fractions)
        if sizes[0] < 1:
            what = f" of {', '.join(together)}" if any(together) else ""
            raise ValueError(
                f"split: expected enough patients or groups{what} for {len(fractions)} splits with the shares "
                f"{', '.join(f'{f:.3g}' for f in fractions)}, got {len(members)}: a split would be empty"
            )
        members = np.roll(members, rng.integers(len(members))) if contiguous else rng.permutation(members)
        split.update(zip(members.tolist(), np.repeat(np.arange(len(sizes)), sizes).tolist()))
    return split


def _sizes(count: int, fractions: Sequence[float]) -> list[int]:
    """Groups of each split; the first has what the others leave, and less than one where there are too few."""
    sizes = [max(1, round(fraction * count)) for fraction in fractions[1:]]
    return [count - sum(sizes), *sizes]


def _join_small(of: np.ndarray, fractions: Sequence[float]) -> list[list[str]]:
    """Strata that are dealt out together: those with too few groups go with the next one, at the end with the last."""
    joined: list[list[str]] = []
    waiting: list[str] = []
    for stratum in sorted(set(of.tolist())):
        waiting.append(stratum)
        if _sizes(int(np.isin(of, waiting).sum()), fractions)[0] >= 1:
            joined.append(waiting)
            waiting = []
    return [*joined[:-1], joined[-1] + waiting] if joined else [waiting]


def describe_split(name: str, halves: Sequence[dict[str, Any]], unit: str) -> tuple[dict[str, int], dict[str, float]]:
    """Count what a split holds, and measure what the width of its hemispheres gives away.

    Args:
        name: of the split, for the message.
        halves: with ``label``, ``width``, ``group`` and ``place`` (what tells slices apart).
        unit: what the groups are called.

    Returns:
        counts of groups, slices, hemispheres and of each class; and the leak, ``{"width_auc": ...}``.

    Raises:
        ValueError: when the split has no hemisphere of a class.
    """
    labels = [half["label"] for half in halves]
    counts = {label: labels.count(int(index)) for index, label in LABELS.items()}
    empty = [label for label, count in counts.items() if count == 0]
    if empty:
        raise ValueError(
            f"{name}: expected hemispheres of both classes, got none of {' and '.join(map(repr, empty))} among "
            f"{len(labels)} hemispheres; more data, another seed or a smaller min_area may help"
        )
    total = {
        unit: len({half["group"] for half in halves}),
        "slices": len({half["place"] for half in halves}),
        "hemispheres": len(labels),
    }
    return total | counts, {"width_auc": round(width_auc([half["width"] for half in halves], labels), 4)}


def refuse_broken(broken: dict[str, str], total: int, what: str, skip_broken: bool) -> None:
    """Refuse a data set with broken parts, or warn of each of them if they are to be skipped.

    Raises:
        ValueError: one line with their number, and name and reason of the first five.
    """
    if not broken:
        return
    if skip_broken:
        for name, reason in broken.items():
            warnings.warn(f"skipped: {name}: {reason}", stacklevel=3)
        if len(broken) == total:
            raise ValueError(f"dataset_dir: expected {what} that can be read, got {total} broken ones")
        return
    named = "; ".join(f"{name}: {reason}" for name, reason in list(broken.items())[:5])
    more = "; ..." if len(broken) > 5 else ""
    raise ValueError(
        f"dataset_dir: expected {what} that can be read, got {len(broken)} broken ones of {total} (skip_broken leaves "
        f"them out): {named}{more}"
    )
