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
"""Figures of attention and contributions, written while an engine runs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.data.utils import affine_to_spacing
from monai.utils import ensure_tuple

from monai_dd.networks.layers import contrast, sum_levels
from monai_dd.utils.outputs import read_contributions
from monai_dd.visualize import attention_figure

__all__ = ["AttentionFigureSaver", "check_range", "to_gray"]


class AttentionFigureSaver:
    """Write one PNG for each item of ``engine.state.output``: the image, its attention maps and the contributions.

    Items are numbered in the order they come; the number, not a patient's name, is the name of the file.

    Where the network gave contributions, ``contribution_*`` ``(K, h, w)``, a panel has those to the class with the
    largest prediction, summed over the levels: what each cell adds to its logit, with ``multi_label``, else to its
    logit less the mean of the others, as softmax compares. Red speaks for the class, blue against it.

    Args:
        output_dir: folder of the figures, made when it is not there.
        image_key: image ``(C, H, W)``, with an affine where pixels are not square.
        map_keys: attention maps ``(1, h, w)``, non-negative.
        pred_key: probabilities ``(K,)`` for the title, where present.
        label_key: class index for the title, or with ``multi_label`` zeros and ones ``(K,)``, where present.
        mask_key: mask ``(1, H, W)``, or ``(K, H, W)`` for each class, for the contour, where present.
        class_names: names of the classes.
        max_figures: figures written at most, none when 0.
        invert: show high values dark.
        channel: channel of the image that is shown.
        image_range: intensities of the image shown from one end of the gray scale to the other; what is beyond is
            clipped.
        background: pixels that have this value in all channels are shown at the lower end, whatever the range: after a
            normalization to mean 0 the background is 0, which is not dark.
        multi_label: whether an image has any number of labels; the title names those above one half,
            the most probable one first.

    Raises:
        ValueError: for a range that is empty, or on call for a channel that the image does not have.

    Example:
        >>> import tempfile
        >>> engine = Engine(lambda engine, batch: batch)
        >>> item = {"image": torch.rand(1, 8, 8), "attention_fine": torch.rand(1, 4, 4), "label": 1}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     AttentionFigureSaver(folder).attach(engine)
        ...     _ = engine.run([[item]])
        ...     [file.name for file in Path(folder).iterdir()]
        ['case_0000.png']
    """

    def __init__(
        self,
        output_dir: str | Path,
        image_key: str = "image",
        map_keys: Sequence[str] = ("attention_fine", "attention_coarse"),
        pred_key: str = "pred",
        label_key: str = "label",
        mask_key: str = "region",
        class_names: Sequence[str] = (),
        max_figures: int = 16,
        invert: bool = True,
        channel: int = 0,
        image_range: Sequence[float] = (0.0, 1.0),
        background: float | None = None,
        multi_label: bool = False,
    ) -> None:
        check_range(image_range)
        self.output_dir = Path(output_dir)
        self.image_key = image_key
        self.map_keys = ensure_tuple(map_keys)
        self.pred_key = pred_key
        self.label_key = label_key
        self.mask_key = mask_key
        self.class_names = list(class_names)
        self.max_figures = max_figures
        self.invert = invert
        self.channel = channel
        self.background = background
        self.multi_label = multi_label
        self.image_range = (float(image_range[0]), float(image_range[1]))
        self.written = 0

    def attach(self, engine: Engine) -> None:
        """Write after every iteration of ``engine``."""
        engine.add_event_handler(Events.STARTED, self._restart)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def _restart(self) -> None:
        self.written = 0

    def _name(self, index: int) -> str:
        return self.class_names[index] if index < len(self.class_names) else str(index)

    def _title(self, item: dict) -> str:
        if self.multi_label:
            panels = 1 + sum(key in item for key in self.map_keys) + ("contribution_fine" in item)
            width = 32 * panels  # letters above the panels
            return "\n".join(textwrap.fill(line, width) for line in self._labels(item))
        parts = []
        if item.get(self.label_key) is not None:
            parts.append(f"label {self._name(int(item[self.label_key]))}")
        if item.get(self.pred_key) is not None:
            pred = torch.as_tensor(item[self.pred_key]).flatten()
            parts.append(f"predicted {self._name(int(pred.argmax()))} ({float(pred.max()):.2f})")
        return ", ".join(parts)

    def _contribution(self, item: dict) -> dict:
        """Arguments of the figure for the panel of contributions, none where there are none."""
        if "contribution_fine" not in item or item.get(self.pred_key) is None:
            return {}
        total = sum_levels([torch.as_tensor(one)[None].float() for one in read_contributions(item)])
        total = total if self.multi_label else contrast(total)
        chosen = int(torch.as_tensor(item[self.pred_key]).argmax())
        return {"signed": {"contribution": _plane(total[0], chosen)}, "class_name": self._name(chosen)}

    def _labels(self, item: dict) -> Iterator[str]:
        if item.get(self.label_key) is not None:
            found = torch.as_tensor(item[self.label_key]).flatten().nonzero()
            yield f"label {' and '.join(self._name(int(i)) for i in found) or 'none'}"
        if item.get(self.pred_key) is not None:
            pred = torch.as_tensor(item[self.pred_key]).flatten()
            found = [i for i in pred.argsort(descending=True) if pred[i] > 0.5]
            yield f"predicted {' and '.join(f'{self._name(int(i))} ({float(pred[i]):.2f})' for i in found) or 'none'}"

    def __call__(self, engine: Engine) -> None:
        """Write the figures of the engine's current output."""
        for item in engine.state.output:
            if self.written >= self.max_figures:
                return
            image = item[self.image_key]
            spacing = affine_to_spacing(image.affine) if hasattr(image, "affine") else np.ones(2)
            mask = item.get(self.mask_key)
            figure = attention_figure(
                to_gray(image, self.channel, self.image_range, self.background),
                {key.replace("_", " "): _plane(item[key]) for key in self.map_keys if key in item},
                title=self._title(item),
                mask=None if mask is None else _plane(torch.as_tensor(mask).amax(0, keepdim=True)),
                aspect=float(spacing[0] / spacing[1]),
                invert=self.invert,
                **self._contribution(item),
            )
            self.output_dir.mkdir(parents=True, exist_ok=True)
            figure.savefig(self.output_dir / f"case_{self.written:04d}.png", dpi=100)
            self.written += 1


def _plane(x: torch.Tensor, channel: int = 0) -> np.ndarray:
    return torch.as_tensor(x).detach().float().cpu().numpy()[channel]


def check_range(image_range: Sequence[float]) -> None:
    """Raise ValueError for a range of intensities that is empty."""
    if len(image_range) != 2 or not image_range[0] < image_range[1]:
        raise ValueError(f"image_range: expected two numbers, the lower one first, got {list(image_range)}")


def to_gray(
    image: torch.Tensor, channel: int = 0, image_range: Sequence[float] = (0.0, 1.0), background: float | None = None
) -> np.ndarray:
    """Return one channel of an image ``(C, *S)`` as numbers from 0 to 1, see :class:`AttentionFigureSaver`.

    Raises:
        ValueError: for a channel that the image does not have.
    """
    if not 0 <= channel < image.shape[0]:
        raise ValueError(f"channel: expected 0 to {image.shape[0] - 1}, got {channel}")
    low, high = image_range
    shown = np.clip((_plane(image, channel) - low) / (high - low), 0, 1)
    if background is not None:
        shown[(torch.as_tensor(image) == background).all(0).cpu().numpy()] = 0
    return shown
