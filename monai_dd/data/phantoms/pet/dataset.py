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
"""Write a whole data set of PET phantom studies: DICOM series, masks of the altered muscle, and a table of labels."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom import dcmread
from tqdm import tqdm

from monai_dd import __version__
from monai_dd.data.phantoms.pet.create import create_pet_phantom
from monai_dd.data.phantoms.pet.phantom import LABEL_NAMES
from monai_dd.data.phantoms.pet.series_header import phantom_uid
from monai_dd.data.phantoms.pet.series_writer import write_pet_series

__all__ = ["StudyPlan", "plan_studies", "write_pet_phantom_studies"]

_SECOND_STUDY_EVERY, _SECOND_STUDY_AT = 16, 5


@dataclass(frozen=True)
class StudyPlan:
    """What one study is made of; everything that determines its files."""

    patient_id: str
    seed: int
    study: int
    label: str
    voxel_size: tuple[float, float, float]
    arms: str | None
    coverage: str

    @property
    def series(self) -> str:
        """Series folder, relative to the data set."""
        return f"{self.patient_id}/study-{self.study + 1}"

    @property
    def mask(self) -> str:
        """Mask of the altered muscle, relative to the data set."""
        return f"masks/{self.patient_id}_study-{self.study + 1}.nii.gz"

    @property
    def uid_seed(self) -> str:
        """Text from which the unique identifiers are derived: the same plan gives the same identifiers."""
        return repr((__version__, sorted(asdict(self).items())))


def plan_studies(
    num_studies: int,
    seed: int = 0,
    voxel_size: Sequence[float] | float = 4.0,
    label_fractions: Sequence[float] = (1, 1, 1),
    arms: str | None = None,
    coverage: str = "whole_body",
) -> Iterator[StudyPlan]:
    """Plan the studies of a data set. More studies with the same arguments begin with the same ones.

    Every 16th study is a second one of the patient before, perhaps with another label, so that splitting by patient
    and splitting by study are not the same.

    Args:
        num_studies: number of studies.
        seed: seed of the data set.
        voxel_size: mm, one number or three.
        label_fractions: relative frequencies of normal, mild and severe, kept as closely as possible from the start.
        arms, coverage: as in :func:`~monai_dd.data.phantoms.create_pet_phantom`.

    Yields:
        One plan for every study.

    Raises:
        ValueError: when ``num_studies`` or ``seed`` is out of range or ``label_fractions`` are not three
            non-negative numbers with a positive sum.
    """
    fractions = np.asarray(label_fractions, float)
    if fractions.shape != (len(LABEL_NAMES),) or np.any(fractions < 0) or not fractions.sum() > 0:
        raise ValueError(f"label_fractions: expected three numbers >= 0 with a positive sum, got {label_fractions!r}")
    if num_studies < 1 or seed < 0:
        raise ValueError(f"num_studies and seed: expected >= 1 and >= 0, got {num_studies} and {seed}")
    size = tuple(float(v) for v in np.broadcast_to(voxel_size, (3,)))
    fractions, counts, patient, study = fractions / fractions.sum(), np.zeros(len(LABEL_NAMES)), 0, 0
    for index in range(num_studies):
        if index % _SECOND_STUDY_EVERY == _SECOND_STUDY_AT:
            study = 1
        else:
            patient, study = patient + 1, 0
        label = int(np.argmax(fractions * (index + 1) - counts))  # the class that lags most
        counts[label] += 1
        patient_seed = int(np.random.SeedSequence([seed, patient]).generate_state(1)[0])
        yield StudyPlan(f"PHANTOM-{patient:04d}", patient_seed, study, LABEL_NAMES[label], size, arms, coverage)


def write_pet_phantom_studies(
    output_dir: str | os.PathLike, num_studies: int = 60, num_workers: int = 1, progress: bool = True, **plan: object
) -> Path:
    """Write phantom studies under ``output_dir``; complete studies of an earlier, interrupted run are kept.

    ``<patient_id>/study-<n>/`` holds a DICOM series, ``masks/<patient_id>_study-<n>.nii.gz`` its altered muscle on the
    same grid (all zero for a normal study), and ``labels.csv`` has the columns ``patient_id,series,label,mask``.

    Args:
        output_dir: folder of the data set.
        num_studies: number of studies.
        num_workers: processes that write at the same time.
        progress: show a progress bar.
        plan: further arguments of :func:`plan_studies`.

    Returns:
        Path of ``labels.csv``.

    Raises:
        FileExistsError: when a series folder holds something else than this study.
        ValueError: see :func:`plan_studies` and :func:`~monai_dd.data.phantoms.create_pet_phantom`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = write_pet_phantom_studies(folder, num_studies=1, voxel_size=20, progress=False)
        ...     table.read_text().splitlines()
        ['patient_id,series,label,mask', 'PHANTOM-0001,PHANTOM-0001/study-1,normal,masks/PHANTOM-0001_study-1.nii.gz']
    """
    if num_workers < 1:
        raise ValueError(f"num_workers: expected >= 1, got {num_workers}")
    root, plans = Path(output_dir), list(plan_studies(num_studies, **plan))
    root.mkdir(parents=True, exist_ok=True)
    missing = [p for p in plans if not _is_complete(root, p)]
    with tqdm(total=len(plans), initial=len(plans) - len(missing), unit="study", disable=not progress) as bar:
        if num_workers == 1:
            for item in missing:
                _write_study(root, item)
                bar.update()
        else:
            with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
                for _ in pool.map(_write_study, [root] * len(missing), missing):
                    bar.update()
    table, part = root / "labels.csv", root / ".labels.csv.part"
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["patient_id", "series", "label", "mask"])
        writer.writerows([p.patient_id, p.series, p.label, p.mask] for p in plans)
    part.replace(table)
    return table


def _is_complete(root: Path, plan: StudyPlan) -> bool:
    """Whether the files of ``plan`` are there already; a folder appears only when it is whole."""
    folder = root / plan.series
    if not folder.exists():
        return False
    files = sorted(folder.glob("*.dcm"))
    header = dcmread(files[0], stop_before_pixels=True) if files else None
    same = header is not None and header.SeriesInstanceUID == phantom_uid(plan.uid_seed, "series")
    if not same or len(files) != header.NumberOfSlices or not (root / plan.mask).exists():
        raise FileExistsError(
            f"output_dir: expected this study or no folder, got another or incomplete one in {folder}"
        )
    return True


def _write_study(root: Path, plan: StudyPlan) -> None:
    """Write the mask, then the series, whose folder marks the study as complete."""
    phantom = create_pet_phantom(plan.label, plan.seed, plan.voxel_size, plan.arms, plan.coverage, plan.study)
    mask = root / plan.mask
    mask.parent.mkdir(parents=True, exist_ok=True)
    part = mask.with_name(f".{mask.name.removesuffix('.nii.gz')}.part.nii.gz")
    image = nib.Nifti1Image(phantom.mask.astype(np.uint8), phantom.affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, part)
    part.replace(mask)
    write_pet_series(
        phantom,
        root / plan.series,
        plan.patient_id,
        plan.uid_seed,
        start=datetime(2020, 1, 1, 9, 0, 0) + timedelta(days=90 * plan.study),
        PatientName=plan.patient_id.replace("-", "^"),
    )
