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
"""Explanations of every image, with the network's output, while an engine runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from ignite.engine import Engine
from monai.engines import IterationEvents

__all__ = ["ExplanationMaps"]


class ExplanationMaps:
    """Put the maps of explainers into ``engine.state.output``, one ``(1, *S)`` for each item under each name.

    They are there after postprocessing and before metrics and other handlers look at the output, so that
    ``output_transform=from_engine([name, "region"])`` reads them.

    Args:
        explainers: name and ``explainer(image, class_idx) -> (B, 1, *S)`` of each map, see :mod:`monai_dd.explain`.
        image_key: image in ``engine.state.batch``, as the network saw it.
        class_idx: class to explain; the predicted one of each image when None.

    Example:
        >>> from monai.data import DataLoader, Dataset
        >>> from monai.engines import SupervisedEvaluator
        >>> from monai_dd.explain import RandomControl
        >>> loader = DataLoader(Dataset([{"image": torch.rand(1, 8, 8)}]))
        >>> handler = ExplanationMaps({"random": RandomControl()})
        >>> evaluator = SupervisedEvaluator(torch.device("cpu"), loader, torch.nn.Flatten(), val_handlers=[handler])
        >>> evaluator.run()
        >>> evaluator.state.output[0]["random"].shape
        torch.Size([1, 8, 8])
    """

    def __init__(
        self, explainers: Mapping[str, Callable], image_key: str = "image", class_idx: int | None = None
    ) -> None:
        self.explainers = dict(explainers)
        self.image_key = image_key
        self.class_idx = class_idx

    def attach(self, engine: Engine) -> None:
        """Explain after every pass of the network of ``engine``, one of MONAI's with ``decollate=True``."""
        engine.add_event_handler(IterationEvents.MODEL_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Explain the images of the engine's current batch.

        Raises:
            ValueError: for a batch that is not decollated, without images, or an output that has one of the names.
        """
        batch, output = engine.state.batch, engine.state.output
        if not isinstance(batch, list) or not isinstance(output, list):
            raise ValueError("ExplanationMaps: expected an engine with decollate=True")
        if any(self.image_key not in item for item in batch):
            raise ValueError(f"image_key: expected a key of the batch, got {self.image_key!r}")
        taken = [name for name in self.explainers if name in output[0]]
        if taken:
            raise ValueError(f"explainers: expected names that the output does not have, got {taken}")
        images = torch.stack([item[self.image_key].as_subclass(torch.Tensor) for item in batch])
        images = images.to(engine.state.device)
        for name, explainer in self.explainers.items():
            maps = explainer(images, self.class_idx).detach()
            for item, relevance in zip(output, maps, strict=True):
                item[name] = relevance
