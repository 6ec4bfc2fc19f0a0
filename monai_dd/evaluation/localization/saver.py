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
"""Localization accuracy of every explainer on the boxes of an evaluation, written to one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from monai_dd.evaluation.files import write_csv
from monai_dd.evaluation.localization.reader import read_localization
from monai_dd.evaluation.maps.writer import CaseMaps
from monai_dd.evaluation.schema import LOCALIZATION_COLUMNS, LOCALIZATION_FILE
from monai_dd.metrics import BoxLocalizationMetric, compute_box_iou

__all__ = ["LocalizationSaver"]


class LocalizationSaver:
    """Explain the images of an evaluator for each class that has a box, and write ``localization.csv``.

    The file has a line for each method, class and threshold of the intersection over union, see
    :func:`~monai_dd.metrics.compute_box_localization`, with the number of images that have a box of the class. The
    same numbers are in ``engine.state.metrics`` as ``<name>_<method>_<class>_T<threshold>``, and their means over the
    classes that have a number as ``<name>_<method>_mean_T<threshold>``. Images without boxes are passed over.

    Args:
        output_dir: folder of the file, made when it is not there.
        explainers: gives the explainers by their names; called when the engine has loaded the weights. Values are
            ``explainer(image, class_idx) -> (B, 1, *S)``, see :func:`monai_dd.explain.make_explainers`.
        class_names: names of the classes, in the order of the mask's channels.
        variant: name of the network in the file.
        seed: number of the run in the file.
        iou_thresholds: see :func:`~monai_dd.metrics.compute_box_localization`, as are ``folds`` and ``select``.
        folds: parts of the images.
        select: ``accuracy`` or ``mean_iou``.
        split_seed: of the parts, into which the images are dealt by their results, so those of two methods differ.
        maps: writes the maps of some boxes, see :class:`~monai_dd.evaluation.CaseMaps`; a case is an image and a class.
        maps_per_class: boxes of a class whose maps are written, the first ones.
        name: with which the metrics begin.
        image_key, mask_key, case_key: of items of batch or output; the mask is ``(K, *S)``, positive in the boxes of
            each class, and the case, which only ``maps`` needs, a string that tells an image from the others.

    Raises:
        ValueError: for other options; when the folder has results of another variant or seed; for items without image
            or mask, or masks of another number of classes or size; and in the end, when no image has a box.

    Example:
        >>> import tempfile
        >>> from monai.data import DataLoader, Dataset
        >>> from monai.engines import SupervisedEvaluator
        >>> boxes = torch.zeros(1, 8, 8)
        >>> boxes[:, 2:5, 2:5] = 1
        >>> loader = DataLoader(Dataset([{"image": boxes, "boxes": boxes}] * 5), batch_size=5)
        >>> explainers = {"identity": lambda image, class_idx: image}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     saver = LocalizationSaver(folder, lambda: explainers, ["Mass"], "baseline", iou_thresholds=[0.5])
        ...     evaluator = SupervisedEvaluator(torch.device("cpu"), loader, torch.nn.Flatten(), val_handlers=[saver])
        ...     evaluator.run()
        >>> evaluator.state.metrics["localization_identity_Mass_T0.5"]
        1.0
    """

    def __init__(
        self,
        output_dir: str | Path,
        explainers: Callable[[], Mapping[str, Callable]],
        class_names: Sequence[str],
        variant: str,
        seed: int = 0,
        iou_thresholds: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
        folds: int = 5,
        select: str = "accuracy",
        split_seed: int = 0,
        maps: CaseMaps | None = None,
        maps_per_class: int = 1,
        name: str = "localization",
        image_key: str = "image",
        mask_key: str = "boxes",
        case_key: str = "case",
    ) -> None:
        self.path = Path(output_dir) / LOCALIZATION_FILE
        self.make_explainers = explainers
        self.class_names = list(class_names)
        self.variant = variant
        self.seed = seed
        self.make_metric = lambda: BoxLocalizationMetric(iou_thresholds, folds, select, split_seed)
        self.iou_thresholds = self.make_metric().iou_thresholds
        self.maps = maps
        self.maps_per_class = maps_per_class
        self.name = name
        self.image_key, self.mask_key, self.case_key = image_key, mask_key, case_key

    def attach(self, engine: Engine) -> None:
        """Explain after every iteration of ``engine``, one of MONAI's with ``decollate=True``."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self._finish)

    def _start(self) -> None:
        if self.path.is_file():
            found = {(run.variant, run.seed) for run in read_localization([self.path])}
            if found != {(self.variant, self.seed)}:
                raise ValueError(
                    f"output_dir: expected results of {self.variant!r} and seed {self.seed} or none in "
                    f"{self.path.parent.name!r}, got those of another variant or seed"
                )
        self.explainers = dict(self.make_explainers())
        self.metrics = {method: self.make_metric() for method in self.explainers}
        self.images = 0
        self.shown = [0] * len(self.class_names)
        if self.maps is not None:
            self.maps.restart()

    def __call__(self, engine: Engine) -> None:
        """Explain the boxes of the engine's current batch."""
        items = [{**item, **more} for item, more in zip(engine.state.batch, engine.state.output, strict=True)]
        image, mask = (self._stack(items, key, engine.state.device) for key in (self.image_key, self.mask_key))
        if mask.shape[1:] != (len(self.class_names), *image.shape[2:]):
            raise ValueError(
                f"{self.mask_key}: expected masks ({len(self.class_names)}, *S) of the image's size "
                f"{tuple(image.shape[2:])}, got {tuple(mask.shape[1:])}"
            )
        self.images += len(image)
        boxed = (mask > 0).flatten(2).any(2)
        rows, classes = boxed.nonzero(as_tuple=True)
        numbers = self._choose(classes.tolist())
        found: dict[int, dict[str, torch.Tensor]] = {place: {} for place in numbers}
        kept = boxed.any(1)
        kept[0] |= not len(rows)  # all processes must have something to gather
        for method, explainer in self.explainers.items():
            curves = torch.full((*boxed.shape, 256), torch.nan, device=mask.device)
            if len(rows):
                relevance = explainer(image[rows], classes)
                curves[rows, classes] = compute_box_iou(relevance, mask[rows, classes, None])[:, 0]
                for place in numbers:
                    found[place][method] = relevance[place]
            self.metrics[method].extend(curves[kept])
        for place, number in numbers.items():
            self._save(number, items[rows[place]], int(classes[place]), found[place])

    def _stack(self, items: Sequence[dict], key: str, device: torch.device) -> torch.Tensor:
        if any(item.get(key) is None for item in items):
            raise ValueError(f"LocalizationSaver: expected {key!r} in every item of batch or output")
        return torch.stack([torch.as_tensor(item[key]).as_subclass(torch.Tensor) for item in items]).to(device)

    def _choose(self, classes: Sequence[int]) -> dict[int, int]:
        """Return place among the boxes of the batch and number of those whose maps are written."""
        if self.maps is None:
            return {}
        candidates = []
        for place, k in enumerate(classes):
            if self.shown[k] < self.maps_per_class:
                self.shown[k] += 1
                candidates.append(place)
        return self.maps.choose(candidates)

    def _save(self, number: int, item: dict, k: int, found: Mapping[str, torch.Tensor]) -> None:
        if item.get(self.case_key) is None:
            raise ValueError(f"LocalizationSaver: expected {self.case_key!r} in every item of batch or output")
        info = {"image": f"{item[self.case_key]}, {self.class_names[k]}", "label": k}
        info.update(variant=self.variant, seed=self.seed)
        self.maps.save(number, item[self.image_key], found, item[self.mask_key][k : k + 1], info)  # type: ignore[union-attr]

    def _finish(self, engine: Engine) -> None:
        lines = []
        for method, metric in self.metrics.items():
            accuracy, counts = metric.aggregate(), metric.count_images().tolist()
            if not any(counts):
                raise ValueError(f"{self.mask_key}: expected images with boxes, got none among {self.images}")
            for label, values, count in zip(self.class_names, accuracy.tolist(), counts, strict=True):
                for threshold, value in zip(self.iou_thresholds, values, strict=True):
                    engine.state.metrics[f"{self.name}_{method}_{label}_T{threshold:g}"] = value
                    lines.append([method, label, f"{threshold:g}", f"{value:.9g}", count, self.seed, self.variant])
            for threshold, value in zip(self.iou_thresholds, accuracy.nanmean(0).tolist(), strict=True):
                engine.state.metrics[f"{self.name}_{method}_mean_T{threshold:g}"] = value
        if idist.get_rank() == 0:
            write_csv(self.path, LOCALIZATION_COLUMNS, lines)
        idist.barrier()
