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
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from monai_dd.evaluation.maps.planes import Plane, read_plane
from monai_dd.evaluation.maps.reader import Case, CaseMap
from monai_dd.evaluation.names import row_name, row_order
from monai_dd.evaluation.schema import IMAGE_LEVEL, is_signed
from monai_dd.utils.checks import check_option
from monai_dd.visualize.overlays import SIGNED_COLORS, centered_norm, find_colormap

__all__ = ["draw_plane", "map_figure", "row_maximum", "transparent_colormap"]

# inches
_LEFT, _RIGHT, _GAP, _BELOW, _LINE, _FOOT = 0.45, 0.75, 0.06, 0.2, 0.14, 0.13
_TITLE = 21  # letters in a line of a title
_NOTE = (
    "Each map is divided by its own mean: 1 is the uniform map. One scale for a row; its end is the median of "
    "the 99.5th percentiles of the row's maps, what is above has the color of the end."
)
_SIGNED_NOTE = (
    "Signed maps: red speaks for the class, blue against it, white is zero. Each cell's contribution is multiplied by "
    "the number of cells: the mean of a map is what its level adds. One scale for a row, which ends at the 99.5th "
    "percentile of the magnitudes."
)
_Key = tuple[str, ...]  # variant and explainer, and the level where it belongs to the column
_Row = tuple[Case, str, Mapping[_Key, CaseMap]]  # with the level, where it belongs to the row


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
    columns: Sequence[str] | None = None,
) -> Figure:
    """Image and overlays of all explainers, with the contour of the mask; maps in their own resolution.

    Signed maps, see :mod:`monai_dd.evaluation.schema`, are not laid over the image: red speaks for the class, blue
    against it, white is zero; a row's have one scale. A map of one level is shown in the rows of all levels, with the
    name of its level below. The predicted class is named below where it is not the label. Maps are placed over the
    whole image. The proportions of a pixel are those of the image's affine, and the rows of an array go down. Of a 3D
    image the slice of the third axis with most of the mask is shown, without a mask the middle one.

    Args:
        cases: a row each, for each level.
        levels: such as ``fine`` and ``coarse``.
        colormap: matplotlib's name; the default serves color-blind readers and nowhere looks like the gray image.
        invert: show high values of the image dark, as nuclear medicine does.
        panel: width of a panel in inches.
        columns: these only and in this order, one row for each case: ``variant:explainer/level`` as in
            ``exact:contribution_signed/fine``; ``levels`` is then not read.

    Raises:
        ValueError: one line for files that are not maps or have negative or not finite values, levels or columns
            without any map, and unknown color maps.

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
    colors = {False: transparent_colormap(colormap), True: matplotlib.colormaps[SIGNED_COLORS]}
    rows, keys = _by_level(cases, levels) if columns is None else _by_column(cases, columns)
    planes = [read_plane(case, maps) for case, _, maps in rows]
    heights = [panel * plane.size[0] / plane.size[1] for plane in planes]
    titles = [_wrap(", ".join([row_name(*key[:2]), *key[2:]]), _TITLE) for key in keys]
    kinds = sorted({is_signed(key[1]) for key in keys})  # whether there are maps without and with a sign
    head = _LINE * max(title.count("\n") + 1 for title in titles) + 0.1
    width = _LEFT + (1 + len(keys)) * (panel + _GAP) + _RIGHT * len(kinds)
    notes = " ".join(_SIGNED_NOTE if signed else _NOTE for signed in kinds)
    foot = textwrap.wrap(notes, int(14.5 * (width - 0.3)))
    height = head + sum(heights) + _BELOW * len(rows) + _FOOT * len(foot) + 0.1
    figure = Figure(figsize=(width, height))

    def add_axes(left: float, top: float, wide: float, high: float) -> Axes:
        return figure.add_axes((left / width, 1 - (top + high) / height, wide / width, high / height))

    top = head
    for (case, level, maps), plane, high in zip(rows, planes, heights):
        norms = {kind: _norm([m for key, m in plane.maps.items() if is_signed(key[1]) == kind], kind) for kind in kinds}
        for i, key in enumerate([None, *keys]):
            axis = add_axes(_LEFT + i * (panel + _GAP), top, panel, high)
            kind = key is not None and is_signed(key[1])
            values = None if key is None else plane.maps.get(key)
            draw_plane(axis, plane, values, colors[kind], norms.get(kind), invert, "black" if kind else "white")
            if top == head:
                axis.set_title("image" if key is None else titles[i - 1], fontsize=8, pad=3)
            if key in maps:
                axis.set_xlabel(_remark(case, maps[key], level or maps[key].level), fontsize=7, labelpad=2)
            elif key is not None:
                axis.text(0.5, 0.5, "no map", transform=axis.transAxes, ha="center", va="center", fontsize=8)
            if key is None:
                name = [case.class_name(case.label), *([level] if level and len(levels) > 1 else [])]
                axis.set_ylabel(f"{case.name}\n{', '.join(name)}", fontsize=8, labelpad=3)
        for i, kind in enumerate(kinds):
            bar_axis = add_axes(_LEFT + (1 + len(keys)) * (panel + _GAP) + i * _RIGHT, top, 0.1, high)
            shown = ScalarMappable(norms[kind], colors[kind])
            bar = figure.colorbar(shown, cax=bar_axis, extend="both" if kind else "max", extendfrac=0.04)
            bar.set_label("against (blue), for (red)" if kind else "map / its mean", fontsize=7)
            bar.ax.tick_params(labelsize=7)
        top += high + _BELOW
    figure.text(0.1 / width, 0.08 / height, "\n".join(foot), fontsize=7, va="bottom", linespacing=1.2)
    return figure


def _norm(maps: Sequence[np.ndarray], signed: bool) -> Normalize:
    return centered_norm(maps or [np.ones(1)]) if signed else Normalize(0, row_maximum(maps), clip=True)


def _by_level(cases: Sequence[Case], levels: Sequence[str]) -> tuple[list[_Row], list[_Key]]:
    """A row for each level of each case, and a column for each variant and explainer."""
    rows = [(case, level, _pick(case, level)) for case in cases for level in levels]
    rows = [row for row in rows if row[2]]
    if not rows:
        raise ValueError(
            f"levels: expected maps at {list(levels)}, found {sorted({m.level for c in cases for m in c.maps})}"
        )
    return rows, sorted({key for _, _, maps in rows for key in maps}, key=lambda key: row_order(*key))


def _by_column(cases: Sequence[Case], columns: Sequence[str]) -> tuple[list[_Row], list[_Key]]:
    """A row for each case, and a column for each name of a variant, an explainer and a level."""
    found = [{f"{m.variant}:{m.explainer}/{m.level}": m for m in case.maps} for case in cases]
    known = {name: (m.variant, m.explainer, m.level) for maps in found for name, m in maps.items()}
    keys = {check_option("columns", name, sorted(known)): known[name] for name in columns}
    rows = [
        (case, "", {key: maps[name] for name, key in keys.items() if name in maps}) for case, maps in zip(cases, found)
    ]
    return [row for row in rows if row[2]], list(keys.values())


def _pick(case: Case, level: str) -> dict[_Key, CaseMap]:
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
    norm: Normalize | None,
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
        frame: color of the contour, which has a black rim, a white one where it is black.
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
        lines.set_path_effects([withStroke(linewidth=2.0, foreground="white" if frame == "black" else "black")])
    axis.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
