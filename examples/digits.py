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
"""The six poolings of the loss-based attention paper on scikit-learn's handwritten digits, as a table of accuracies.

1,797 real images of 8x8 pixels that come with the library; 70 % train and 30 % test, stratified and drawn with the
seed. The single-label recipe of Shi et al. (2021), made small: VGG-11 that keeps the resolution, with 4 instead of 64
features; patches of 3x3 cells with stride 1 (6x6 patches, as 9x9 with stride 4 gives on 32x32); and the schedules of
Section V in a tenth of the epochs, SGD, and Adam for mean pooling and dynamic routing. The two loss attentions train
their patches too (Eq. 9, gamma 0.1 after a Gaussian ramp-up); the other poolings have the loss of the image alone
(gamma 0). There is no augmentation and no choice of a model: the network of the last epoch is tested.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple, NoReturn

import torch
from ignite.engine import Engine, Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

from monai_dd.handlers import gaussian_ramp_up
from monai_dd.losses import LossAttentionLoss
from monai_dd.networks.encoders import VGGEncoder
from monai_dd.networks.nets import PatchClassifier
from monai_dd.utils.enums import PatchPooling

__all__ = ["Recipe", "main", "train_and_test"]


class Recipe(NamedTuple):
    """What differs between the poolings."""

    optimizer: str
    gamma: float


SGD, ADAM = "SGD", "Adam"
RECIPES = {
    PatchPooling.MEAN: Recipe(ADAM, 0.0),
    PatchPooling.ATTENTION: Recipe(SGD, 0.0),
    PatchPooling.GATED_ATTENTION: Recipe(SGD, 0.0),
    PatchPooling.LOSS_ATTENTION: Recipe(SGD, 0.1),
    PatchPooling.CAPSULE_LOSS_ATTENTION: Recipe(SGD, 0.1),
    PatchPooling.CAPSULE_DYNAMIC_ROUTING: Recipe(ADAM, 0.0),
}


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit."""
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


@cache
def split_digits(seed: int) -> tuple[TensorDataset, TensorDataset]:
    """Training and test images ``(N, 1, 8, 8)`` from 0 to 1, with their labels ``(N,)``."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).astype("float32").reshape(-1, 1, 8, 8)
    parts = train_test_split(images, labels, test_size=0.3, stratify=labels, random_state=seed)
    train_x, test_x, train_y, test_y = map(torch.from_numpy, parts)
    return TensorDataset(train_x, train_y), TensorDataset(test_x, test_y)


def build_network(pooling: PatchPooling, features: int, seed: int) -> PatchClassifier:
    """The network for 8x8 pixels; the seed decides its weights, and the global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PatchClassifier(
            VGGEncoder(spatial_dims=2, in_channels=1, depth=11, features=features, strides=1),
            pooling,
            num_classes=10,
            channels=8 * features,
            kernel_size=3,
            stride=1,
            embed_dim=2 * features,
            capsule_channels=(features, 2 * features),
            capsule_dims=(8, 16),
            img_size=8,
            return_attention=True,
        )


def attach_schedule(trainer: Engine, optimizer: torch.optim.Optimizer, loss: LossAttentionLoss, epochs: int) -> None:
    """Section V of Shi et al. (2021) in the proportions of its 200 epochs: ramps end after two fifths of them."""
    ramp = max(1, 2 * epochs // 5)
    scheduler: torch.optim.lr_scheduler.LRScheduler
    if isinstance(optimizer, torch.optim.Adam):

        def rate(epoch: int) -> float:
            return gaussian_ramp_up(epoch, ramp) * 0.1 ** ((5 * epoch >= 3 * epochs) + (5 * epoch >= 4 * epochs))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)

        @trainer.on(Events.EPOCH_STARTED)
        def set_betas() -> None:
            optimizer.param_groups[0]["betas"] = (0.9, 0.99 if trainer.state.epoch <= ramp else 0.999)

    else:
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [epochs // 2, 3 * epochs // 4], gamma=0.1)
    maximum = loss.gamma

    @trainer.on(Events.EPOCH_STARTED)
    def set_gamma() -> None:
        loss.gamma = maximum * gaussian_ramp_up(trainer.state.epoch - 1, ramp)

    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: scheduler.step())


