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
"""The six poolings of the loss-based attention paper (Shi et al. 2021) on a set of images, as a table of accuracies.

The single-label experiment of Section V: VGG-11 that keeps the resolution, patches of 9x9 cells with stride 4, 200
epochs of stochastic gradient descent, or of Adam for mean pooling and dynamic routing. The two loss attentions train
their patches too (Eq. 9, gamma 0.1 after a Gaussian ramp-up); the other poolings have the loss of the image alone
(gamma 0). There is no augmentation, of which the paper says nothing, and no choice of a model: the network of the last
epoch is tested.

The default needs no download: the 1,797 handwritten digits of 8x8 pixels that come with scikit-learn, 70 % for training
and 30 % for the test, with a small network (4 instead of 64 features; 3x3 cells with stride 1, which gives the same 6x6
patches) and a tenth of the epochs. The other data sets are read from their published files.

Example:
  python examples/patch_attention.py --dataset cifar10 --dataset_dir data --pooling loss_attention --output_dir runs
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import NoReturn

import torch
from image_sets import IMAGE_SETS, load_image_set
from patch_training import Result, train_and_test
from tqdm import tqdm

from monai_dd.utils.enums import PatchPooling

__all__ = ["format_table", "main"]

ALL = "all"


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())} (see --help)\n")


def format_table(results: Sequence[Result]) -> str:
    """Markdown, one row for each pooling; the standard deviation is that of the sample of seeds."""
    lines = ["| pooling | optimizer | gamma | parameters | accuracy in % |", "|---|---|---|---|---|"]
    for pooling in dict.fromkeys(result.pooling for result in results):
        rows = [result for result in results if result.pooling == pooling]
        accuracies = [100 * row.accuracy for row in rows]
        text = f"{mean(accuracies):.1f}" + (f" ± {stdev(accuracies):.1f}" if len(accuracies) > 1 else "")
        lines.append(f"| {pooling} | {rows[0].optimizer} | {rows[0].gamma:g} | {rows[0].parameters:,} | {text} |")
    return "\n".join(lines) + "\n"


def parse(argv: Sequence[str] | None) -> tuple[OneLineParser, argparse.Namespace]:
    """Options, checked; the defaults of some depend on the data set."""
    parser = OneLineParser("patch_attention", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = [kind.value for kind in PatchPooling]
    parser.add_argument("--dataset", choices=IMAGE_SETS, default="digits", help="what to train on (default: digits)")
    parser.add_argument("--dataset_dir", type=Path, help="folder of its published files; none for digits")
    poolings = {"choices": [*kinds, ALL], "default": [ALL], "metavar": "POOLING"}
    parser.add_argument("--pooling", nargs="+", **poolings, help="%(choices)s, which is the default")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="a training each (default: 0 1 2)")
    parser.add_argument("--epochs", type=int, help="of each training (default: 200; 20 for digits)")
    parser.add_argument("--batch_size", type=int, default=128, help="images per batch (default: 128, as in the paper)")
    parser.add_argument("--features", type=int, help="of VGG's first stage (default: 64; 4 for digits)")
    parser.add_argument("--device", help="cpu or cuda (default: cuda if there is one)")
    parser.add_argument("--threads", type=int, default=1, help="of torch; another number rounds otherwise (default: 1)")
    parser.add_argument("--output_dir", type=Path, help="folder for DATASET.csv, a row a training (default: none)")
    args = parser.parse_args(argv)
    args.pooling = kinds if ALL in args.pooling else list(dict.fromkeys(args.pooling))
    for name in ("epochs", "features"):
        if getattr(args, name) is None:
            setattr(args, name, getattr(IMAGE_SETS[args.dataset], name))
    for name in ("epochs", "batch_size", "features", "threads"):
        if getattr(args, name) < 1:
            parser.error(f"--{name}: expected 1 or more, got {getattr(args, name)}")
    if min(args.seeds) < 0 or max(args.seeds) >= 2**32 or len(set(args.seeds)) < len(args.seeds):
        parser.error(f"--seeds: expected different numbers from 0 to 2**32 - 1, got {args.seeds}")
    if IMAGE_SETS[args.dataset].reader is None:
        if args.dataset_dir is not None:
            parser.error(f"--dataset_dir: expected none for {args.dataset}, got {args.dataset_dir}")
    elif args.dataset_dir is None:
        parser.error(f"--dataset_dir: expected the folder of {args.dataset}, got none")
    elif not args.dataset_dir.is_dir():
        parser.error(f"--dataset_dir: expected a folder, got {args.dataset_dir}")
    cuda = torch.cuda.is_available()
    args.device = args.device or ("cuda" if cuda else "cpu")
    if args.device.partition(":")[0] not in (["cpu", "cuda"] if cuda else ["cpu"]):
        parser.error(f"--device: expected cpu{' or cuda' if cuda else ' where torch sees no CUDA'}, got {args.device}")
    return parser, args


def main(argv: Sequence[str] | None = None) -> int:
    """Train the poolings with all seeds and print the table; the exit status is 0, or 2 with one line."""
    parser, args = parse(argv)
    torch.set_num_threads(args.threads)
    output = None if args.output_dir is None else args.output_dir / f"{args.dataset}.csv"
    try:
        if output is not None:  # before the training rather than after it
            output.parent.mkdir(parents=True, exist_ok=True)
            output.open("a").close()
    except OSError as error:
        parser.error(f"--output_dir: expected a folder to write to, got {args.output_dir} ({error.strerror})")
    try:
        parts = {seed: load_image_set(args.dataset, args.dataset_dir, seed) for seed in args.seeds}
    except (ValueError, OSError) as error:
        parser.error(str(error))

    results = []
    with tqdm(total=len(args.pooling) * len(args.seeds) * args.epochs, unit="epoch", disable=None) as progress:
        for pooling in map(PatchPooling, args.pooling):
            for seed in args.seeds:
                progress.set_description(f"{pooling}, seed {seed}")
                results.append(train_and_test(pooling, seed, parts[seed], args, progress))
    print(format_table(results), end="")
    if output is not None:
        with output.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([Result._fields, *results])
    return 0


if __name__ == "__main__":
    sys.exit(main())
