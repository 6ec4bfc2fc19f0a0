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
"""Figure of cases with their boxes: class activation maps over the image, saliency by itself, for each variant."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from monai_dd.evaluation.figures.maps import draw_plane, transparent_colormap
from monai_dd.evaluation.maps.planes import read_plane
from monai_dd.evaluation.maps.reader import Case, CaseMap
from monai_dd.evaluation.names import row_order
from monai_dd.evaluation.schema import IMAGE_LEVEL, is_signed
from monai_dd.visualize.overlays import resize_to

__all__ = ["box_figure", "scale_map"]

_PIXELWISE = ("saliency", "gradient_x_input", "integrated_gradients")  # dots over an image: both would be hidden
_FRAME = "#56B4E9"  # of boxes on gray noise, where white is lost
_NOTE = (
    "Each map is resized bilinearly and scaled by its own minimum and maximum, as it is for localization; frames are "
    "the annotated boxes."
)


def scale_map(values: np.ndarray) -> np.ndarray:
    """Scale a map by its own minimum and maximum to 0..1; a constant map becomes 0.

    Example:
        >>> scale_map(np.array([[-1.0, 0.0, 3.0]]))
        array([[0.  , 0.25, 1.  ]])
    """
    span = values.max() - values.min()
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)


def box_figure(cases: Sequence[Case], colormap: str = "viridis", panel: float = 1.6) -> Figure:
    r"""Image with its box, then the maps of one variant after the other (Khakzar et al. 2019, Fig. 1).

    Maps with a value for each pixel, such as saliency, are shown in gray by themselves, others over the image. Of
    an explainer with maps of several levels the finest is taken. Signed maps are left out.

    Args:
        cases: a row each.
        colormap: matplotlib's name, of the maps over the image; the default serves color-blind readers.
        panel: width of a panel in inches.

    Raises:
        ValueError: one line for files that are not maps or have negative or not finite values, unknown color maps, or
            when there is no case.

    Example:
        >>> import tempfile, torch
        >>> from monai_dd.evaluation import CaseMaps, read_cases
        >>> info = {"image": "1.png", "variant": "robust", "seed": 0}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     maps = {"cam": torch.rand(1, 4, 4), "saliency": torch.rand(1, 8, 8)}
        ...     CaseMaps(folder).save(0, torch.rand(1, 8, 8), maps, torch.ones(1, 8, 8), info)
        ...     figure = box_figure(read_cases([folder]))
        >>> [axis.get_title() for axis in figure.axes if axis.get_title()]
        ['image', 'robust\ncam', 'robust\nsaliency']
    """
    if not cases:
        raise ValueError("cases: expected one or more, got none")
    keys = {key for case in cases for key in _pick(case)}
    columns = sorted(keys, key=lambda key: (*row_order(key[0], "")[1:3], key[1] in _PIXELWISE, key[1]))
    planes = [read_plane(case, _pick(case)) for case in cases]
    ratios = [plane.size[0] / plane.size[1] for plane in planes]
    lines = textwrap.wrap(_NOTE, int(15 * (panel * (1 + len(columns)) + 0.7)))
    size = (panel * (1 + len(columns)) + 1.1, 1.02 * panel * sum(ratios) + 0.5 + 0.15 * len(lines))
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    axes = figure.subplots(len(cases), 1 + len(columns), squeeze=False, height_ratios=ratios)
    norm, over, alone = Normalize(0, 1), transparent_colormap(colormap), matplotlib.colormaps["gray"]
    for row, case, plane in zip(axes, cases, planes):
        draw_plane(row[0], plane, None, over, norm)
        row[0].set_ylabel(f"{case.name}\n{case.class_name(case.label).replace('_', ' ')}", fontsize=8)
        for axis, key in zip(row[1:], columns):
            if key not in plane.maps:
                axis.set_axis_off()
                axis.text(0.5, 0.5, "no map", transform=axis.transAxes, ha="center", va="center", fontsize=8)
                continue
            values = scale_map(resize_to(plane.maps[key], plane.image.shape))
            if key[1] in _PIXELWISE:
                draw_plane(axis, replace(plane, image=np.zeros_like(plane.image)), values, alone, norm, frame=_FRAME)
            else:
                draw_plane(axis, plane, values, over, norm)
    for axis, title in zip(axes[0], ["image", *(f"{v}\n{e.replace('_', ' ')}" for v, e in columns)]):
        axis.set_title(title, fontsize=8, pad=3)
    for colors, names in ((over, _names(columns, False)), (alone, _names(columns, True))):
        if names:
            shape = {"shrink": min(1.0, 2 / len(cases)), "aspect": 25, "fraction": 0.04, "pad": 0.01}
            bar = figure.colorbar(ScalarMappable(norm, colors), ax=axes, **shape)
            bar.set_label(names, fontsize=8)
            bar.ax.tick_params(labelsize=7)
    figure.supxlabel("\n".join(lines), fontsize=7, x=0.01, ha="left", linespacing=1.2)
    return figure


def _pick(case: Case) -> dict[tuple[str, str], CaseMap]:
    """The finest map of each variant and explainer."""
    order = {IMAGE_LEVEL: 0, "fine": 1}
    found: dict[tuple[str, str], CaseMap] = {}
    unsigned = [m for m in case.maps if not is_signed(m.explainer)]
    for one in sorted(unsigned, key=lambda m: (order.get(m.level, 2), m.level)):
        found.setdefault((one.variant, one.explainer), one)
    return found


def _names(columns: Sequence[tuple[str, str]], pixelwise: bool) -> str:
    """Explainers that are shown in one of the two ways."""
    found = dict.fromkeys(e.replace("_", " ") for _, e in columns if (e in _PIXELWISE) == pixelwise)
    return ", ".join(found)
