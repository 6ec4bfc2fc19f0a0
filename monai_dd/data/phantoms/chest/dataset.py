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
"""A data set of chest phantoms in the published layout of ChestX-ray14.

Command line: ``monai-dd phantoms chest --help``.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tqdm import tqdm

from monai_dd.data.phantoms.chest.create import create_chest_phantom
from monai_dd.data.phantoms.chest.phantom import ChestBox
from monai_dd.data.phantoms.chest.tables import ChestRecord, write_chest_tables

__all__ = ["write_chest_phantom_images"]

_IMAGES = "images_001/images"
_VISITS = (0.55, 0.25, 0.12, 0.08)  # shares of patients with one, two, three and four images
_KEY = "phantom"  # of the text in the PNG file that says what it shows


@dataclass(frozen=True)
class _Plan:
    """What one image is made of."""

    patient: int
    visit: int
    seed: int
    image_size: int
    is_test: bool

    @property
    def name(self) -> str:
        return f"{self.patient:08d}_{self.visit:03d}.png"


def write_chest_phantom_images(
    output_dir: str | os.PathLike,
    num_patients: int = 200,
    seed: int = 0,
    image_size: int = 256,
    test_fraction: float = 0.25,
    boxes: str = "test",
    num_workers: int = 1,
    progress: bool = True,
) -> Path:
    """Write chest phantoms as ``Data_Entry_2017.csv``, ``images_001/images/00000001_000.png`` and so on.

    Nearly half of the patients have two to four images. Images of an earlier run with the same arguments are kept; more
    patients with the same arguments begin with the same ones. Each file says in a PNG text what it shows.

    Args:
        output_dir: folder of the data set.
        num_patients: number of patients.
        seed: of the data set.
        image_size: pixels along each edge, see :func:`create_chest_phantom`.
        test_fraction: share of the patients in ``test_list.txt``, evenly spread among them, 0 to 1.
        boxes: ``"test"`` lists the boxes of test images, as published, ``"all"`` those of all images.
        num_workers: processes that write at the same time.
        progress: show a progress bar.

    Returns:
        folder of the data set.

    Raises:
        FileExistsError: when an image is there that is another phantom or none.
        ValueError: for numbers out of range, see also :func:`create_chest_phantom`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     root = write_chest_phantom_images(folder, num_patients=1, image_size=32, progress=False)
        ...     sorted(path.name for path in root.iterdir())
        ['BBox_List_2017.csv', 'Data_Entry_2017.csv', 'README.txt', 'images_001', 'test_list.txt', 'train_val_list.txt']
    """
    if num_patients < 1 or seed < 0 or num_workers < 1:
        raise ValueError(
            "num_patients, seed, num_workers: expected >= 1, >= 0 and >= 1, "
            f"got {num_patients}, {seed} and {num_workers}"
        )
    if not 0 <= test_fraction <= 1:
        raise ValueError(f"test_fraction: expected a number from 0 to 1, got {test_fraction}")
    if boxes not in ("test", "all"):
        raise ValueError(f"boxes: expected 'test' or 'all', got {boxes!r}")
    root = Path(output_dir)
    (root / _IMAGES).mkdir(parents=True, exist_ok=True)
    plans = [plan for patient in range(1, num_patients + 1) for plan in _plan(patient, seed, image_size, test_fraction)]
    found = {plan.name: record for plan in plans if (record := _read(root, plan)) is not None}
    missing = [plan for plan in plans if plan.name not in found]
    arguments = ([root] * len(missing), missing)
    with tqdm(total=len(plans), initial=len(found), unit="image", disable=not progress) as bar:
        if num_workers == 1:
            for record in map(_write, *arguments):
                found[record.name] = record
                bar.update()
        else:
            with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
                for record in pool.map(_write, *arguments, chunksize=8):
                    found[record.name] = record
                    bar.update()
    write_chest_tables(root, [found[plan.name] for plan in plans], boxes)
    return root


def _plan(patient: int, seed: int, image_size: int, test_fraction: float) -> list[_Plan]:
    """Images of one patient."""
    sequence = np.random.SeedSequence([seed, patient])
    patient_seed = int(sequence.generate_state(1)[0])
    visits = 1 + int(np.random.default_rng(sequence).choice(len(_VISITS), p=_VISITS))
    is_test = int(patient * test_fraction + 1e-9) > int((patient - 1) * test_fraction + 1e-9)
    return [_Plan(patient, visit, patient_seed, image_size, is_test) for visit in range(visits)]


def _read(root: Path, plan: _Plan) -> ChestRecord | None:
    """Record of an image that is there."""
    path = root / _IMAGES / plan.name
    if not path.exists():
        return None
    try:
        with Image.open(path) as image:
            says = json.loads(image.text.get(_KEY, "{}"))
    except (OSError, SyntaxError, ValueError, AttributeError):
        says = {}
    if (says.get("seed"), says.get("visit"), says.get("image_size")) != (plan.seed, plan.visit, plan.image_size):
        raise FileExistsError(
            f"output_dir: expected {plan.name} of this seed and image_size, got another image; remove it or choose "
            "another folder"
        )
    return _record(plan, says)


def _write(root: Path, plan: _Plan) -> ChestRecord:
    phantom = create_chest_phantom(plan.seed, plan.visit, plan.image_size)
    says = {
        "seed": plan.seed,
        "visit": plan.visit,
        "image_size": plan.image_size,
        "findings": phantom.findings,
        "boxes": [asdict(box) for box in phantom.boxes],
        "age": phantom.age,
        "sex": phantom.sex,
        "pixel_size": phantom.pixel_size,
    }
    text = PngInfo()
    text.add_text(_KEY, json.dumps(says))
    path = root / _IMAGES / plan.name
    part = path.with_name(f".{path.name}.part")
    Image.fromarray(phantom.image).save(part, format="PNG", pnginfo=text)
    part.replace(path)
    return _record(plan, says)


def _record(plan: _Plan, says: dict) -> ChestRecord:
    return ChestRecord(
        name=plan.name,
        patient=plan.patient,
        visit=plan.visit,
        findings=tuple(says["findings"]),
        boxes=tuple(ChestBox(**box) for box in says["boxes"]),
        age=says["age"],
        sex=says["sex"],
        image_size=plan.image_size,
        pixel_size=says["pixel_size"],
        is_test=plan.is_test,
    )
