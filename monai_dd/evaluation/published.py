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
"""Numbers that the dual decomposition paper prints, to compare with ours.

Source: Ron T, Weiler-Sagie M, Hazan T. Dual Decomposition of Convex Optimization Layers for Consistent Attention in
Medical Images. ICML 2022: Table 1, Table 2, and Table 3 of the appendix. Cells are as printed: percent, and millions
(M) for numbers of parameters; standard deviations are over five runs. Block 3 is the level ``fine``, 4 is ``coarse``.

The areas of Table 1 lie below 33.3, which is the area of a constant prediction with three classes: the paper's area is
normalized in a way that it does not state. Compare the order of the rows rather than the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from monai_dd.evaluation.schema import NETWORK

__all__ = ["BRATS", "FDG", "Published", "published_method", "published_number"]

FDG = "FDG-PET-MUAB"
BRATS = "BraTS18"


@dataclass(frozen=True)
class Published:
    """A cell as printed: ``21.52``, ``30.8M``, or ``20.52 ± 0.34`` where there were several runs."""

    text: str

    def __str__(self) -> str:
        """As printed."""
        return self.text

    @property
    def mean(self) -> float:
        """In percent, or in millions of parameters."""
        return float(self.text.partition(" ± ")[0].rstrip("M"))

    @property
    def sd(self) -> float | None:
        """Standard deviation over runs, None where none is printed."""
        sd = self.text.partition(" ± ")[2]
        return float(sd) if sd else None


Cells = Mapping[str, Published]


def _cells(*texts: str, metrics: Sequence[str]) -> Cells:
    """Cells of a row from left to right; a row may end early."""
    return {metric: Published(text) for metric, text in zip(metrics, texts)}


_area = partial(_cells, metrics=("perturbation_auc",))
_overlap = partial(_cells, metrics=("pixel_ap", "iou_0.975", "iou_0.95", "iou_0.9"))
_fdg_network = partial(_cells, metrics=("balanced_accuracy", "parameters"))
_brats_network = partial(_cells, metrics=("accuracy", "parameters"))


# method and level, without a level for a network
_TABLE_1: Mapping[tuple[str, str], Cells] = {
    ("DeepLIFT", "fine"): _area("20.37"),
    ("DeepLIFT", "coarse"): _area("20.37"),
    ("LRP", "fine"): _area("20.48"),
    ("LRP", "coarse"): _area("20.48"),
    ("GradCAM", "fine"): _area("21.52"),
    ("GradCAM", "coarse"): _area("21.90"),
    ("ViT-B/16", "fine"): _area("21.63 ± 1.17"),
    ("ViT-B/16", "coarse"): _area("21.63 ± 1.17"),
    ("τ^k", "fine"): _area("20.52 ± 0.34"),
    ("τ^l", "coarse"): _area("22.34 ± 0.70"),
    ("Unconst.", "fine"): _area("21.23 ± 0.72"),
    ("Unconst.", "coarse"): _area("22.11 ± 0.37"),
    ("CVX", "fine"): _area("22.18 ± 0.79"),
    ("Dual", "fine"): _area("32.48 ± 1.81"),
    ("Dual", "coarse"): _area("27.59 ± 1.23"),
}
_TABLE_2: Mapping[tuple[str, str], Cells] = {
    ("DeepLIFT", "fine"): _overlap("49.40", "35.18", "29.20", "18.78"),
    ("LRP", "fine"): _overlap("35.61", "25.12", "22.03", "15.18"),
    ("GradCAM", "fine"): _overlap("58.68", "31.59", "39.34", "34.20"),
    ("ViT-B/16", "fine"): _overlap("52.40 ± 4.1", "26.63 ± 3.2", "34.28 ± 2.5", "32.95 ± 0.9"),
    ("τ^k", "fine"): _overlap("33.03 ± 11.4", "18.19 ± 8.1", "25.79 ± 7.1", "23.25 ± 4.6"),
    ("Unconst.", "fine"): _overlap("19.01 ± 12.3", "9.89 ± 8.5", "13.82 ± 11.1", "14.32 ± 8.4"),
    ("CVX", "fine"): _overlap("34.38 ± 14.0", "19.94 ± 8.6", "24.66 ± 10.5", "23.23 ± 6.12"),
    ("Dual", "fine"): _overlap("71.82 ± 4.2", "45.23 ± 2.0", "48.59 ± 2.9", "32.75 ± 2.3"),
    ("DeepLIFT", "coarse"): _overlap("55.66", "40.24", "33.38", "20.93"),
    ("LRP", "coarse"): _overlap("39.58", "27.51", "23.51", "16.10"),
    ("GradCAM", "coarse"): _overlap("45.04", "23.78", "31.87", "29.41"),
    ("τ^l", "coarse"): _overlap("34.17 ± 9.0", "17.88 ± 4.9", "24.20 ± 5.2", "23.89 ± 4.2"),
    ("Unconst.", "coarse"): _overlap("41.44 ± 10.0", "23.65 ± 5.5", "29.19 ± 5.6", "26.09 ± 4.0"),
    ("KL(τ^l, Σ τ^k)", "coarse"): _overlap("45.78 ± 7.21"),
    ("KL(τ^k, Σ τ^l)", "coarse"): _overlap("45.56 ± 7.14"),
    # the deviation of this first cell is not legible in the text that the numbers were read from
    ("Dual", "coarse"): _overlap("76.16", "46.17 ± 1.7", "51.29 ± 2.7", "34.64 ± 2.0"),
}
_TABLE_3: Mapping[str, Mapping[tuple[str, str], Cells]] = {
    FDG: {
        ("Baseline", ""): _fdg_network("83.66", "23.5M"),
        ("τ^k", ""): _fdg_network("82.56 ± 0.67", "26.6M"),
        ("τ^l", ""): _fdg_network("80.82 ± 0.25", "27.7M"),
        ("Unconst.", ""): _fdg_network("83.49 ± 0.66", "30.8M"),
        ("Dual", ""): _fdg_network("82.79 ± 0.46", "30.8M"),
        ("ViT-B/16", ""): _fdg_network("74.99 ± 1.67", "85.4M"),
    },
    BRATS: {
        ("Baseline", ""): _brats_network("97.17", "4.7M"),
        ("τ^k", ""): _brats_network("97.09 ± 0.25", "4.7M"),
        ("τ^l", ""): _brats_network("97.30 ± 0.19", "4.9M"),
        ("Unconst.", ""): _brats_network("97.26 ± 0.17", "4.9M"),
        ("Dual", ""): _brats_network("97.36 ± 0.26", "4.9M"),
        ("ViT-B/16", ""): _brats_network("97.31 ± 0.44", "85.4M"),
    },
}
_TABLES = {
    (1, FDG): _TABLE_1,
    (2, BRATS): _TABLE_2,
    (3, FDG): _TABLE_3[FDG],
    (3, BRATS): _TABLE_3[BRATS],
}

# our variants and explainers under the paper's names; variants that pool by attention are ours, the paper has none
_VARIANTS = {
    "baseline": "Baseline",
    "vit": "ViT-B/16",
    "tau_fine_gated": "τ^k",
    "tau_coarse_gated": "τ^l",
    "unconstrained_gated": "Unconst.",
    "cvx": "CVX",
    "dual_gated": "Dual",
    "kl_coarse_fine_gated": "KL(τ^l, Σ τ^k)",
    "kl_fine_coarse_gated": "KL(τ^k, Σ τ^l)",
}
_EXPLAINERS = {"deeplift": "DeepLIFT", "lrp": "LRP", "gradcam": "GradCAM"}


def published_method(variant: str, explainer: str) -> str:
    """Paper's name of an explanation (``explainer="network"``: of a network); empty where the paper has none.

    The paper explains its baseline by the methods that came before, and by attention the networks that have it.

    Example:
        >>> published_method("baseline", "gradcam"), published_method("exact", "attention")
        ('GradCAM', '')
    """
    if explainer in ("cvx", "consistent"):  # the program on free gates, solved or in closed form
        return "CVX" if variant == "unconstrained_gated" else ""
    if explainer in ("attention", NETWORK, "vit_attention"):
        return _VARIANTS.get(variant, "")
    return _EXPLAINERS.get(explainer, "") if variant == "baseline" else ""


def published_number(table: int, dataset: str, method: str, level: str, metric: str) -> Published | None:
    """Printed number of a cell, or None where the paper has none.

    Args:
        table: 1, 2 or 3.
        dataset: :data:`FDG` or :data:`BRATS`.
        method: the paper's name, see :func:`published_method`.
        level: ``fine``, ``coarse``, or empty for a network.
        metric: ``perturbation_auc``, ``pixel_ap``, ``iou_0.975``, ``iou_0.95``, ``iou_0.9``, ``accuracy``,
            ``balanced_accuracy`` or ``parameters``.

    Example:
        >>> str(published_number(2, BRATS, "Dual", "fine", "pixel_ap"))
        '71.82 ± 4.2'
    """
    return _TABLES.get((table, dataset), {}).get((method, level), {}).get(metric)