def train_and_test(pooling: PatchPooling, seed: int, args: argparse.Namespace, progress: tqdm) -> tuple[int, float]:
    """Number of parameters, and the accuracy on the test images after the last epoch."""
    train, test = split_digits(seed)
    network = build_network(pooling, args.features, seed)
    optimizer: torch.optim.Optimizer
    if RECIPES[pooling].optimizer == ADAM:
        optimizer = torch.optim.Adam(network.parameters(), lr=0.003, betas=(0.9, 0.99))
    else:  # the paper prints neither momentum nor weight decay: the usual ones of its networks
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    loss = LossAttentionLoss(RECIPES[pooling].gamma)
    trainer = create_supervised_trainer(network, optimizer, loss)
    attach_schedule(trainer, optimizer, loss, args.epochs)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: progress.update())
    order = torch.Generator().manual_seed(seed)
    trainer.run(DataLoader(train, args.batch_size, shuffle=True, generator=order), max_epochs=args.epochs)
    accuracy = {"accuracy": Accuracy(output_transform=lambda output: (output[0]["logits"], output[1]))}
    evaluator = create_supervised_evaluator(network, accuracy)
    evaluator.run(DataLoader(test, len(test)))
    return sum(p.numel() for p in network.parameters()), evaluator.state.metrics["accuracy"]


def format_table(rows: dict[PatchPooling, list[tuple[int, float]]]) -> str:
    """Markdown, one row for each pooling; the standard deviation is that of the sample of seeds."""
    lines = ["| pooling | optimizer | gamma | parameters | accuracy in % |", "|---|---|---|---|---|"]
    for pooling, results in rows.items():
        accuracies = [100 * accuracy for _, accuracy in results]
        text = f"{mean(accuracies):.1f}" + (f" ± {stdev(accuracies):.1f}" if len(accuracies) > 1 else "")
        recipe = RECIPES[pooling]
        lines.append(f"| {pooling} | {recipe.optimizer} | {recipe.gamma:g} | {results[0][0]:,} | {text} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Train all poolings with all seeds and print the table; the exit status is 0, or 2 with one line."""
    parser = OneLineParser(prog="digits", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = [kind.value for kind in PatchPooling]
    parser.add_argument("--pooling", nargs="+", choices=kinds, default=kinds, help="which (default: all six)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="a training each (default: 0 1 2)")
    parser.add_argument("--epochs", type=int, default=20, help="of each training (default: 20; 200 in the paper)")
    parser.add_argument("--batch_size", type=int, default=128, help="images per batch (default: 128, as in the paper)")
    parser.add_argument("--features", type=int, default=4, help="of VGG's first stage (default: 4; 64 in the paper)")
    parser.add_argument("--threads", type=int, default=1, help="of torch; another number rounds otherwise (default: 1)")
    parser.add_argument("--output", type=Path, help="file for the table (default: none)")
    args = parser.parse_args(argv)
    for name in ("epochs", "batch_size", "features", "threads"):
        if getattr(args, name) < 1:
            parser.error(f"--{name}: expected 1 or more, got {getattr(args, name)}")
    if min(args.seeds) < 0 or max(args.seeds) >= 2**32 or len(set(args.seeds)) < len(args.seeds):
        parser.error(f"--seeds: expected different numbers from 0 to 2**32 - 1, got {args.seeds}")
    if args.output is not None:
        try:
            args.output.open("a").close()  # before the training rather than after it
        except OSError as error:
            parser.error(f"--output: expected a file that can be written, got {args.output} ({error.strerror})")
    torch.set_num_threads(args.threads)

    poolings = [PatchPooling(kind) for kind in dict.fromkeys(args.pooling)]
    rows: dict[PatchPooling, list[tuple[int, float]]] = {pooling: [] for pooling in poolings}
    with tqdm(total=len(poolings) * len(args.seeds) * args.epochs, unit="epoch", disable=None) as progress:
        for pooling in poolings:
            for seed in args.seeds:
                progress.set_description(f"{pooling}, seed {seed}")
                rows[pooling].append(train_and_test(pooling, seed, args, progress))
    table = format_table(rows)
    print(table, end="")
    if args.output is not None:
        args.output.write_text(table, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
