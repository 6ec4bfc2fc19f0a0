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
"""Figure of cases and their maps: a row for each case, a column for each explainer (Ron et al. 2022, Figs. 4 and 5)."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from monai_dd.evaluation.maps.planes import Plane, read_plane
from monai_dd.evaluation.maps.reader import Case, CaseMap
from monai_dd.evaluation.names import row_name, row_order
from monai_dd.evaluation.schema import IMAGE_LEVEL
from monai_dd.visualize.overlays import find_colormap

__all__ = ["draw_plane", "map_figure", "row_maximum", "transparent_colormap"]

# inches
_LEFT, _RIGHT, _GAP, _BELOW, _LINE, _FOOT = 0.45, 0.75, 0.06, 0.2, 0.14, 0.13
_TITLE = 21  # letters in a line of a title
_NOTE = (
    "Each map is divided by its own mean: 1 is the uniform map. One scale for a row; its end is the median of "
    "the 99.5th percentiles of the row's maps, what is above has the color of the end."
)


def row_maximum(maps: Sequence[np.ndarray]) -> float:
    """End of the scale of relative maps: the median of their 99.5th percentiles, at least twice the uniform map.

    Example:
        >>> row_maximum([np.array([[1.0, 1.0]]), np.array([[0.0, 10.0]])])
        5.475
    """
    return max(2.0, float(np.median([np.percentile(m, 99.5) for m in maps]))) if maps else 2.0


def transparent_colormap(name: str, max_alpha: float = 0.75) -> ListedColormap:
    """Color map whose opacity grows with the square root of the value, from nothing to ``max_alpha``.

    Raises:
        ValueError: for a name that matplotlib does not have.
    """
    places = np.linspace(0, 1, 256)
    colors = find_colormap(name)(places)
    colors[:, 3] = max_alpha * np.sqrt(places)
    return ListedColormap(colors, name=f"{name}_transparent")


def map_figure(
    cases: Sequence[Case],
    levels: Sequence[str] = ("fine",),
    colormap: str = "viridis",
    invert: bool = False,
    panel: float = 1.5,
) -> Figure:
    """Image and overlays of all explainers, with the contour of the mask; maps in their own resolution.

    A map of one level is shown in the rows of all levels, with the name of its level below. The predicted
    class is named below where it is not the label. Maps are placed over the whole image. The proportions of a pixel
    are those of the image's affine, and the rows of an array go down. Of a 3D image the slice of the third axis with
    most of the mask is shown, without a mask the middle one.

    Args:
        cases: a row each, for each level.
        levels: such as ``fine`` and ``coarse``.
        colormap: matplotlib's name; the default serves color-blind readers and nowhere looks like the gray image.
        invert: show high values of the image dark, as nuclear medicine does.
        panel: width of a panel in inches.

    Raises:
        ValueError: one line for files that are not maps or have negative or not finite values, levels without any
            map, and unknown color maps.

    Example:
        >>> import tempfile, torch
        >>> from monai_dd.evaluation import CaseMaps, read_cases
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     maps, info = {"gradcam/fine": torch.rand(1, 4, 4)}, {"image": "1.png", "variant": "exact", "seed": 0}
        ...     CaseMaps(folder).save(0, torch.rand(1, 8, 8), maps, info=info)
        ...     figure = map_figure(read_cases([folder]))
        >>> [axis.get_title() for axis in figure.axes]
        ['image', 'exact: gradcam', '']
    """
    colors = transparent_colormap(colormap)
    rows = [(case, level, _pick(case, level)) for case in cases for level in levels]
    rows = [row for row in rows if row[2]]
    if not rows:
        raise ValueError(
            f"levels: expected maps at {list(levels)}, found {sorted({m.level for c in cases for m in c.maps})}"
        )
    columns = sorted({key for _, _, maps in rows for key in maps}, key=lambda key: row_order(*key))
    planes = [read_plane(case, maps) for case, _, maps in rows]
    heights = [panel * plane.size[0] / plane.size[1] for plane in planes]
    titles = [_wrap(row_name(*column), _TITLE) for column in columns]
    head = _LINE * max(title.count("\n") + 1 for title in titles) + 0.1
    width = _LEFT + (1 + len(columns)) * (panel + _GAP) + _RIGHT
    foot = textwrap.wrap(_NOTE, int(14.5 * (width - 0.3)))
    height = head + sum(heights) + _BELOW * len(rows) + _FOOT * len(foot) + 0.1
    figure = Figure(figsize=(width, height))

    def add_axes(left: float, top: float, wide: float, high: float) -> Axes:
        return figure.add_axes((left / width, 1 - (top + high) / height, wide / width, high / height))

    top = head
    for (case, level, maps), plane, high in zip(rows, planes, heights):
        norm = Normalize(0, row_maximum(list(plane.maps.values())), clip=True)
        for i, column in enumerate([None, *columns]):
            axis = add_axes(_LEFT + i * (panel + _GAP), top, panel, high)
            draw_plane(axis, plane, None if column is None else plane.maps.get(column), colors, norm, invert)
            if top == head:
                axis.set_title("image" if column is None else titles[i - 1], fontsize=8, pad=3)
            if column in maps:
                axis.set_xlabel(_remark(case, maps[column], level), fontsize=7, labelpad=2)
            elif column is not None:
                axis.text(0.5, 0.5, "no map", transform=axis.transAxes, ha="center", va="center", fontsize=8)
            if column is None:
                name = f"{case.name}\n{case.class_name(case.label)}" + (f", {level}" if len(levels) > 1 else "")
                axis.set_ylabel(name, fontsize=8, labelpad=3)
        bar_axis = add_axes(_LEFT + (1 + len(columns)) * (panel + _GAP), top, 0.1, high)
        bar = figure.colorbar(ScalarMappable(norm, colors), cax=bar_axis, extend="max", extendfrac=0.04)
        bar.set_label("map / its mean", fontsize=7)
        bar.ax.tick_params(labelsize=7)
        top += high + _BELOW
    figure.text(0.1 / width, 0.08 / height, "\n".join(foot), fontsize=7, va="bottom", linespacing=1.2)
    return figure


def _pick(case: Case, level: str) -> dict[tuple[str, str], CaseMap]:
    """Map of each variant and explainer at a level, or the only one that it has."""
    picked = {}
    for key in {(m.variant, m.explainer) for m in case.maps}:
        own = [m for m in case.maps if (m.variant, m.explainer) == key]
        at_level = [m for m in own if m.level == level] or (own if len(own) == 1 else [])
        if at_level:
            picked[key] = at_level[0]
    return picked


def _wrap(name: str, width: int) -> str:
    """Lines no longer than ``width``, broken after spaces and underscores, else within words."""
    lines = [""]
    for part in re.findall(r"[^ _]*[ _]?", name):
        if len((lines[-1] + part).rstrip()) > width and lines[-1]:
            lines.append("")
        while len(part.rstrip()) > width:
            lines[-1], part = part[:width], part[width:]
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def _remark(case: Case, one: CaseMap, level: str) -> str:
    """What a reader must know of a single map: another level, another class than the label."""
    remarks = [one.level] if one.level not in (level, IMAGE_LEVEL) else []
    if one.predicted is not None and case.label is not None and one.predicted != case.label:
        remarks.append(f"predicted: {case.class_name(one.predicted)}")
    return ", ".join(remarks)


def draw_plane(
    axis: Axes,
    plane: Plane,
    values: np.ndarray | None,
    colors: Colormap,
    norm: Normalize,
    invert: bool = False,
    frame: str = "white",
) -> None:
    """Draw an image, a map over it, and the contour of the mask.

    Args:
        axis: to draw on.
        plane: image, mask and size.
        values: map ``(h, w)`` over the whole image; the image alone when None.
        colors: of the map.
        norm: scale of the map.
        invert: show high values of the image dark.
        frame: color of the contour, which has a black rim.
    """
    height, width = plane.size
    extent = (0, width, height, 0)
    axis.imshow(plane.image, cmap="gray_r" if invert else "gray", vmin=0, vmax=1, extent=extent)
    if values is not None:
        axis.imshow(values, cmap=colors, norm=norm, extent=extent, interpolation="nearest")
    if plane.mask is not None:
        # a border of zeros closes the contour at the edge of the image
        rows, cols = plane.mask.shape
        x, y = (np.arange(cols + 2) - 0.5) * width / cols, (np.arange(rows + 2) - 0.5) * height / rows
        lines = axis.contour(x, y, np.pad(plane.mask.astype(float), 1), levels=[0.5], colors=frame, linewidths=0.9)
        lines.set_path_effects([withStroke(linewidth=2.0, foreground="black")])
    axis.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
