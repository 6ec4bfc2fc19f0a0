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
"""Maps of some cases as NIfTI files that lie over one another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import nibabel as nib
import numpy as np
import torch
from monai.data.utils import to_affine_nd
from monai.transforms.utils import scale_affine

from monai_dd.evaluation.schema import (
    CASE_FILE,
    CASE_FOLDER,
    CHANNEL_FILE,
    IMAGE_FILE,
    MASK_FILE,
    map_file,
    split_key,
)
from monai_dd.handlers.figure_saver import check_range, to_gray

__all__ = ["CaseMaps"]


class CaseMaps:
    """Write the first cases of an evaluation, with their maps, to folders ``case_0000``, ``case_0001``, ...

    A folder has ``image.nii.gz`` (one channel, 0 to 1 as it is shown), ``mask.nii.gz`` where there is one, each map at
    its own resolution with an affine that puts it over the image, and ``case.json``. Of an image with several channels
    ``channel_0.nii.gz`` ... hold each of them, in 8 bits. The first process writes.

    Args:
        output_dir: folder of the folders.
        max_cases: how many: the first ones with a mask, or, for data without masks, the first; none when 0.
        class_names: names of the classes.
        channel: channel of the image that is written.
        image_range: intensities written as 0 and 1; what is beyond is clipped.
        background: pixels that have this value in all channels are written as 0, whatever the range.

    Raises:
        ValueError: for a range that is empty, or on :meth:`save` for a channel that the image does not have.

    Example:
        >>> import torch
        >>> from tempfile import mkdtemp
        >>> maps = CaseMaps(mkdtemp())
        >>> maps.save(0, torch.rand(1, 8, 8), {"gradcam/fine": torch.rand(1, 4, 4)}, info={"label": 1})
        >>> sorted(path.name for path in (maps.output_dir / "case_0000").iterdir())
        ['case.json', 'gradcam_fine.nii.gz', 'image.nii.gz']
    """

    def __init__(
        self,
        output_dir: str | Path,
        max_cases: int = 8,
        class_names: Sequence[str] = (),
        channel: int = 0,
        image_range: Sequence[float] = (0.0, 1.0),
        background: float | None = None,
    ) -> None:
        check_range(image_range)
        self.output_dir = Path(output_dir)
        self.max_cases = max_cases
        self.class_names = list(class_names)
        self.channel = channel
        self.image_range = (float(image_range[0]), float(image_range[1]))
        self.background = background
        self.chosen = 0

    def restart(self) -> None:
        """Begin again with the first case."""
        self.chosen = 0

    def choose(self, candidates: Sequence[int]) -> dict[int, int]:
        """Return place in the batch and number of the cases to write, among the places that are candidates."""
        count = self.max_cases - self.chosen if idist.get_rank() == 0 else 0
        numbers = {place: self.chosen + k for k, place in enumerate(list(candidates)[: max(0, count)])}
        self.chosen += len(numbers)
        return numbers

    def save(
        self,
        number: int,
        image: torch.Tensor,
        maps: Mapping[str, torch.Tensor],
        mask: torch.Tensor | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one case.

        Args:
            number: of the case.
            image: ``(C, *S)`` in 2D or 3D; its affine, where it has one, is that of the files.
            maps: explainer and level as in ``gradcam/fine``, a name alone for a map of the image's own resolution, and
                maps ``(1, *s)``.
            mask: ``(1, *S)``.
            info: what ``case.json`` holds in addition to the names of the classes.
        """
        folder = self.output_dir / CASE_FOLDER.format(number)
        folder.mkdir(parents=True, exist_ok=True)
        gray = to_gray(image, self.channel, self.image_range, self.background)
        frame = to_affine_nd(3, np.asarray(getattr(image, "affine", np.eye(4)), dtype=np.float64))
        planes = {IMAGE_FILE: gray, **({} if mask is None else {MASK_FILE: _array(mask)})}
        planes.update({map_file(*split_key(key)): _array(relevance) for key, relevance in maps.items()})
        channels = range(len(image)) if len(image) > 1 else []
        names = {CHANNEL_FILE.format(c): to_gray(image, c, self.image_range, self.background) for c in channels}
        for name, values in (planes | names).items():
            place = to_affine_nd(3, scale_affine(gray.shape, values.shape))
            file = nib.Nifti1Image(values.astype(np.float32), frame @ place)
            file.set_data_dtype(np.uint8 if name in names else np.float32)
            nib.save(file, folder / name)
        text = json.dumps({**(info or {}), "class_names": self.class_names}, indent=4)
        (folder / CASE_FILE).write_text(text + "\n", encoding="utf-8")


def _array(x: torch.Tensor) -> np.ndarray:
    return torch.as_tensor(x).detach().float().cpu().numpy()[0]
