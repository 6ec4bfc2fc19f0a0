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
"""Where a slice of the brain is cut in two: functions on one slice, rows by columns."""

from __future__ import annotations

import numpy as np
from monai.config.type_definitions import NdarrayOrTensor
from monai.utils import convert_to_numpy
from scipy.ndimage import binary_fill_holes
from scipy.stats import rankdata

from monai_dd.utils.checks import check_option

__all__ = ["MODES", "SIDES", "brain_columns", "hemisphere_windows", "midline_column"]

MODES = ("boundary", "midline", "matched")
SIDES = ("image_left", "image_right")

Window = tuple[int, int]


def brain_columns(image: NdarrayOrTensor, threshold: float = 0.0) -> Window:
    """Find the columns that the brain covers.

    Args:
        image: ``(H, W)`` or ``(C, H, W)``, background zero; channels count equally, each scaled to a maximum of 1.
        threshold: foreground is what exceeds this fraction of the slice's maximum.

    Returns:
        ``(start, stop)``: the first column with foreground, and the one after the last.

    Raises:
        ValueError: ``image`` has another number of dimensions, contains NaN or has no foreground.

    Example:
        >>> brain_columns(np.array([[0, 0, 1, 9, 2, 0], [0, 0, 0, 7, 0, 0]]))
        (2, 5)
        >>> brain_columns(np.array([[0, 0, 1, 9, 2, 0], [0, 0, 0, 7, 0, 0]]), threshold=0.2)
        (3, 5)
    """
    return _extent(_foreground(_one_channel(image), threshold))


def midline_column(image: NdarrayOrTensor, threshold: float = 0.0) -> int:
    r"""Find the brain's own plane of symmetry, as the boundary between two columns, without a mask.

    Mirroring at the plane :math:`a` swaps the columns :math:`i` and :math:`s - i`, :math:`s = 2a - 1`. With the
    silhouette :math:`M` of the brain (foreground, holes filled) and the centered ranks :math:`R` of the intensities of
    its foreground, zero elsewhere, the plane maximizes overlap plus rank correlation of the slice and its mirror image,

    .. math:: \frac{\sum_{r,i} M_{r,i} M_{r,s-i}}{\sum M^2} + \frac{\sum_{r,i} R_{r,i} R_{r,s-i}}{\sum R^2},

    over the planes in the central third of the columns that the brain covers. Ranks, because a bright tumor on one
    side then weighs no more than its area. Both sums are self-convolutions of the rows, so all planes are scored at
    once. The score reaches 2 at the plane of a slice that is exactly symmetric, and nowhere else; it moves with a
    shifted and mirrors with a mirrored slice. Planes half a column apart are compared; if the best one runs through
    the middle of a column, the better of the two edges of that column is returned, the left one if they are equal.

    Args:
        image: ``(H, W)`` or ``(C, H, W)``, background zero; channels count equally, each scaled to a maximum of 1.
        threshold: foreground is what exceeds this fraction of the slice's maximum; above 0 where the background is
            noisy, as in slices stored as JPEG.

    Returns:
        the first column right of the plane.

    Raises:
        ValueError: ``image`` has another number of dimensions, contains NaN or has no foreground.

    Example:
        >>> midline_column(np.array([[0, 0, 1, 5, 5, 1], [0, 0, 2, 3, 3, 2]]))
        4
    """
    image = _one_channel(image)
    foreground = _foreground(image, threshold)
    ranks = np.zeros(image.shape)
    ranks[foreground] = rankdata(image[foreground]) - (foreground.sum() + 1) / 2
    # rounding: equal scores differ by the noise of the Fourier transform
    score = np.round(_mirror_overlap(binary_fill_holes(foreground)) + _mirror_overlap(ranks), 9)

    start, stop = _extent(foreground)
    middle, reach = start + stop - 1, (stop - start) // 3
    candidates = sorted(range(middle - reach, middle + reach + 1), key=lambda s: abs(s - middle))
    best = max(candidates, key=lambda s: score[s])  # of equal ones the most central
    if best % 2:
        return (best + 1) // 2
    return best // 2 if score[best - 1] >= score[best + 1] else best // 2 + 1


