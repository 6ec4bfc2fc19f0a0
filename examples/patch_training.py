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
"""One training of ``patch_attention.py``: the network, optimizer and schedule of Shi et al. (2021), Section V."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import torch
from ignite.engine import Engine, Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy
from image_sets import IMAGE_SETS
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

from monai_dd.handlers import gaussian_ramp_up
from monai_dd.losses import LossAttentionLoss
from monai_dd.networks.encoders import VGGEncoder
from monai_dd.networks.nets import PatchClassifier
from monai_dd.utils.enums import PatchPooling

__all__ = ["Result", "attach_schedule", "build_network", "build_optimizer", "train_and_test"]

GAMMA = {PatchPooling.LOSS_ATTENTION: 0.1, PatchPooling.CAPSULE_LOSS_ATTENTION: 0.1}  # 0 for the others
ADAM = (PatchPooling.MEAN, PatchPooling.CAPSULE_DYNAMIC_ROUTING)


class Result(NamedTuple):
    """A row of the CSV file: one training."""

    dataset: str
    pooling: str
    seed: int
    epochs: int
    optimizer: str
    gamma: float
    parameters: int
    accuracy: float


def build_network(dataset: str, pooling: PatchPooling, features: int, seed: int) -> PatchClassifier:
    """The network for a data set; the seed decides its weights, and the global random state stays as it was."""
    kind = IMAGE_SETS[dataset]
    capsules = max(1, int(kind.capsules_per_feature * features))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PatchClassifier(
            VGGEncoder(2, kind.in_channels, depth=11, features=features, strides=kind.encoder_strides),
            pooling,
            kind.num_classes,
            channels=8 * features,
            kernel_size=kind.kernel_size,
            stride=kind.stride,
            embed_dim=2 * features,
            capsule_channels=(capsules, 2 * capsules),
            capsule_dims=kind.capsule_dims,
            img_size=kind.img_size,
            return_attention=True,
        )


def build_optimizer(pooling: PatchPooling, network: PatchClassifier) -> torch.optim.Optimizer:
    """With the learning rate of Section V before any schedule."""
    if pooling in ADAM:
        return torch.optim.Adam(network.parameters(), lr=0.003, betas=(0.9, 0.99))
    # the paper prints neither momentum nor weight decay: the usual ones of its networks
    return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)


def attach_schedule(trainer: Engine, optimizer: torch.optim.Optimizer, loss: LossAttentionLoss, epochs: int) -> None:
    """Section V in the proportions of its 200 epochs: the ramps of gamma and of Adam end after two fifths of them."""
    ramp, gamma, adam = max(1, 2 * epochs // 5), loss.gamma, isinstance(optimizer, torch.optim.Adam)
    (group,) = optimizer.param_groups
    rate = group["lr"]

    @trainer.on(Events.EPOCH_STARTED)
    def set_epoch(engine: Engine) -> None:
        done = engine.state.epoch - 1
        factor = gaussian_ramp_up(done, ramp)
        loss.gamma = gamma * factor
        if adam:
            group["lr"] = rate * factor * 0.1 ** ((5 * done >= 3 * epochs) + (5 * done >= 4 * epochs))
            group["betas"] = (0.9, 0.99 if done < ramp else 0.999)
        else:
            group["lr"] = rate * 0.1 ** ((2 * done >= epochs) + (4 * done >= 3 * epochs))


def train_and_test(
    pooling: PatchPooling, seed: int, parts: Sequence[TensorDataset], args: argparse.Namespace, progress: tqdm
) -> Result:
    """Train on the first part and measure the accuracy on the second after the last epoch."""
    brightest = IMAGE_SETS[args.dataset].brightest
    network = build_network(args.dataset, pooling, args.features, seed).to(args.device)
    optimizer, loss = build_optimizer(pooling, network), LossAttentionLoss(GAMMA.get(pooling, 0.0))

    def prepare(batch: Sequence[torch.Tensor], device: str, non_blocking: bool) -> tuple[torch.Tensor, torch.Tensor]:
        return batch[0].to(device).float() / brightest, batch[1].to(device)

    trainer = create_supervised_trainer(network, optimizer, loss, args.device, prepare_batch=prepare)
    gamma = loss.gamma
    attach_schedule(trainer, optimizer, loss, args.epochs)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: progress.update())
    order = torch.Generator().manual_seed(seed)
    trainer.run(DataLoader(parts[0], args.batch_size, shuffle=True, generator=order), max_epochs=args.epochs)
    accuracy = {"accuracy": Accuracy(output_transform=lambda output: (output[0]["logits"], output[1]))}
    evaluator = create_supervised_evaluator(network, accuracy, args.device, prepare_batch=prepare)
    evaluator.run(DataLoader(parts[1], args.batch_size))
    count, name = sum(p.numel() for p in network.parameters()), type(optimizer).__name__
    found = evaluator.state.metrics["accuracy"]
    return Result(args.dataset, pooling.value, seed, args.epochs, name, gamma, count, found)
