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
"""Names that writers and readers of results share: files, their columns, levels of maps and families of metrics.

``explanations.csv`` has a line for each value: of an image, an explainer, a level and a metric, in a run, which is one
variant with one seed. Lines of the explainer ``network`` are about the network itself: its ``parameters`` without an
image, and of each image the ``label``, the ``predicted`` class, the ``probability_<class>`` of class 1 or, where there
are more than two, of each class, the same from an image that was changed (``masked_out_probability_1``), and the
``area``, the share of the image that its mask covers. The column ``group``, which older files lack, names whose image
it is: images of one patient, or of one block of neighboring slices, are not independent.

``localization.csv`` has a line for each method, class and threshold of the intersection over union,
``<split>_runs.csv`` one for each metric of a run. A value that cannot be had, such as that of an empty mask, is
``nan``. A case is a folder with ``case.json``, ``image.nii.gz``, where there is one ``mask.nii.gz``, of an image with
several channels ``channel_<number>.nii.gz``, and maps ``<explainer>_<level>.nii.gz``. Maps of explainers whose name
ends in ``_signed`` have negative values, too: they are for figures, and nothing is measured on them.
"""

from __future__ import annotations

import re

from monai_dd.utils.outputs import LEVEL_PATTERN

__all__ = [
    "CASE_FILE",
    "CASE_FOLDER",
    "CHANNEL_FILE",
    "EXPLANATION_COLUMNS",
    "EXPLANATION_FILE",
    "EXPLANATION_GROUP",
    "EXPLANATION_PART",
    "EXPLANATION_SETTINGS",
    "IMAGE_FILE",
    "IMAGE_LEVEL",
    "LEVEL",
    "LOCALIZATION_COLUMNS",
    "LOCALIZATION_FILE",
    "MASK_FILE",
    "METRICS_FILE",
    "NETWORK",
    "PERTURBATION",
    "PROBABILITY",
    "RANDOMIZATION",
    "RUNS_COLUMNS",
    "RUNS_FILE",
    "is_signed",
    "map_file",
    "read_map_file",
    "split_key",
]

EXPLANATION_FILE = "explanations.csv"
EXPLANATION_SETTINGS = "explanations.json"
EXPLANATION_PART = "explanations.part{}.csv"  # of a process, until the parts are merged
EXPLANATION_COLUMNS = ("image", "explainer", "level", "metric", "value", "variant", "seed")
EXPLANATION_GROUP = "group"  # the last column
NETWORK = "network"  # the explainer under which the network itself is measured
PROBABILITY = re.compile(r"(.*?)_?probability_(\d+)")  # what was done to the image, and the class
PERTURBATION = re.compile(r"perturbation_(\d*\.?\d+)")  # share of the pixels
RANDOMIZATION = re.compile(r"randomization_(\d+)_.+")  # number of layers, and the last of them

LOCALIZATION_FILE = "localization.csv"
LOCALIZATION_COLUMNS = ("method", "class", "iou_threshold", "accuracy", "images", "seed", "variant")

RUNS_FILE = "{}_runs.csv"  # of a split
RUNS_COLUMNS = ("variant", "seed", "metric", "value")
METRICS_FILE = "metrics.csv"  # of one run, as MONAI's MetricsSaver writes it

CASE_FOLDER = "case_{:04d}"
CASE_FILE = "case.json"
IMAGE_FILE = "image.nii.gz"
CHANNEL_FILE = "channel_{}.nii.gz"
MASK_FILE = "mask.nii.gz"

IMAGE_LEVEL = "image"  # of maps of the image's own resolution alone
LEVEL = re.compile(rf"{LEVEL_PATTERN}|{IMAGE_LEVEL}")
_MAP = re.compile(rf"(.+)_({LEVEL.pattern})\.nii\.gz")


def split_key(key: str) -> tuple[str, str]:
    """Explainer and level of a key of :func:`monai_dd.explain.make_explainers`.

    Example:
        >>> split_key("gradcam/fine"), split_key("saliency")
        (('gradcam', 'fine'), ('saliency', 'image'))
    """
    explainer, _, level = key.partition("/")
    return explainer, level or IMAGE_LEVEL


def is_signed(explainer: str) -> bool:
    """Whether maps of an explainer have negative values, too.

    Example:
        >>> is_signed("contribution_signed"), is_signed("contribution")
        (True, False)
    """
    return explainer.endswith("_signed")


def map_file(explainer: str, level: str) -> str:
    """Name of the file of a map.

    Example:
        >>> map_file("gradcam", "fine")
        'gradcam_fine.nii.gz'
    """
    return f"{explainer}_{level}.nii.gz"


def read_map_file(name: str) -> tuple[str, str] | None:
    """Explainer and level of the file of a map, None for other files.

    Example:
        >>> read_map_file("vit_attention_level1.nii.gz")
        ('vit_attention', 'level1')
    """
    match = _MAP.fullmatch(name)
    return None if match is None else (match[1], match[2])
