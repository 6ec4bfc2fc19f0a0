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
"""One adversarial training step beside a plain one: what FGSM on half of each batch costs.

Both are ``SupervisedTrainer`` over the same prepared batches, with DenseNet-121 cut after dense block 2, the balanced
loss and stochastic gradient descent of Khakzar et al. 2019 (Section 3.2). The adversarial one has
``AdversarialUpdate``.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
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


def seconds(trainer: SupervisedTrainer, args: argparse.Namespace) -> float:
    """Time of one step."""
    start = perf_counter()
    trainer.run()
    if torch.device(args.device).type == "cuda":
        torch.cuda.synchronize(args.device)
    return (perf_counter() - start) / args.steps


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
            seconds(trainer, args)

    times: list[list[float]] = [[] for _ in kinds]
    for repeat in range(args.repeats):  # in turns, every second turn backwards: what else the machine does hits all
        order = range(len(kinds)) if repeat % 2 == 0 else reversed(range(len(kinds)))
        for k in order:
            times[k].append(seconds(trainers[k], args))

    rows = []
    for (step, fraction, steps), own in zip(kinds, times, strict=True):
        ratio = median(ours / plain for ours, plain in zip(own, times[0], strict=True))  # neighbors on the clock
        values = [step, fraction, steps, "amp" if args.amp else "float32", args.device, torch.get_num_threads()]
        values += [args.num_blocks, args.image_size, args.batch_size, args.repeats]
        values += [f"{median(own):.4g}", f"{min(own):.4g}", f"{ratio:.3f}"]
        rows.append(dict(zip(FIELDS, values, strict=True)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch_size", type=int, default=8, help="images per batch (default: 8; 32 in the paper)")
    parser.add_argument("--image_size", type=int, default=64, help="side of the images (default: 64; 224 in the paper)")
    parser.add_argument("--num_blocks", type=int, default=2, choices=(1, 2, 3, 4), help="dense blocks (default: 2)")
    parser.add_argument("--attack_steps", type=int, nargs="*", default=[], help="PGD with so many steps too")
    parser.add_argument("--repeats", type=int, default=15, help="turns; medians count (default: 15)")
    parser.add_argument("--steps", type=int, default=2, help="steps of each turn (default: 2)")
    parser.add_argument("--warm_up", type=int, default=1, help="turns before the clock starts (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--amp", action="store_true", help="mixed precision, on CUDA")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch on the CPU (default: 1)")
    parser.add_argument("--output", type=Path, default=Path("runs/adversarial_step.csv"), help="CSV to write")
    args = parser.parse_args()
    if min(args.batch_size, args.repeats, args.steps, args.warm_up, *args.attack_steps) < 1:
        parser.error("--batch_size, --attack_steps, --repeats, --steps, --warm_up: expected 1 or more")
    if args.image_size < 32:
        parser.error(f"--image_size: expected 32 or more, got {args.image_size}")
    cuda = torch.device(args.device).type == "cuda"
    if cuda and not torch.cuda.is_available():
        parser.error(f"--device: expected a device that is there, got {args.device!r} and torch sees no CUDA")
    if args.amp and not cuda:
        parser.error(f"--amp: expected a CUDA device, got {args.device!r}")
    torch.set_num_threads(args.threads)

    rows = compare(args)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with args.output.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(", ".join(f"{key} {value}" for key, value in row.items()))
    print(f"written to {args.output}")


if __name__ == "__main__":
    main()
