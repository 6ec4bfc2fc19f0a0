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
"""Data lists of BraTS: folders of MRI with tumor masks become hemispheres of slices in a patient-disjoint split.

Command line: ``monai-dd datalist brats --help``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from monai_dd.data.datalists.brats.hemispheres import brain_slices, study_halves
from monai_dd.data.datalists.brats.layout import CHANNELS, BratsStudy, find_brats_studies
from monai_dd.data.datalists.hemispheres import LABELS
from monai_dd.data.datalists.splits import describe_split, refuse_broken, split_groups
from monai_dd.transforms.hemisphere.functional import MODES, SIDES
from monai_dd.utils.checks import check_option

__all__ = ["build_brats_datalist", "find_brats_halves"]

SPLITS = ("training", "validation")
ITEM = ("image", "mask", "slice", "side", "window", "label", "group")
T = TypeVar("T")


def build_brats_datalist(
    dataset_dir: str | Path,
    mode: str = "boundary",
    min_area: int = 1000,
    min_brain_fraction: float = 0.02,
    val_fraction: float = 0.2,
    seed: int = 0,
    slice_step: int = 1,
    skip_broken: bool = False,
    num_workers: int = 0,
    progress: bool = True,
) -> dict[str, Any]:
    """Hemispheres of the axial slices of BraTS studies, split into training and validation with no patient in both.

    Reads BraTS 2018 to 2023 and MSD Task01, see ``find_brats_studies``; several studies of one patient stay together.
    All volumes are read once and checked. Patients without a hemisphere that counts are left out of the split.

    Args:
        dataset_dir: folder that all paths are relative to.
        mode: the cut, ``"boundary"``, ``"midline"`` or ``"matched"``, see ``hemisphere_windows``. Slices without tumor
            count in mode ``midline`` only.
        min_area: least tumor (all labels of the mask together) of a hemisphere with label 1, in pixels of the file;
            1000 in the paper (Ron et al. 2022, Section 4.2), where a pixel is 1 mm^2.
        min_brain_fraction: least brain (voxels above zero) of a hemisphere with label 0, as a fraction of the slice's
            pixels.
        val_fraction: share of the patients in the validation part; 0.2 in the paper.
        seed: of the split.
        slice_step: use each ``slice_step``-th slice.
        skip_broken: leave broken studies out with a warning each, rather than refuse all.
        num_workers: processes that read; 0 to read in this one.
        progress: whether to show a progress bar.

    Returns:
        MONAI data list with the splits ``training`` and ``validation``. Items hold ``image`` (T1, T1ce, T2, FLAIR;
        ``FILE#k`` is volume ``k`` of a 4D file), ``mask``, ``slice`` (index along the file's axial axis), ``side``,
        ``window`` (columns from the patient's right to left) and ``label``. Further keys: ``labels``, ``layout``,
        ``channels`` (the names found for each), ``mode``, ``min_area``, ``seed``, ``counts`` and ``leak`` of each
        split (see ``width_auc``), ``skipped`` (number of studies).

    Raises:
        ValueError: for a folder without studies, broken studies, or too few patients for both splits and both
            classes in each.

    Example:
        >>> import tempfile
        >>> import nibabel as nib, numpy as np
        >>> brain, tumor = np.ones((8, 8, 1)), np.zeros((8, 8, 1))
        >>> tumor[1:3, 3:5] = 1
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in (f"{p}_{channel}" for p in "ab" for channel in ("t1", "t1ce", "t2", "flair", "seg")):
        ...         nib.save(nib.Nifti1Image(tumor if "seg" in name else brain, np.eye(4)), f"{folder}/{name}.nii")
        ...     datalist = build_brats_datalist(folder, min_area=1, val_fraction=0.5, progress=False)
        >>> [(item["side"], item["window"], item["label"]) for item in datalist["training"]]
        [('image_left', [0, 5], 0), ('image_right', [5, 8], 1)]
    """
    check_option("mode", mode, MODES)
    for argument, value in (("min_area", min_area), ("slice_step", slice_step)):
        if value < 1:
            raise ValueError(f"{argument}: expected 1 or more, got {value}")
    if not 0 < val_fraction < 1:
        raise ValueError(f"val_fraction: expected a number between 0 and 1, got {val_fraction}")
    root = Path(dataset_dir)
    studies = find_brats_studies(root)
    work = partial(
        study_halves,
        root,
        mode=mode,
        min_area=min_area,
        min_brain_fraction=min_brain_fraction,
        slice_step=slice_step,
    )
    found, skipped = _of_each(studies, work, skip_broken, num_workers, progress)
    halves = [
        half
        | {"group": study.patient, "place": (study.name, half["slice"])}
        | {"image": [study.image[channel] for channel in CHANNELS], "mask": study.mask}
        for study, own in found
        for half in own
    ]
    patients = sorted({half["group"] for half in halves})
    if not patients:
        raise ValueError(
            f"dataset_dir: expected slices with {min_area} pixels of tumor or more, got none in {len(studies)} studies"
        )
    for study, _ in found:
        if study.odd_mask:
            warnings.warn(f"{study.name}: no file is named as a mask, {study.odd_mask} is taken for it", stacklevel=2)
    split_of = split_groups(patients, (1 - val_fraction, val_fraction), seed)
    used = [study for study, _ in found]
    datalist: dict[str, Any] = {
        "labels": LABELS,
        "layout": sorted({study.layout for study in used}),
        "channels": {channel: sorted({study.names[channel] for study in used}) for channel in CHANNELS},
        **{"mode": mode, "min_area": min_area, "seed": seed},
        **{"skipped": skipped, "counts": {}, "leak": {}},
    }
    for index, name in enumerate(SPLITS):
        here = [half for half in halves if split_of[half["group"]] == index]
        datalist["counts"][name], datalist["leak"][name] = describe_split(name, here, "patients")
        datalist[name] = [{key: half[key] for key in ITEM} for half in here]
    return datalist


def find_brats_halves(
    dataset_dir: str | Path,
    min_brain_fraction: float = 0.05,
    skip_broken: bool = False,
    num_workers: int = 0,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """All axial slices with enough brain, twice: an item for each side, without window or label; no masks are needed.

    Args:
        dataset_dir: folder of BraTS studies, see ``find_brats_studies``.
        min_brain_fraction: least brain (voxels above zero) of a slice, as a fraction of its pixels.
        skip_broken: leave broken studies out with a warning each, rather than refuse all.
        num_workers: processes that read; 0 to read in this one.
        progress: whether to show a progress bar.

    Returns:
        items with ``image`` (absolute paths of T1, T1ce, T2, FLAIR), ``slice`` and ``side``.

    Raises:
        ValueError: for a folder without studies, broken studies, or none with enough brain.

    Example:
        >>> import tempfile
        >>> import nibabel as nib, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for channel in ("t1", "t1ce", "t2", "flair"):
        ...         nib.save(nib.Nifti1Image(np.ones((4, 4, 1)), np.eye(4)), f"{folder}/patient_{channel}.nii")
        ...     [(item["slice"], item["side"]) for item in find_brats_halves(folder)]
        [(0, 'image_left'), (0, 'image_right')]
    """
    root = Path(dataset_dir).absolute()
    studies = find_brats_studies(root, needs_mask=False)
    work = partial(brain_slices, root, min_brain_fraction=min_brain_fraction)
    found, _ = _of_each(studies, work, skip_broken, num_workers, progress)
    items = [
        {"image": [str(root / study.image[channel]) for channel in CHANNELS], "slice": index, "side": side}
        for study, indices in found
        for index in indices
        for side in SIDES
    ]
    if not items:
        expected = f"slices with {min_brain_fraction:.0%} brain or more"
        raise ValueError(f"dataset_dir: expected {expected}, got none in {len(studies)} studies")
    return items


def _of_each(
    studies: list[BratsStudy],
    work: Callable[[BratsStudy], T],
    skip_broken: bool,
    num_workers: int,
    progress: bool,
) -> tuple[list[tuple[BratsStudy, T]], int]:
    """Results of all sound studies, and the number of those left out."""
    attempt = partial(_attempt, work)
    bar = partial(tqdm, total=len(studies), desc="studies", disable=not progress)
    if num_workers > 0:
        with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
            results = list(bar(pool.map(attempt, studies)))
    else:
        results = list(bar(map(attempt, studies)))
    broken = {study.name: reason for study, (_, reason) in zip(studies, results) if reason}
    refuse_broken(broken, len(studies), "studies", skip_broken)
    return [(study, result) for study, (result, reason) in zip(studies, results) if not reason], len(broken)


def _attempt(work: Callable[[BratsStudy], T], study: BratsStudy) -> tuple[T | None, str | None]:
    try:
        return work(study), None
    except ValueError as error:
        return None, str(error)
