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
"""The picture a result shows: a projection, where the network looked, and what it said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from monai_dd.visualize.overlays import find_colormap, overlay_attention

__all__ = ["report_picture"]


def report_picture(
    image: np.ndarray,
    maps: Mapping[str, np.ndarray],
    spacing: Sequence[float],
    headline: str,
    footer: Sequence[str] = (),
    colormap: str = "viridis",
    height: int = 900,
) -> np.ndarray:
    """Draw a coronal projection next to its attention overlays, in the true proportions of the body.

    Args:
        image: ``(H, W)`` in 0 to 1 as the network saw it; rows from head to feet, columns from the patient's right.
        maps: name and attention ``(h, w)`` of each overlay, non-negative.
        spacing: size of a pixel of ``image`` in mm, along rows and along columns.
        headline: line above the panels.
        footer: lines below the panels.
        colormap: matplotlib's name of the color map.
        height: of the picture in pixels.

    Returns:
        RGB picture ``(height, width, 3)``, uint8.

    Raises:
        ValueError: for a spacing that is not positive.

    Example:
        >>> image, maps = np.zeros((8, 4)), {"fine": np.ones((2, 1))}
        >>> picture = report_picture(image, maps, spacing=(4.0, 4.0), headline="severe (0.97)", height=400)
        >>> picture.shape, picture.dtype
        ((400, 720, 3), dtype('uint8'))
    """
    if len(spacing) != 2 or min(spacing) <= 0:
        raise ValueError(f"spacing: expected two positive numbers of mm, got {list(spacing)}")
    tall, wide = image.shape[0] * spacing[0], image.shape[1] * spacing[1]
    panels, margin = 1 + len(maps), 150
    width = int(np.clip(panels * (height - margin) * wide / tall + 120, 720, 2.2 * height))
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, layout="constrained", facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    extent = (0, wide, tall, 0)
    axes[0].imshow(1 - np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1, extent=extent)
    axes[0].set_title("projection, as the network saw it", fontsize=10)
    for axis, (name, attention) in zip(axes[1:], maps.items()):
        axis.imshow(overlay_attention(image, attention, colormap), extent=extent)
        axis.set_title(name, fontsize=10)
    for axis in axes:
        axis.set_axis_off()
        for side, place in (("R", 0.04), ("L", 0.96)):
            style = {"ha": "center", "va": "top", "fontsize": 12, "fontweight": "bold", "color": "tab:blue"}
            marker = axis.text(place, 0.99, side, transform=axis.transAxes, **style)
            marker.set_path_effects([withStroke(linewidth=3, foreground="white")])
    bar = figure.colorbar(ScalarMappable(cmap=find_colormap(colormap)), ax=list(axes), fraction=0.025, pad=0.01)
    bar.set_ticks([0, 1], labels=["0", "max"])
    bar.set_label("attention, relative to its maximum", fontsize=9)
    figure.suptitle(headline, fontsize=14, fontweight="bold")
    figure.supxlabel("\n".join(footer), fontsize=9)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
