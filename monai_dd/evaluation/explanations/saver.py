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
"""Every explainer and every metric on every image of an evaluation, written to one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from torch import nn
from tqdm import tqdm

from monai_dd.evaluation.explanations.measures import ExplainedBatch, Measure
from monai_dd.evaluation.explanations.writer import ExplanationWriter
from monai_dd.evaluation.maps.writer import CaseMaps
from monai_dd.evaluation.schema import NETWORK, is_signed, split_key
from monai_dd.utils.checks import check_finite, check_option
from monai_dd.utils.weights import compute_checksum

__all__ = ["ExplanationSaver"]


class ExplanationSaver:
    """Explain the images of an evaluator, measure the maps and write ``explanations.csv``.

    Rows are appended map by map, and the same evaluation started again goes on where it stopped. With several processes
    each explains its share of the images. Values depend neither on the size of batches nor on the number of processes.
    Explainers whose name ends in ``_signed`` are not measured, but give maps of the cases that ``maps`` writes.

    Args:
        output_dir: folder of ``explanations.csv``.
        network: the classifier that is explained.
        explainers: gives the explainers; called when the engine has loaded the weights. Keys are name and level as in
            ``gradcam/fine``; a name alone is a map of the image's own resolution. Values are
            ``explainer(image, class_idx) -> (B, 1, *S)``, see :func:`monai_dd.explain.make_explainers`.
        measures: see :class:`~monai_dd.evaluation.LocalizationMeasure` and the others.
        variant: name of the network in the file.
        seed: number of the run in the file.
        explain_class: class to explain; ``predicted`` or ``label`` for that of each image.
        settings: whatever else the values depend on, such as the split of the data list: a folder holds explanations
            of one choice of them.
        maps: writes maps of some cases, see :class:`~monai_dd.evaluation.CaseMaps`.
        multi_label: whether an image has any number of labels, of which the item names one: no predicted class is
            written, and so no accuracy computed.
        image_key, label_key, case_key, group_key: of items of the batch; the case is a string that tells an image from
            the others, the group, where there is one, says whose image it is.
        pred_key, mask_key: of items of the output: probabilities of the classes; the mask where there are masks; those
            of several classes unite.
        predictions: further probabilities of the same images by name, see
            :class:`~monai_dd.handlers.outputs.MaskedOutPrediction`.

    Raises:
        ValueError: for another ``explain_class``; when the folder has results of other weights or settings; for items
            without a case, masks of another size, a class that the network does not have, other ``predictions`` than
            one for each image; and in the end, when no image of data with masks has one.

    Example:
        >>> import tempfile
        >>> from monai.data import DataLoader, Dataset
        >>> from monai.engines import SupervisedEvaluator
        >>> from monai_dd.evaluation import LocalizationMeasure
        >>> region = torch.eye(4)[None]
        >>> loader = DataLoader(Dataset([{"image": region, "label": 1, "case": "1.png", "region": region}]))
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2), torch.nn.Softmax(1))
        >>> explainers = {"identity": lambda image, class_idx: image}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     saver = ExplanationSaver(folder, network, lambda: explainers, [LocalizationMeasure()], "baseline")
        ...     SupervisedEvaluator(torch.device("cpu"), loader, network, val_handlers=[saver]).run()
        ...     [line for line in saver.results.path.read_text().splitlines() if "pointing" in line]
        ['1.png,identity,image,pointing,1,baseline,0,']
    """

    def __init__(
        self,
        output_dir: str | Path,
        network: nn.Module,
        explainers: Callable[[], Mapping[str, Callable]],
        measures: Sequence[Measure],
        variant: str,
        seed: int = 0,
        explain_class: int | str = "predicted",
        settings: Mapping[str, Any] | None = None,
        maps: CaseMaps | None = None,
        multi_label: bool = False,
        image_key: str = "image",
        label_key: str = "label",
        case_key: str = "case",
        pred_key: str = "pred",
        mask_key: str = "region",
        group_key: str = "group",
        predictions: Mapping[str, Callable] | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.network = network
        self.make_explainers = explainers
        self.measures = [measure for measure in measures if measure is not None]
        self.variant = variant
        self.seed = seed
        if isinstance(explain_class, str):
            check_option("explain_class", explain_class, ("predicted", "label"))
        self.explain_class = explain_class
        self.settings = dict(settings or {})
        self.maps = maps
        self.multi_label = multi_label
        self.image_key, self.label_key, self.case_key = image_key, label_key, case_key
        self.pred_key, self.mask_key, self.group_key = pred_key, mask_key, group_key
        self.predictions = dict(predictions or {})

    def attach(self, engine: Engine) -> None:
        """Explain after every iteration of ``engine``, one of MONAI's with ``decollate=True``."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self._finish)

    def _start(self) -> None:
        settings: dict[str, Any] = {"variant": self.variant, "seed": self.seed, "class": self.explain_class}
        settings.update(self.settings, weights=compute_checksum(self.network))
        for measure in self.measures:
            settings.update(measure.settings())
        self.explainers = dict(self.make_explainers())
        self.results = ExplanationWriter(self.output_dir, settings)
        self.masks = self.positives = 0
        if self.maps is not None:
            self.maps.restart()

    def __call__(self, engine: Engine) -> None:
        """Explain and measure the engine's current batch, and write what is not in the file yet."""
        items = [{**item, **more} for item, more in zip(engine.state.batch, engine.state.output, strict=True)]
        for key in (self.image_key, self.label_key, self.case_key, self.pred_key):
            if any(item.get(key) is None for item in items):
                raise ValueError(f"ExplanationSaver: expected {key!r} in every item of batch or output")
        cases = [str(item[self.case_key]) for item in items]
        groups = [str(item.get(self.group_key, "")) for item in items]
        batch, scores = self._read(items, engine.state.device)
        predicted = scores.argmax(1)
        if idist.get_rank() == 0 and ("", NETWORK, "") not in self.results.done:
            self.results.write("", NETWORK, "", {"parameters": sum(p.numel() for p in self.network.parameters())})
        if any((case, NETWORK, "") not in self.results.done for case in cases):
            for case, group, values in zip(
                cases, groups, self._describe(batch, scores, engine.state.output), strict=True
            ):
                if (case, NETWORK, "") not in self.results.done:
                    self.results.write(case, NETWORK, "", values, group)
        shown = self._choose(batch)
        found: dict[int, dict[str, torch.Tensor]] = {place: {} for place in shown}
        bar = tqdm(self.explainers.items(), desc="explain", leave=False, disable=idist.get_rank() > 0)
        for key, explainer in bar:
            bar.set_postfix_str(key)
            name, level = split_key(key)
            todo = {i for i, case in enumerate(cases) if (case, name, level) not in self.results.done}
            todo = set() if is_signed(name) else todo
            places = sorted(todo | set(shown))
            if not places:
                continue
            part = ExplainedBatch(*(None if field is None else field[places] for field in batch))
            relevance = explainer(part.image, part.explained)
            check_finite(f"map of {key}", relevance)
            measures = self.measures if todo else []
            values = {k: v.tolist() for measure in measures for k, v in measure(part, relevance, key).items()}
            for row, i in enumerate(places):
                if i in todo:
                    self.results.write(cases[i], name, level, {k: v[row] for k, v in values.items()}, groups[i])
                if i in shown:
                    found[i][key] = relevance[row]
        for i, number in shown.items():
            info = {"image": cases[i], "label": int(batch.label[i]), "variant": self.variant, "seed": self.seed}
            info.update({} if self.multi_label else {"predicted": int(predicted[i])})
            mask = None if batch.mask is None else batch.mask[i]
            self.maps.save(number, items[i][self.image_key], found[i], mask, info)  # type: ignore[union-attr]

    def _describe(self, batch: ExplainedBatch, scores: torch.Tensor, output: Sequence[dict]) -> list[dict[str, float]]:
        """What is written of each image itself."""
        columns: dict[str, Sequence[float]] = {"label": batch.label.tolist()}
        if not self.multi_label:
            columns["predicted"] = scores.argmax(1).tolist()
            columns |= _name_classes("", scores[:, 1:] if scores.shape[1] == 2 else scores)
            for name, predict in self.predictions.items():
                found = torch.stack(list(predict(output)[0]))
                if found.dim() != 2 or len(found) != len(scores):
                    expected = f"(K,) for each of {len(scores)} images"
                    raise ValueError(f"predictions: expected {expected}, got {tuple(found.shape)} of {name!r}")
                columns |= _name_classes(f"{name}_", found)
        if batch.mask is not None:
            columns["area"] = (batch.mask > 0).flatten(1).float().mean(1).tolist()
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def _read(self, items: Sequence[dict], device: torch.device) -> tuple[ExplainedBatch, torch.Tensor]:
        """The batch, and the probabilities of the classes ``(B, K)``."""

        def stack(key: str) -> torch.Tensor:
            return torch.stack([torch.as_tensor(item[key]).as_subclass(torch.Tensor) for item in items]).to(device)

        image, scores, mask = stack(self.image_key), stack(self.pred_key), None
        label = stack(self.label_key).long()
        if label.numel() != len(items) or not 0 <= int(label.min()) <= int(label.max()) < scores.shape[1]:
            raise ValueError(
                f"{self.label_key}: expected a class from 0 to {scores.shape[1] - 1} for each image, "
                f"got {label.flatten().tolist() if label.numel() == len(items) else f'shape {tuple(label.shape)}'}"
            )
        label = label.flatten()
        if isinstance(self.explain_class, str):
            explained = {"predicted": scores.argmax(1), "label": label}[self.explain_class]
        elif 0 <= self.explain_class < scores.shape[1]:
            explained = torch.full_like(label, self.explain_class)
        else:
            raise ValueError(f"explain_class: expected 0 to {scores.shape[1] - 1}, got {self.explain_class}")
        if all(self.mask_key in item for item in items):
            mask = stack(self.mask_key).amax(1, keepdim=True)
            if mask.shape[2:] != image.shape[2:]:
                raise ValueError(
                    f"{self.mask_key}: expected masks of the image's size, {tuple(image.shape[2:])}, "
                    f"got {tuple(mask.shape[2:])}"
                )
        return ExplainedBatch(image, label, explained, mask), scores

    def _choose(self, batch: ExplainedBatch) -> dict[int, int]:
        candidates = list(range(len(batch.image)))
        if batch.mask is not None:
            candidates = (batch.mask > 0).flatten(1).any(1).nonzero()[:, 0].tolist()
            self.masks += len(batch.image)
            self.positives += len(candidates)
        return {} if self.maps is None else self.maps.choose(candidates)

    def _finish(self) -> None:
        self.results.merge()
        masks, positives = (int(idist.all_reduce(count)) for count in (self.masks, self.positives))
        if masks and not positives:
            raise ValueError(f"{self.mask_key}: expected images with a positive mask, got none among {masks}")


def _name_classes(prefix: str, scores: torch.Tensor) -> dict[str, list[float]]:
    """Columns of ``(B, K)``; a single one is that of class 1."""
    first = int(scores.shape[1] == 1)
    return {f"{prefix}probability_{k}": column.tolist() for k, column in enumerate(scores.unbind(1), start=first)}
