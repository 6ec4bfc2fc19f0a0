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
"""What is made smaller so that every command of a page can be run: the options that change, and to what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["CHANGES", "Change", "make_small"]

AT_MOST = "at most "
SHARED = ("python -m monai.bundle", "torchrun", "monai-dd runs")
TRAINS = (*((command, "train.json") for command in SHARED[:2]), (SHARED[2], ""))
DEMO = "configs/demo.json"


class Change(NamedTuple):
    """An option of a command.

    Attributes:
        command: words that the command starts with.
        option: its name.
        value: one word or several, or ``at most`` and a number; an option that is not there is added.
        where: text in the command without which nothing changes; the option itself: only where it is given.
        unless: text in the command with which nothing changes.
    """

    command: str
    option: str
    value: str
    where: str = ""
    unless: str = ""


CHANGES = (
    Change("monai-dd phantoms pet", "--num_studies", "at most 12"),
    Change("monai-dd phantoms pet", "--voxel_size", "12"),
    Change("monai-dd phantoms brain", "--num_patients", "at most 4"),
    Change("monai-dd phantoms brain", "--spacing", "4"),
    Change("monai-dd phantoms chest", "--num_patients", "at most 14"),
    Change("monai-dd phantoms chest", "--image_size", "64"),
    Change("monai-dd phantoms chest", "--test_fraction", "0.4"),
    Change("monai-dd datalist fdg", "--val_fraction", "0.25"),
    Change("monai-dd datalist brats", "--val_fraction", "0.25"),
    Change("monai-dd datalist brats", "--min_area", "40"),
    Change("monai-dd datalist brats", "--slice_step", "4"),
    Change("monai-dd datalist brats", "--num_workers", "at most 2", "--num_workers"),
    Change("monai-dd datalist chestxray14", "--val_fraction", "0.4"),
    Change("monai-dd datalist slices", "--gap", "1", "--gap"),
    Change("monai-dd figure", "--cases", "case_0000 case_0001", "--cases"),
    Change("monai-dd runs", "--seeds", "0"),
    Change("monai-dd runs", "--overlays", "demo"),  # after those that are given
    *(
        Change(command, "--image_size", "[64,64]", unless=DEMO) for command in SHARED
    ),  # those may be composed for the app
    *(Change(command, "--batch_size", "4") for command in SHARED),
    *(Change(command, "--epochs", "1", where) for command, where in TRAINS),
    *(Change(command, "--val_batch_size", "4", where) for command, where in TRAINS),
    *(Change(command, "--val_interval", "1", "--val_interval") for command in SHARED),
    *(Change(command, "--num_fractions", "3", "explain") for command in SHARED),
    *(Change(command, "--occlusion_window", "32", "explain") for command in SHARED),
    *(Change(command, "--folds", "2", "evaluate_localization") for command in SHARED),
    Change("python -m monai.bundle", "--input_shape", "[1,1,64,64]", "--input_shape"),
    Change("torchrun", "--nnodes", "1", "--nnodes"),
    Change("torchrun", "--nproc_per_node", "2"),
    Change("torchrun", "--rdzv_endpoint", "localhost:0", "--rdzv_endpoint"),
    Change("python examples/demo.py", "--num_studies", "12"),
    Change("python examples/patch_attention.py", "--epochs", "1"),
    Change("python examples/patch_attention.py", "--features", "2"),
    Change("python examples/patch_attention.py", "--seeds", "0"),
    Change("python benchmarks", "--device", "cpu", "--device"),
    Change("python benchmarks", "--repeats", "1"),
    Change("python benchmarks/closed_form.py", "--grids", "8"),
    Change("python benchmarks/closed_form.py", "--size", "64"),
    Change("python benchmarks/training_step.py", "--image_size", "at most 32"),
    Change("python benchmarks/training_step.py", "--batch_size", "2"),
    Change("python benchmarks/explanation_metrics.py", "--images", "8"),
    Change("python benchmarks/explanation_metrics.py", "--map_size", "32"),
    Change("python benchmarks/explanation_metrics.py", "--curve_images", "2"),
    Change("python benchmarks/explanation_metrics.py", "--curve_size", "32"),
    Change("python benchmarks/explanation_metrics.py", "--fractions", "3"),
    Change("python benchmarks/patch_strides.py", "--features", "2"),
    Change("python benchmarks/patch_strides.py", "--batch_size", "2"),
    Change("python benchmarks/adversarial_step.py", "--image_size", "32"),
    Change("python benchmarks/adversarial_step.py", "--batch_size", "2"),
)


def make_small(words: Sequence[str]) -> list[str]:
    """The words of a command with every change of :data:`CHANGES` that is for it."""
    words, text = list(words), " ".join(words)
    for change in CHANGES:
        refused = change.unless and change.unless in text
        if text.startswith(change.command) and change.where in text and not refused:
            words = _set(words, change.option, change.value)
    if text.startswith(SHARED[:2]) and "--config_file" in words and DEMO not in text:  # the last file of the list
        place = words.index("--config_file") + 1
        words[place] = words[place].rstrip().removesuffix("]") + f",'{DEMO}']"
    return words


def _set(words: list[str], option: str, value: str) -> list[str]:
    """The words with another value of an option, which may have several words."""
    new = value.removeprefix(AT_MOST).split()
    if option not in words:
        return [*words, option, *new]
    start = words.index(option) + 1
    end = next((i for i in range(start, len(words)) if re.match(r"--?[a-zA-Z]", words[i])), len(words))
    given = words[start:end]
    if option == "--overlays":
        new = given if "demo" in given else [*given, *new]
    elif value.startswith(AT_MOST) and int(given[0]) < int(new[0]):
        new = given
    elif len(new) > 1:
        new = new[: len(given)]
    return [*words[:start], *new, *words[end:]]
