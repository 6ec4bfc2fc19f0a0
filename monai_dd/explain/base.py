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
"""What all explainers share: the call, and the choice of the class."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

__all__ = ["Explainer", "UnsuitedError", "choose_class", "read_image"]


class UnsuitedError(ValueError):
    """A network that an explainer cannot serve, as against an argument that is wrong."""


class Explainer(ABC):
    """Map of what speaks for a class: ``explainer(image, class_idx) -> (B, 1, *S)``.

    Maps are non-negative, not normalized, and at the resolution of the layer they come from. To compare them with a
    mask is the business of :mod:`monai_dd.metrics`.

    Memory grows with the batch of a call, unless ``images_at_once`` is set: the attention of a network takes that of a
    prediction, class activation maps that of a training step. Explainers that need many predictions for one map, or the
    gradient of the image, have a ``batch_size`` instead, and compute that many images at once whatever the call's.

    Attributes:
        images_at_once: most images of a call that are explained together; all of them when None.

    Example:
        >>> class Brightness(Explainer):
        ...     def _explain(self, image, class_idx):
        ...         return image.mean(1, keepdim=True)
        >>> Brightness()(torch.rand(2, 3, 8, 8)).shape
        torch.Size([2, 1, 8, 8])
    """

    images_at_once: int | None = None

    def __call__(self, image: torch.Tensor, class_idx: int | torch.Tensor | None = None) -> torch.Tensor:
        """Explain each image of a batch by itself.

        Args:
            image: ``(B, C, *spatial)``, 2D or 3D.
            class_idx: class to explain: one for the batch, one for each image ``(B,)``, or the predicted one when None.

        Returns:
            maps ``(B, 1, *S)``, without gradients.

        Raises:
            ValueError: for an image of another shape, an empty batch, or a class that is none.
        """
        image = read_image(image)
        if self.images_at_once is None or len(image) <= self.images_at_once:
            return self._explain(image, class_idx)
        parts = image.split(self.images_at_once)
        classes = [class_idx] * len(parts)
        if isinstance(class_idx, torch.Tensor) and class_idx.shape == image.shape[:1]:
            classes = list(class_idx.split(len(parts[0])))
        return torch.cat([self._explain(*part) for part in zip(parts, classes, strict=True)])

    @abstractmethod
    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        """Return the maps of a batch."""


def read_image(image: torch.Tensor) -> torch.Tensor:
    """Return the values of a batch alone, without gradients and metadata.

    Raises:
        ValueError: for anything but ``(B, C, *spatial)`` in 2D or 3D with one image or more.
    """
    if image.dim() not in (4, 5):
        raise ValueError(f"image: expected (B, C, H, W) or (B, C, H, W, D), got {tuple(image.shape)}")
    if len(image) == 0:
        raise ValueError("image: expected one image or more, got an empty batch")
    return image.detach().as_subclass(torch.Tensor)


def choose_class(logits: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
    """Return the class to explain for each image, ``(B,)``.

    Args:
        logits: ``(B, K)``; the largest is the predicted class.
        class_idx: one class, classes ``(B,)``, or None for the predicted ones.

    Raises:
        ValueError: for another number of classes than images, or classes outside ``0 .. K - 1``.
    """
    batch, num_classes = logits.shape
    if class_idx is None:
        return logits.argmax(1)
    chosen = torch.as_tensor(class_idx, device=logits.device)
    if chosen.is_floating_point() or chosen.dim() > 1 or (chosen.dim() == 1 and len(chosen) != batch):
        raise ValueError(
            f"class_idx: expected a whole number or {batch} of them, got {tuple(chosen.shape)} of {chosen.dtype}"
        )
    if int(chosen.min()) < 0 or int(chosen.max()) >= num_classes:
        raise ValueError(
            f"class_idx: expected classes 0 to {num_classes - 1}, got {int(chosen.min())} to {int(chosen.max())}"
        )
    return chosen.long().expand(batch)
