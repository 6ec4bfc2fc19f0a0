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
"""One adversarial training step next to a plain one: what FGSM on half of each batch costs.

Both are ``SupervisedTrainer`` over the same prepared batches, with DenseNet-121 cut after dense block 2, the balanced
loss and stochastic gradient descent of Khakzar et al. 2019 (Section 3.2). The adversarial one has
``AdversarialUpdate``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from statistics import median

import torch
from common import BenchmarkParser, in_turns, ratio, seconds, write_rows
from monai.engines import SupervisedTrainer

from monai_dd.engines import AdversarialUpdate
from monai_dd.losses import BalancedBCELoss
from monai_dd.networks.encoders import DenseNetEncoder
from monai_dd.networks.nets import AttentionClassifier

FIELDS = ["step", "perturbed", "attack_steps", "precision", "device", "threads", "num_blocks", "image_size"]
FIELDS += ["batch_size", "repeats", "median_seconds", "min_seconds", "times_plain"]
CLASSES = 14
EPSILON = 0.005


def build(args: argparse.Namespace, batches: list[dict], update: AdversarialUpdate | None) -> SupervisedTrainer:
    """A trainer of one epoch for each turn; the same seed gives the same weights every time."""
    torch.manual_seed(0)
    network = AttentionClassifier(DenseNetEncoder(2, 1, num_blocks=args.num_blocks), CLASSES).to(args.device)
    return SupervisedTrainer(
        device=torch.device(args.device),
        max_epochs=1,
        train_data_loader=batches,
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9),
        loss_function=BalancedBCELoss(),
        iteration_update=update,
        amp=args.amp,
        optim_set_to_none=True,
    )


def compare(args: argparse.Namespace) -> list[dict]:
    generator = torch.Generator().manual_seed(1)
    shape = (args.batch_size, 1, args.image_size, args.image_size)
    batches = [
        {
            "image": torch.rand(shape, generator=generator),
            "label": (torch.rand(args.batch_size, CLASSES, generator=generator) < 0.05).float(),
        }
        for _ in range(args.steps)
    ]
    kinds = [("plain", 0.0, 0), ("adversarial", 0.5, 1), ("adversarial", 1.0, 1)]
    kinds += [("adversarial", 0.5, steps) for steps in args.attack_steps]
    updates = [AdversarialUpdate(EPSILON, fraction, steps) if steps else None for _, fraction, steps in kinds]
    trainers = [build(args, batches, update) for update in updates]
    for trainer in trainers:
        for _ in range(args.warm_up):
            seconds(trainer.run, args.device)
    times = in_turns([partial(seconds, trainer.run, args.device) for trainer in trainers], args.repeats)

    rows = []
    for (step, fraction, steps), own in zip(kinds, times, strict=True):
        values = [step, fraction, steps, "amp" if args.amp else "float32", args.device, torch.get_num_threads()]
        values += [args.num_blocks, args.image_size, args.batch_size, args.repeats]
        values += [f"{median(own) / args.steps:.4g}", f"{min(own) / args.steps:.4g}", f"{ratio(own, times[0]):.3f}"]
        rows.append(dict(zip(FIELDS, values, strict=True)))
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = BenchmarkParser("adversarial_step", __doc__, repeats=15)
    parser.add_argument("--batch_size", type=int, default=8, help="images per batch (default: 8; 32 in the paper)")
    parser.add_argument("--image_size", type=int, default=64, help="side of the images (default: 64; 224 in the paper)")
    parser.add_argument("--num_blocks", type=int, default=2, choices=(1, 2, 3, 4), help="dense blocks (default: 2)")
    parser.add_argument("--attack_steps", type=int, nargs="*", default=[], help="PGD with so many steps too")
    parser.add_argument("--steps", type=int, default=2, help="steps of each turn (default: 2)")
    parser.add_argument("--warm_up", type=int, default=1, help="turns before the clock starts (default: 1)")
    parser.add_argument("--amp", action="store_true", help="mixed precision, on CUDA")
    args = parser.read(argv)
    if args.image_size < 32:
        parser.error(f"--image_size: expected 32 or more, got {args.image_size}")
    if args.amp and args.device.partition(":")[0] != "cuda":
        parser.error(f"--amp: expected a CUDA device, got {args.device!r}")
    write_rows(args.output, FIELDS, compare(args))


if __name__ == "__main__":
    main()