def hemisphere_windows(
    mode: str, image: NdarrayOrTensor, mask: NdarrayOrTensor | None = None, threshold: float = 0.0
) -> tuple[Window, Window]:
    """Cut a slice into a window of columns on the left and one on the right side of the picture.

    ============ ================================================================================ ==========
    mode         windows                                                                          needs mask
    ============ ================================================================================ ==========
    ``boundary`` left and right of the tumor's edge next to the middle of the slice (Ron et al.   yes
                 2022, Section 4.2): one window holds the whole tumor, the other none of it
    ``midline``  left and right of the brain's own plane of symmetry, ``midline_column``          no
    ``matched``  as ``boundary``, but equally many columns from the outer edges of the brain, so  yes
                 that the width of a window does not tell what is in it; a tumor that crosses the
                 middle is cut short
    ============ ================================================================================ ==========

    A tumor whose mean column index is below ``W / 2`` belongs to the left, any other to the right.

    Args:
        mode: ``"boundary"``, ``"midline"`` or ``"matched"``.
        image: ``(H, W)`` or ``(C, H, W)``, background zero; channels count equally, each scaled to a maximum of 1.
        mask: ``(H, W)`` or ``(1, H, W)``, tumor where positive.
        threshold: fraction of the slice's maximum that foreground exceeds.

    Returns:
        ``(start, stop)`` of the left and of the right window, in columns of the slice.

    Raises:
        ValueError: ``mode`` is unknown, ``mask`` is missing, empty or of another shape, or a window would be empty.

    Example:
        >>> image, mask = np.ones((1, 8)), np.array([[0, 1, 1, 0, 0, 0, 0, 0]])
        >>> hemisphere_windows("midline", image)
        ((0, 4), (4, 8))
        >>> hemisphere_windows("boundary", image, mask)
        ((0, 3), (3, 8))
        >>> hemisphere_windows("matched", image, mask)
        ((0, 3), (5, 8))
    """
    check_option("mode", mode, MODES)
    size = tuple(image.shape[-2:])
    if mode == "midline":
        cut = midline_column(image, threshold)
    else:
        cut = _tumor_edge(mode, mask, size)
    windows = (0, cut), (cut, size[1])
    if mode == "matched":
        start, stop = brain_columns(image, threshold)
        width = min(cut - start, stop - cut)
        windows = (start, start + width), (stop - width, stop)
    for side, window in zip(SIDES, windows):
        if window[0] >= window[1]:
            raise ValueError(f"mode {mode}: expected columns on both sides of the cut at {cut}, got none on {side}")
    return windows


def _one_channel(image: NdarrayOrTensor) -> np.ndarray:
    """Sum of the channels, each divided by its maximum, in float64."""
    array = np.asarray(convert_to_numpy(image), dtype=np.float64)
    if array.ndim not in (2, 3) or array.size == 0:
        raise ValueError(f"image: expected the shape (H, W) or (C, H, W), got {array.shape}")
    if np.isnan(array).any():
        raise ValueError("image: expected numbers, got NaN pixels")
    if array.ndim == 2:
        return array
    peak = array.max(axis=(1, 2), keepdims=True)
    return (array / np.where(peak > 0, peak, 1)).sum(axis=0)


def _foreground(image: np.ndarray, threshold: float) -> np.ndarray:
    foreground = image > max(threshold * image.max(), 0)
    if not foreground.any():
        raise ValueError("image: expected a slice of the brain, got no pixel above zero")
    return foreground


def _extent(foreground: np.ndarray) -> Window:
    columns = np.flatnonzero(foreground.any(axis=0))
    return int(columns[0]), int(columns[-1]) + 1


def _mirror_overlap(image: np.ndarray) -> np.ndarray:
    """Share of ``image`` that meets its mirror image, for every sum ``s`` of mirrored columns; the last entry is 0."""
    width = image.shape[1]
    spectrum = np.fft.rfft(image, n=2 * width, axis=1)
    return np.fft.irfft((spectrum**2).sum(axis=0), n=2 * width) / max(float((image * image).sum()), 1e-12)


def _tumor_edge(mode: str, mask: NdarrayOrTensor | None, size: tuple[int, ...]) -> int:
    """The tumor's edge next to the middle of the slice, as a boundary between columns."""
    if mask is None:
        raise ValueError(f"mask: expected the mask of the tumor for mode {mode}, which cuts at its edge, got none")
    tumor = np.asarray(convert_to_numpy(mask)) > 0
    if tumor.shape not in (size, (1, *size)):
        raise ValueError(f"mask: expected the shape {size} or {(1, *size)} of the slice, got {tumor.shape}")
    columns = np.nonzero(tumor)[-1]
    if columns.size == 0:
        raise ValueError(f"mask: expected a tumor for mode {mode}, which cuts at its edge, got a mask without one")
    return int(columns.max()) + 1 if columns.mean() < size[1] / 2 else int(columns.min())
