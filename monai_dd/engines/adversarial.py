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
"""Training on images that are perturbed so as to raise the loss."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from monai.engines import SupervisedTrainer
from torch import nn

from monai_dd.engines.perturb import check_attack, pgd_perturb, unwrap_network

__all__ = ["AdversarialUpdate"]


class AdversarialUpdate:
    """Iteration of MONAI's ``SupervisedTrainer`` that perturbs a part of each batch, its ``iteration_update``.

    Adversarially robust optimization (Khakzar et al. 2019, Eq. 3 and Section 3.4): training goes on from a converged
    network, half of the images of a batch are perturbed by :func:`fgsm_perturb`, the others stay as they are. The
    trainer's own iteration does the rest with the images so made: its events, mixed precision, scaling and accumulation
    of gradients are those of plain training, and ``image`` of its output is what the network was trained on. The attack
    asks the network through the trainer's inferer and its loss, in the trainer's precision.

    Which images are perturbed depends on ``seed`` and the number of the iteration alone: two runs are equal, and so is
    a run that was interrupted and resumed. Where ``fraction`` of the batch is no whole number, it is so on average.

    Args:
        epsilon: largest change of a value, in the units of the image; 0.005 in the paper, of images in 0 to 1.
        fraction: share of each batch that is perturbed.
        steps: 1 for FGSM, more for :func:`pgd_perturb` from a random start.
        step_size: see :func:`pgd_perturb`.
        value_range: see :func:`fgsm_perturb`.
        seed: of the choice of the images, and of the random starts.

    Raises:
        ValueError: for a fraction outside 0 to 1, a negative ``seed``, or what :func:`pgd_perturb` does not take.

    Example:
        >>> from monai.data import DataLoader, Dataset
        >>> data = [{"image": torch.full((1, 2, 2), 0.5), "label": torch.tensor(1)} for _ in range(4)]
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        >>> trainer = SupervisedTrainer(
        ...     torch.device("cpu"),
        ...     max_epochs=1,
        ...     train_data_loader=DataLoader(Dataset(data), batch_size=4),
        ...     network=network,
        ...     optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
        ...     loss_function=nn.CrossEntropyLoss(),
        ...     iteration_update=AdversarialUpdate(epsilon=0.125),
        ...     decollate=False,
        ... )
        >>> trainer.run()
        >>> changed = (trainer.state.output["image"] != 0.5).flatten(1).any(1)
        >>> int(changed.sum())
        2
    """

    def __init__(
        self,
        epsilon: float,
        fraction: float = 0.5,
        steps: int = 1,
        step_size: float | None = None,
        value_range: tuple[float, float] | None = (0.0, 1.0),
        seed: int = 0,
    ) -> None:
        check_attack(epsilon, value_range, steps, step_size)
        if not 0 <= fraction <= 1:
            raise ValueError(f"fraction: expected 0 to 1, got {fraction}")
        if seed < 0:
            raise ValueError(f"seed: expected 0 or more, got {seed}")
        self.epsilon = epsilon
        self.fraction = fraction
        self.steps = steps
        self.step_size = step_size
        self.value_range = value_range
        self.seed = seed

    def __call__(self, engine: SupervisedTrainer, batchdata: Any) -> dict:
        """Perturb, and let the trainer do its iteration.

        Returns:
            the trainer's output: ``image``, ``label``, ``pred`` and ``loss``.

        Raises:
            ValueError: when ``prepare_batch`` gives anything but an image and a target, or for an image with values
                outside the range.
        """
        batch = engine.prepare_batch(batchdata, engine.state.device, engine.non_blocking, **engine.to_kwargs)
        if len(batch) != 2 or not all(isinstance(part, torch.Tensor) for part in batch):
            got = [type(part).__name__ for part in batch]
            raise ValueError(f"AdversarialUpdate: expected an image and a target tensor of prepare_batch, got {got}")
        image, target = batch
        random = np.random.default_rng([self.seed, engine.state.iteration])
        count = int(self.fraction * len(image) + random.random())
        if count > 0:
            rows = torch.as_tensor(random.permutation(len(image))[:count], device=image.device)
            generator = None
            if self.steps > 1:
                generator = torch.Generator(image.device).manual_seed(int(random.integers(2**63)))
            perturbed = pgd_perturb(
                _AsTrained(engine),
                image.as_subclass(torch.Tensor)[rows],
                target.as_subclass(torch.Tensor)[rows],
                partial(_loss, engine),
                self.epsilon,
                self.value_range,
                self.steps,
                self.step_size,
                generator,
            )
            image = image.clone()
            image.as_subclass(torch.Tensor)[rows] = perturbed
        return engine._iteration(_Prepared(engine, (image, target)), batchdata)


class _Prepared:
    """A trainer whose batch is prepared already; all else is the trainer's own."""

    def __init__(self, engine: SupervisedTrainer, batch: tuple) -> None:
        self._engine = engine
        self._batch = batch

    def prepare_batch(self, *_args: Any, **_kwargs: Any) -> tuple:
        return self._batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


class _AsTrained(nn.Module):
    """The network of a trainer, asked through its inferer and in its precision, without what distributes it."""

    def __init__(self, engine: SupervisedTrainer) -> None:
        super().__init__()
        self.network = unwrap_network(engine.network)
        self.engine = engine

    def forward(self, x: torch.Tensor) -> Any:
        with _precision(self.engine):
            return self.engine.inferer(x, self.network)


def _loss(engine: SupervisedTrainer, output: Any, target: torch.Tensor) -> torch.Tensor:
    with _precision(engine):
        return engine.loss_function(output, target).mean()


def _precision(engine: SupervisedTrainer) -> AbstractContextManager:
    mixed = engine.amp and engine.scaler is not None
    return torch.autocast("cuda", **engine.amp_kwargs) if mixed else nullcontext()
