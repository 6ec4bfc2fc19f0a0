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
"""Table VII of the loss-based attention paper: what a training step costs with strides of two in the backbone.

``PatchClassifier`` with loss attention on ResNet-18 and images of 64x64 pixels (Shi et al. 2021, Table VII): a patch
layer with a 9x9 kernel and stride 4 or 2, and a stride of two in none, one, two or three layers of the backbone. The
first of them is the sixth layer (Section V-D), the others, which the paper does not name, begin the next two stages.
A step clears the gradients and runs forward, loss (Eq. 9), backward and SGD. Memory and time are given as ratios to the
row without strides in the backbone and with patch stride 4, next to the seconds and accuracies that the paper prints.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import torch
from common import BenchmarkParser, in_turns, ratio, seconds, write_rows
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from monai_dd.losses import LossAttentionLoss
from monai_dd.networks.encoders import ResNetEncoder
from monai_dd.networks.nets import PatchClassifier

FIELDS = ["backbone_strides", "patch_stride", "patches", "device", "threads", "features", "batch_size", "repeats"]
FIELDS += ["median_seconds", "min_seconds", "times_first", "saved_mib", "saved_ratio", "peak_mib", "peak_ratio"]
FIELDS += ["paper_seconds_per_epoch", "paper_times_first", "paper_accuracy_percent"]
SIZE = 64
KERNEL = 9


class Row(NamedTuple):
    """A row and column of Table VII, with what the paper prints there."""

    strides: tuple[int, ...]  # of the stages of the backbone
    patch_stride: int
    seconds: str
    accuracy: str

    @property
    def padding(self) -> int:
        """Three strides of two leave 8x8 cells, in which no 9x9 patch fits and of which the paper says nothing.

        Padding by 4 gives as many patches as two strides do.
        """
        return 4 if self.strides.count(2) == 3 else 0


ROWS = (
    Row((1, 1, 1, 1), 4, "6.58e2", "92.55"),
    Row((1, 1, 1, 1), 2, "6.60e2", "92.81"),
    Row((1, 2, 1, 1), 4, "2.94e2", "95.27"),
    Row((1, 2, 1, 1), 2, "3.11e2", "95.19"),
    Row((1, 2, 2, 1), 4, "1.17e2", "95.46"),
    Row((1, 2, 2, 1), 2, "1.26e2", "95.26"),
    Row((1, 2, 2, 2), 4, "1.04e2", "95.34"),
    Row((1, 2, 2, 2), 2, "1.06e2", "95.36"),
)


class Contender(NamedTuple):
    """A network with its training step, and the memory that it needs in MiB."""

    step: Callable[[], None]
    patches: str
    saved: float
    peak: float | None


def saved_mebibytes(network: nn.Module, compute: Callable[[], Any]) -> float:
    """What autograd keeps for the backward pass of ``compute``, in MiB: every storage once, weights left out."""
    known = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        result = compute()  # held until the sizes are added up: no storage may take the place of another
    total = sum(sizes.values()) / 2**20
    del result
    return total


def build(row: Row, args: argparse.Namespace) -> Contender:
    """A contender after its warm-up; the peak is that of all of it, weights and momentum included (CUDA only)."""
    cuda = torch.device(args.device).type == "cuda"
    before = torch.cuda.memory_allocated(args.device) if cuda else 0
    if cuda:
        torch.cuda.reset_peak_memory_stats(args.device)
    torch.manual_seed(0)
    network = PatchClassifier(
        ResNetEncoder(spatial_dims=2, in_channels=3, depth=18, features=args.features, strides=row.strides),
        "loss_attention",
        num_classes=10,
        channels=8 * args.features,
        kernel_size=KERNEL,
        stride=row.patch_stride,
        padding=row.padding,
        return_attention=True,
    ).to(args.device)
    image = torch.randn(args.batch_size, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)).to(args.device)
    label = (torch.arange(args.batch_size) % 10).to(args.device)
    loss = LossAttentionLoss(gamma=0.1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss(network(image), label).backward()
        optimizer.step()

    with torch.no_grad():
        grid = network.eval()(image[:1])["patch_weights"].shape[2:]
    network.train()
    saved = saved_mebibytes(network, lambda: loss(network(image), label))
    for _ in range(args.warm_up):
        seconds(step, args.device)
    peak = (torch.cuda.max_memory_allocated(args.device) - before) / 2**20 if cuda else None
    return Contender(step, "x".join(map(str, grid)), saved, peak)


def compare(args: argparse.Namespace) -> list[dict[str, str]]:
    contenders = [build(row, args) for row in ROWS]
    times = in_turns([partial(seconds, contender.step, args.device) for contender in contenders], args.repeats)
    first, rows = contenders[0], []
    for row, own, contender in zip(ROWS, times, contenders, strict=True):
        values: list[object] = [f"2 x {row.strides.count(2)}", row.patch_stride, contender.patches, args.device]
        values += [torch.get_num_threads(), args.features, args.batch_size, args.repeats]
        values += [f"{median(own):.4g}", f"{min(own):.4g}", f"{ratio(own, times[0]):.3f}"]
        values += [f"{contender.saved:.1f}", f"{contender.saved / first.saved:.3f}"]
        if contender.peak is None or first.peak is None:
            values += ["", ""]
        else:
            values += [f"{contender.peak:.0f}", f"{contender.peak / first.peak:.3f}"]
        values += [row.seconds, f"{float(row.seconds) / float(ROWS[0].seconds):.3f}", row.accuracy]
        rows.append(dict(zip(FIELDS, map(str, values), strict=True)))
    return rows


def format_table(rows: list[dict[str, str]]) -> str:
    """Markdown of the columns in which the rows differ."""
    titles = {
        "backbone_strides": "strides in the backbone",
        "patch_stride": "patch stride",
        "patches": "patches",
        "median_seconds": "seconds",
        "times_first": "time, ratio",
        "saved_mib": "saved for backward, MiB",
        "saved_ratio": "ratio",
        "peak_mib": "peak, MiB",
        "peak_ratio": "ratio",
        "paper_seconds_per_epoch": "paper: seconds an epoch",
        "paper_times_first": "ratio",
        "paper_accuracy_percent": "paper: accuracy in %",
    }
    names = [name for name in titles if rows[0][name]]
    lines = [[titles[name] for name in names], ["---"] * len(names), *([row[name] for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = BenchmarkParser("patch_strides", __doc__, repeats=7)
    parser.add_argument("--features", type=int, default=8, help="of the stem (default: 8; 64 in the paper)")
    parser.add_argument("--batch_size", type=int, default=4, help="images per batch (default: 4; 48 in the paper)")
    parser.add_argument("--warm_up", type=int, default=1, help="steps before the clock starts (default: 1)")
    args = parser.read(argv)
    rows = compare(args)
    print(format_table(rows))
    write_rows(args.output, FIELDS, rows, show=False)


if __name__ == "__main__":
    main()
