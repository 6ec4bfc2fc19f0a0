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
"""A data set of brain phantoms as NIfTI files with the names of BraTS.

Command line: ``monai-dd phantoms brain --help``.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import nibabel as nib
import numpy as np
from tqdm import tqdm

from monai_dd.data.phantoms.brain.create import create_brain_phantom
from monai_dd.data.phantoms.brain.phantom import BRAIN_MODALITIES

__all__ = ["write_brain_phantom_patients"]


def write_brain_phantom_patients(
    output_dir: str | os.PathLike,
    num_patients: int = 20,
    seed: int = 0,
    spacing: float = 1.0,
    num_workers: int = 1,
    progress: bool = True,
) -> list[Path]:
    """Write phantom patients, each a folder ``BraTS_PHANTOM_0001`` with four modalities and the mask of the tumor.

    The files are called as in BraTS 2018 to 2020: ``BraTS_PHANTOM_0001_t1.nii.gz``, ``_t1ce``, ``_t2``, ``_flair`` and
    ``_seg``. A folder appears when it is whole; folders of an earlier run with the same arguments are kept. More
    patients with the same arguments begin with the same ones.

    Args:
        output_dir: folder of the data set.
        num_patients: number of patients.
        seed: of the data set.
        spacing: edge of a voxel in mm, see :func:`create_brain_phantom`; 1 in BraTS.
        num_workers: processes that write at the same time.
        progress: show a progress bar.

    Returns:
        folders of the patients.

    Raises:
        FileExistsError: when a folder holds another phantom.
        ValueError: for numbers out of range.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     (patient,) = write_brain_phantom_patients(folder, num_patients=1, spacing=8, progress=False)
        ...     sorted(file.name.removeprefix(patient.name) for file in patient.iterdir())
        ['_flair.nii.gz', '_seg.nii.gz', '_t1.nii.gz', '_t1ce.nii.gz', '_t2.nii.gz']
    """
    if num_patients < 1 or seed < 0 or num_workers < 1:
        raise ValueError(
            "num_patients, seed, num_workers: expected >= 1, >= 0 and >= 1, "
            f"got {num_patients}, {seed} and {num_workers}"
        )
    root = Path(output_dir)
    root.mkdir(parents=True, exist_ok=True)
    seeds = [int(np.random.SeedSequence([seed, i]).generate_state(1)[0]) for i in range(1, num_patients + 1)]
    folders = {root / f"BraTS_PHANTOM_{i:04d}": patient_seed for i, patient_seed in enumerate(seeds, start=1)}
    missing = [folder for folder, patient_seed in folders.items() if not _is_there(folder, patient_seed, spacing)]
    write = partial(_write_patient, spacing=spacing)
    arguments = (missing, [folders[folder] for folder in missing])
    with tqdm(total=len(folders), initial=len(folders) - len(missing), unit="patient", disable=not progress) as bar:
        if num_workers == 1:
            for _ in map(write, *arguments):
                bar.update()
        else:
            with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
                for _ in pool.map(write, *arguments):
                    bar.update()
    return list(folders)


def _description(seed: int, spacing: float) -> str:
    return f"monai_dd phantom {seed} {spacing:g} mm"


def _is_there(folder: Path, seed: int, spacing: float) -> bool:
    if not folder.exists():
        return False
    path = folder / f"{folder.name}_seg.nii.gz"
    found = nib.load(path).header["descrip"].item().decode() if path.is_file() else "no mask"
    if found != _description(seed, spacing):
        raise FileExistsError(
            f"output_dir: expected {folder.name} of this seed and spacing, got {found!r}; remove it or choose another"
        )
    return True


def _write_patient(folder: Path, seed: int, spacing: float) -> None:
    phantom = create_brain_phantom(seed, spacing)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    images = dict(zip(BRAIN_MODALITIES, np.round(phantom.images).astype(np.int16)))
    for name, voxels in {**images, "seg": phantom.mask}.items():
        image = nib.Nifti1Image(voxels, phantom.affine)
        image.header.set_xyzt_units("mm")
        image.header["descrip"] = _description(seed, spacing)
        nib.save(image, part / f"{folder.name}_{name}.nii.gz")
    part.rename(folder)
