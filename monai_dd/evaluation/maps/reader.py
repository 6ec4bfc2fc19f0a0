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
"""Find the maps of chosen cases that evaluations wrote, joined over runs by the image that they explain."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from monai_dd.evaluation.files import find_files
from monai_dd.evaluation.names import in_paper_protocol, row_name
from monai_dd.evaluation.schema import CASE_FILE, CHANNEL_FILE, IMAGE_FILE, MASK_FILE, read_map_file
from monai_dd.utils.checks import check_option

__all__ = ["Case", "CaseMap", "read_cases"]

# entries of case.json
_REQUIRED = {"image": str, "variant": str, "seed": int}
_OPTIONAL = {"label": int, "predicted": int, "class_names": list}
_WORDS = {str: "a string", int: "a whole number", list: "a list of strings"}


@dataclass(frozen=True)
class CaseMap:
    """A map on disk, and the class that its network predicted."""

    variant: str
    explainer: str
    level: str
    path: Path
    predicted: int | None = None

    @property
    def name(self) -> str:
        """Name of the explanation, as in tables."""
        return row_name(self.variant, self.explainer)


@dataclass
class Case:
    """An image and all of its maps.

    Attributes:
        name: of the first folder in which the image was met; not the image's identifier, which may be a patient's.
        image: path of the image.
        mask: path of the mask, None where there is none.
        label: class index, None where unknown.
        class_names: names of the classes.
        maps: of all runs.
    """

    name: str
    image: Path
    mask: Path | None
    label: int | None
    class_names: list[str]
    maps: list[CaseMap] = field(default_factory=list)

    def class_name(self, index: int | None) -> str:
        """Name of a class, its number where it has none."""
        if index is None:
            return ""
        return str(self.class_names[index]) if 0 <= index < len(self.class_names) else str(index)


def read_cases(
    paths: Iterable[str | Path],
    seed: int = 0,
    variants: Collection[str] | None = None,
    explainers: Collection[str] | None = None,
    cases: Collection[str] | None = None,
    paper_protocol: bool = False,
    channel: int | None = None,
) -> list[Case]:
    """Cases below ``paths`` with their maps.

    Args:
        paths: folders, or ``explanations.csv`` files, whose folder is taken.
        seed: runs of this seed only.
        variants: these only, all by default.
        explainers: these only, all by default.
        cases: these only, all by default: names of folders, such as ``case_0003``, or identifiers of images.
        paper_protocol: leave out attributions, such as GradCAM, of other networks than the baseline.
        channel: of the image; the one that the evaluation chose when None.

    Raises:
        ValueError: one line for folders without maps, files that cannot be read, two maps of one name and image, or
            names that are not there.

    Example:
        >>> import torch
        >>> from tempfile import mkdtemp
        >>> from monai_dd.evaluation import CaseMaps
        >>> writer, info = CaseMaps(mkdtemp()), {"image": "1.png", "variant": "baseline", "seed": 0}
        >>> writer.save(0, torch.rand(1, 8, 8), {"gradcam/fine": torch.rand(1, 4, 4)}, info=info)
        >>> [(case.name, [one.name for one in case.maps]) for case in read_cases([writer.output_dir])]
        [('case_0000', ['baseline: gradcam'])]
    """
    folders = [path.parent if path.is_file() else path for path in map(Path, paths)]
    found = [(file.parent, _read(file)) for file in find_files(folders, CASE_FILE)]
    check_option("seed", seed, sorted({info["seed"] for _, info in found}))
    found = [(folder, info) for folder, info in found if info["seed"] == seed]
    _check_names("variants", variants, {info["variant"] for _, info in found})
    names = {folder.name for folder, _ in found}
    for case in cases or ():  # identifiers of images are not printed
        if case not in names and all(case != info["image"] for _, info in found):
            raise ValueError(f"cases: expected identifiers of images or some of {sorted(names)}, got {case!r}")
    joined: dict[str, Case] = {}
    for folder, info in found:
        if (variants and info["variant"] not in variants) or (cases and not {folder.name, info["image"]} & set(cases)):
            continue
        if info["image"] not in joined:
            joined[info["image"]] = _case(folder, info, channel)
        _add_maps(joined[info["image"]], folder, info)
    _check_names("explainers", explainers, {m.explainer for case in joined.values() for m in case.maps})
    for case in joined.values():
        case.maps = [
            m
            for m in case.maps
            if (not explainers or m.explainer in explainers)
            and (not paper_protocol or in_paper_protocol(m.variant, m.explainer))
        ]
    kept = [case for case in joined.values() if case.maps]
    if not kept:
        raise ValueError("maps: expected <explainer>_<level>.nii.gz next to case.json, found none")
    return sorted(kept, key=lambda case: case.name)


def _check_names(argument: str, names: Collection[str] | None, known: set[str]) -> None:
    for name in names or ():
        check_option(argument, name, sorted(known))


def _read(file: Path) -> dict:
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: expected JSON in UTF-8") from error
    missing = _REQUIRED.keys() - (info if isinstance(info, dict) else ())
    if missing:
        raise ValueError(f"{file}: expected image, variant and seed; missing {sorted(missing)}")
    for name, kind in (_REQUIRED | _OPTIONAL).items():
        value = info.get(name)
        if value is None and name in _OPTIONAL:
            continue
        # the type alone is printed: an identifier may be a patient's
        if type(value) is not kind or (kind is list and not all(isinstance(item, str) for item in value)):
            raise ValueError(f"{file}: {name}: expected {_WORDS[kind]}, got {type(value).__name__}")
    return info


def _case(folder: Path, info: dict, channel: int | None) -> Case:
    image, mask = folder / (IMAGE_FILE if channel is None else CHANNEL_FILE.format(channel)), folder / MASK_FILE
    if not image.is_file():
        raise ValueError(f"{folder}: expected {image.name} next to {CASE_FILE}, found none")
    return Case(folder.name, image, mask if mask.is_file() else None, info.get("label"), info.get("class_names") or [])


def _add_maps(case: Case, folder: Path, info: dict) -> None:
    if case.label != info.get("label"):
        raise ValueError(
            f"{folder}: expected label {case.label} as in other runs of this image, got {info.get('label')}"
        )
    known = {(m.variant, m.explainer, m.level) for m in case.maps}
    for path in sorted(folder.glob("*.nii.gz")):
        found = read_map_file(path.name)
        if found is None:
            continue
        if (info["variant"], *found) in known:
            raise ValueError(f"{path}: expected one such map of an image, variant and seed, there is another")
        case.maps.append(CaseMap(info["variant"], *found, path, info.get("predicted")))
