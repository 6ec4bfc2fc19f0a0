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
"""Weights of the patches that have the class of their image, and the box of the object."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monai_dd.metrics import boxes_to_mask, mask_boxes, patches_of_label
from monai_dd.utils.outputs import PatchKeys

__all__ = ["LabeledPatches"]


class LabeledPatches:
    """Weights of the patches of the image's class, with a mask; an ``output_transform`` for the metrics of patches.

    The tables of Shi et al. (2021, Section V-D) count a selected patch only where it has a label of its image, and
    compare with boxes, not with outlines.

    Args:
        mask_key: mask ``(1, *S)`` of each item, positive inside.
        label_key: class index.
        boxes: the smallest box around the mask instead of the mask.

    Example:
        >>> weights, logits = torch.tensor([[[0.6, 0.4]]]), torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
        >>> item = {"patch_weights": weights, "patch_logits": logits, "region": torch.ones(1, 4, 8), "label": 1}
        >>> LabeledPatches()([item])[0]
        [tensor([[[0.0000, 0.4000]]])]
    """

    def __init__(self, mask_key: str = "region", label_key: str = "label", boxes: bool = True) -> None:
        self.mask_key = mask_key
        self.label_key = label_key
        self.boxes = boxes

    def __call__(self, output: Sequence[dict]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return weights ``(1, *grid)``, zero for patches of other classes, and masks ``(1, *S)`` of the items.

        Raises:
            ValueError: for an item without patches, mask or label.
        """
        names = (PatchKeys.PATCH_WEIGHTS.value, PatchKeys.PATCH_LOGITS.value, self.mask_key, self.label_key)
        missing = [key for key in names if any(key not in item for item in output)]
        if missing:
            raise ValueError(f"LabeledPatches: expected {missing} in every item, as of a PatchClassifier's evaluation")
        weights, logits, mask = (
            torch.stack([item[key].as_subclass(torch.Tensor) for item in output]) for key in names[:3]
        )
        label = torch.tensor([int(item[self.label_key]) for item in output])
        if self.boxes:
            mask = boxes_to_mask(mask_boxes(mask), mask.shape[2:])
        return list(weights * patches_of_label(logits, label)), list(mask)
