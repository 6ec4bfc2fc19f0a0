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
"""Attention maps drawn over the image they explain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import matplotlib
import numpy as np
import torch
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

__all__ = ["SIGNED_COLORS", "attention_figure", "centered_norm", "find_colormap", "overlay_attention", "resize_to"]

SIGNED_COLORS = "RdBu_r"  # red above zero, blue below, zero white


def find_colormap(name: str) -> Colormap:
    """Matplotlib's color map of this name.

    Raises:
        ValueError: for a name that matplotlib does not have.
    """
    if name not in matplotlib.colormaps:
        raise ValueError(f"colormap: expected a name that matplotlib has, such as 'viridis', got {name!r}")
    return matplotlib.colormaps[name]


def resize_to(image: np.ndarray, shape: tuple[int, int], mode: str = "bilinear") -> np.ndarray:
    """Resize a 2D array to ``shape`` (``bilinear`` or ``nearest-exact``)."""
    tensor = torch.as_tensor(np.ascontiguousarray(image), dtype=torch.float32)[None, None]
    align = False if mode == "bilinear" else None
    return torch.nn.functional.interpolate(tensor, size=shape, mode=mode, align_corners=align)[0, 0].numpy()


def overlay_attention(
    image: np.ndarray, attention: np.ndarray, colormap: str = "viridis", max_alpha: float = 0.7, invert: bool = True
) -> np.ndarray:
    """Blend an attention map over a gray image; what is attended most is most opaque.

    Args:
        image: ``(H, W)``, values in 0 to 1.
        attention: ``(h, w)``, non-negative, resized bilinearly and scaled by its own maximum.
        colormap: matplotlib's name of the color map; the default is safe for color-blind readers.
        max_alpha: opacity at the maximum, 0 to 1.
        invert: show high values dark, as nuclear medicine does.

    Returns:
        RGB image ``(H, W, 3)``, uint8.

    Raises:
        ValueError: for arrays that are not 2D, negative or not finite attention, or an unknown color map.

    Example:
        >>> picture = overlay_attention(np.full((4, 6), 0.25), np.array([[0.0, 1.0]]))
        >>> picture.shape, picture.dtype
        ((4, 6, 3), dtype('uint8'))
        >>> picture[0, 0].tolist(), picture[0, 5].tolist()  # gray without attention, yellow at its maximum
        ([191, 191, 191], [235, 219, 83])
    """
    if image.ndim != 2 or attention.ndim != 2:
        raise ValueError(
            f"image, attention: expected two axes each, got the shapes {image.shape} and {attention.shape}"
        )
    if not np.isfinite(attention).all() or attention.min() < 0:
        raise ValueError("attention: expected finite, non-negative values, got others")
    gray = np.clip(np.nan_to_num(image.astype(np.float64)), 0, 1)
    gray = 1 - gray if invert else gray
    weight = resize_to(attention, image.shape)
    weight = (weight / weight.max() if weight.max() > 0 else weight)[..., None]
    color = find_colormap(colormap)(weight[..., 0])[..., :3]
    alpha = max_alpha * np.sqrt(weight)
    blended = (1 - alpha) * gray[..., None] + alpha * color
    return np.round(255 * blended).astype(np.uint8)


def centered_norm(maps: Iterable[np.ndarray]) -> Normalize:
    """Scale with zero in its middle whose ends are the 99.5th percentile of the magnitudes of all maps.

    Example:
        >>> norm = centered_norm([np.array([[-4.0, 1.0]]), np.array([[-4.0]])])
        >>> norm.vmin, norm.vmax
        (-4.0, 4.0)
    """
    magnitudes = np.concatenate([np.abs(values).ravel() for values in maps])
    limit = float(np.percentile(magnitudes, 99.5)) or 1.0
    return Normalize(-limit, limit, clip=True)  # CenteredNorm's bar of colors is not linear


def attention_figure(
    image: np.ndarray,
    maps: Mapping[str, np.ndarray],
    title: str = "",
    mask: np.ndarray | None = None,
    aspect: float = 1.0,
    invert: bool = True,
    colormap: str = "viridis",
    signed: Mapping[str, np.ndarray] | None = None,
    class_name: str = "the class",
) -> Figure:
    """Image next to its overlays, one panel for each map, with the mask's contour where there is one.

    Maps with a sign come last and are not laid over the image: red speaks for the class, blue against it, white is
    zero.

    Args:
        image: ``(H, W)``, values in 0 to 1.
        maps: name and attention ``(h, w)`` of each panel.
        title: line above the panels.
        mask: ``(H, W)``, positive inside the region to be found.
        aspect: height over width of a pixel in mm.
        invert: show high values dark.
        colormap: matplotlib's name of the color map of attention.
        signed: name and contribution ``(h, w)`` of further panels.
        class_name: class to which ``signed`` contributes.

    Example:
        >>> figure = attention_figure(np.zeros((4, 6)), {"fine": np.ones((2, 3)), "coarse": np.ones((1, 1))})
        >>> [axis.get_title() for axis in figure.axes]
        ['image', 'fine (2x3)', 'coarse (1x1)']
    """
    height, width = image.shape[0] * aspect, image.shape[1]
    signed = signed or {}
    panel, panels = 3.2, 1 + len(maps) + len(signed)
    figure = Figure(figsize=(panel * panels + len(signed), panel * height / width + 0.7), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    axes[0].imshow(image, cmap="gray_r" if invert else "gray", vmin=0, vmax=1, aspect=aspect)
    axes[0].set_title("image")
    for axis, (name, attention) in zip(axes[1:], maps.items()):
        axis.imshow(overlay_attention(image, attention, colormap, invert=invert), aspect=aspect)
        axis.set_title(f"{name} ({attention.shape[0]}x{attention.shape[1]})")
    for axis, (name, values) in zip(axes[1 + len(maps) :], signed.items()):
        extent = (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5)  # over the whole image, as its pixels lie
        drawn = axis.imshow(values, SIGNED_COLORS, centered_norm([values]), extent=extent, interpolation="nearest")
        axis.set_aspect(aspect)
        axis.set_title(f"{name} ({values.shape[0]}x{values.shape[1]})")
        figure.colorbar(drawn, ax=axis, label=f"red: for {class_name}, blue: against it")
    for axis in axes:
        axis.set_axis_off()
        if mask is not None and mask.any():
            axis.contour(mask > 0, levels=[0.5], colors="tab:red", linewidths=0.8)
    if title:
        figure.suptitle(title)
    return figure
