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
"""One training step of the published BraTS setting, as the plainest PyTorch and as the bundle does it.

``peer`` is the published design (Ron et al. 2022, Section 4.2) in a plain loop: U-Net encoder, two gates, witness,
cross-entropy and 10 times the divergence of the maps. The others are variants of
``bundles/brats_mri_tumor_classification`` with network, loss, optimizer, layout and trainer of the bundle's own
configuration. ``dual_gated`` is the same function as the peer, which is checked (losses and gradients at equal weights,
in float64) before anything is timed; ``exact`` is the variant the bundle recommends.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
from common import BenchmarkParser, in_turns, ratio, seconds, write_rows
from monai.bundle import ConfigParser
from monai.data import MetaTensor, list_data_collate
from torch import nn
from torch.nn import functional as F

CONFIGS = Path(__file__).resolve().parents[1] / "bundles" / "brats_mri_tumor_classification" / "configs"
FIELDS = ["step", "precision", "layout", "device", "threads", "image_size", "batch_size", "repeats", "median_seconds"]
FIELDS += ["min_seconds", "times_peer", "times_peer_alike", "peak_mib"]
TOLERANCE = (
    1e-9  # float64, relative to the largest value: rounding leaves about 1e-14, alpha of 10.0001 for 10 leaves 1e-5
)


class PeerGate(nn.Module):
    """Embedding, unit vectors, ReLU, score and softmax over the image; the features are multiplied by it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(channels, 512, kernel_size=1)
        self.score = nn.Conv2d(512, 1, kernel_size=1)

    def forward(self, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        phi = self.score(F.relu(F.normalize(self.embed(v), dim=1)))
        return v * spatial_softmax(phi), phi


class Peer(nn.Module):
    """The published network for an image ``(B, 4, size, size)``: logits and the maps of both levels."""

    def __init__(self, size: int) -> None:
        super().__init__()
        blocks = []
        for channels, features in pairwise([4, 32, 64, 128, 256, 512]):
            convs: list[nn.Module] = [nn.MaxPool2d(2)] if blocks else []
            for inputs in (channels, features):
                convs += [nn.Conv2d(inputs, features, kernel_size=3, padding=1, bias=False)]
                convs += [nn.BatchNorm2d(features), nn.ReLU()]
            blocks.append(nn.Sequential(*convs))
        self.blocks = nn.ModuleList(blocks)
        self.fine_gate = PeerGate(128)
        self.coarse_gate = PeerGate(256)
        self.witness = nn.Parameter(torch.zeros(1, 1, size // 8, size // 8))
        self.linear = nn.Linear(512, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        for block in self.blocks[:3]:
            x = block(x)
        x, fine = self.fine_gate(x)
        x, coarse = self.coarse_gate(self.blocks[3](x))
        logits = self.linear(self.blocks[4](x).mean(dim=(2, 3)))
        mu_fine = spatial_softmax(fine - F.interpolate(self.witness, scale_factor=2))
        mu_coarse = spatial_softmax(coarse + self.witness)
        return logits, mu_fine, mu_coarse


def spatial_softmax(phi: torch.Tensor) -> torch.Tensor:
    return phi.flatten(1).softmax(dim=1).view_as(phi)


def peer_loss(output: tuple[torch.Tensor, torch.Tensor, torch.Tensor], label: torch.Tensor) -> torch.Tensor:
    """Cross-entropy + 10 KL(coarse map || fine map summed over blocks), the mean over the batch."""
    logits, mu_fine, mu_coarse = output
    seen_coarsely = 4 * F.avg_pool2d(mu_fine, 2)
    divergence = F.kl_div(seen_coarsely.log().flatten(1), mu_coarse.flatten(1), reduction="batchmean")
    return F.cross_entropy(logits, label) + 10 * divergence


def copy_weights(peer: Peer, ours: nn.Module) -> None:
    """Give the peer the weights of our ``dual_gated`` network."""
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    theirs, encoder = ([m for m in net.modules() if isinstance(m, kinds)] for net in (peer.blocks, ours.encoder))
    pairs = [*zip(theirs, encoder, strict=True), (peer.linear, ours.heads["bottleneck"])]
    for gate, unit in zip((peer.fine_gate, peer.coarse_gate), ours.units[2:4], strict=True):
        pairs.append((gate.embed, unit.gates[0].embed))
        gate.score.load_state_dict({"weight": unit.gates[0].project.weight, "bias": unit.gates[0].bias})
    for own, given in pairs:
        own.load_state_dict(given.state_dict())
    peer.witness.data.copy_(ours.witness[0].grid)


class Contender(NamedTuple):
    """A way to do training steps: ``run`` does those of one repetition."""

    step: str
    precision: str
    layout: str
    run: Callable[[], None]
    deterministic: bool = False


def peer_step(args: argparse.Namespace, batches: list[dict], amp: bool, layout: torch.memory_format) -> Contender:
    """The plain loop: cast and scaler are the usual lines of mixed precision, which do nothing without it."""
    device = torch.device(args.device)
    network = Peer(args.image_size)
    copy_weights(network, bundle("variant_dual_gated", args).get_parsed_content("network_def"))
    network.to(device, memory_format=layout).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    half = torch.float16 if device.type == "cuda" else torch.bfloat16
    scaler = torch.amp.GradScaler(device.type, enabled=amp and half == torch.float16)

    def run() -> None:
        for batch in batches:
            image, label = batch["image"].to(device, memory_format=layout), batch["label"].to(device)
            optimizer.zero_grad()
            with torch.autocast(device.type, half, enabled=amp):
                loss = peer_loss(network(image), label)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()

    return Contender("peer", "amp" if amp else "float32", name_of(layout), run)


def bundle(variant: str, args: argparse.Namespace, *overlays: str, **override: Any) -> ConfigParser:
    """The bundle's training configuration with one variant; the same seed gives the same weights every time."""
    torch.manual_seed(0)
    config = ConfigParser()
    config.read_config([str(CONFIGS / f"{name}.json") for name in ("train", variant, *overlays)])
    config.update({"device": torch.device(args.device), "image_size": [args.image_size] * 2, **override})
    return config


def bundle_step(args: argparse.Namespace, batches: list[dict], variant: str, amp: bool) -> Contender:
    """The bundle's own trainer over prepared batches, an epoch for each repetition.

    The engine, the decollation, the postprocessing and the training metrics stay; the handlers (validation,
    checkpoints, logs), which are no part of a step, and the loading of data go.
    """
    cuda = torch.device(args.device).type == "cuda"
    ready = tuple(
        list_data_collate(
            [{"image": MetaTensor(i), "label": k} for i, k in zip(batch["image"], batch["label"], strict=True)]
        )
        for batch in batches
    )
    override = {"amp": amp and cuda, "epochs": 1, "train#dataloader": ready, "train#handlers": []}
    overlays = ["cpu_bfloat16"] if amp and not cuda else []
    config = bundle(f"variant_{variant}", args, *overlays, **override)
    trainer = config.get_parsed_content("train#trainer")
    layout = name_of(config.get_parsed_content("memory_format"))
    # the bundle makes cuDNN deterministic; the plain loop leaves it free to choose
    return Contender(variant, "amp" if amp else "float32", layout, trainer.run, deterministic=True)


def name_of(layout: torch.memory_format) -> str:
    return "channels_last" if layout == torch.channels_last else "contiguous"


def check(args: argparse.Namespace, batch: dict) -> None:
    """End the run unless the peer has our ``dual_gated`` network's parameters, loss and gradients."""
    config = bundle("variant_dual_gated", args, device=torch.device("cpu"))
    ours, loss = (config.get_parsed_content(name) for name in ("network", "loss"))
    peer = Peer(args.image_size)
    with torch.no_grad():  # the witness and the bias start at zero, which would hide their sign
        for parameter in (ours.witness[0].grid, *(unit.gates[0].bias for unit in ours.units[2:4])):
            parameter.normal_()
    copy_weights(peer, ours)
    counts = [sum(p.numel() for p in net.parameters()) for net in (peer, ours)]
    image, label = batch["image"][:2].double(), batch["label"][:2]
    losses = [peer_loss(peer.double()(image), label), loss(ours.double()(image), label)]
    for value in losses:
        value.backward()
    pairs = [losses, [peer.witness.grad, ours.witness[0].grid.grad]]
    pairs += [[peer.fine_gate.embed.weight.grad, ours.units[2].gates[0].embed.weight.grad]]
    pairs += [[peer.blocks[0][0].weight.grad, next(ours.encoder.parameters()).grad]]
    names = ("loss", "witness gradient", "fine gate's gradient", "first convolution's gradient")
    print(f"check: {counts[0]:,} parameters of the peer, {counts[1]:,} of dual_gated")
    worst = 0.0
    for name, (theirs, own) in zip(names, pairs, strict=True):
        difference = ((theirs - own).abs().max() / theirs.abs().max()).item()
        print(f"check: {name}, relative difference {difference:.1e}")
        worst = max(worst, difference)
    if counts[0] != counts[1] or not worst < TOLERANCE:
        raise SystemExit(f"peer and dual_gated differ: expected equal counts and differences below {TOLERANCE}")


def step_seconds(contender: Contender, args: argparse.Namespace) -> float:
    """Time of one step."""
    torch.backends.cudnn.deterministic = contender.deterministic
    return seconds(contender.run, args.device) / args.steps


def build(builder: Callable[[], Contender], args: argparse.Namespace) -> tuple[Contender, str]:
    """A contender after its warm-up, and the memory it took at its peak (weights and optimizer included; CUDA only)."""
    cuda = torch.device(args.device).type == "cuda"
    before = torch.cuda.memory_allocated(args.device) if cuda else 0
    if cuda:
        torch.cuda.reset_peak_memory_stats(args.device)
    contender = builder()
    for _ in range(args.warm_up):
        step_seconds(contender, args)
    peak = f"{(torch.cuda.max_memory_allocated(args.device) - before) / 2**20:.0f}" if cuda else ""
    return contender, peak


def compare(args: argparse.Namespace) -> list[dict]:
    generator = torch.Generator().manual_seed(1)
    shape = (args.batch_size, 4, args.image_size, args.image_size)
    batches = [
        {"image": torch.randn(shape, generator=generator), "label": torch.arange(args.batch_size) % 2}
        for _ in range(args.steps)
    ]
    check(args, batches[0])
    layouts = [torch.contiguous_format] + [torch.channels_last] * args.channels_last
    precisions = [False] + [True] * args.amp
    builders = [partial(peer_step, args, batches, amp, layout) for amp in precisions for layout in layouts]
    builders += [partial(bundle_step, args, batches, name, amp) for amp in precisions for name in args.variants]
    built = [build(builder, args) for builder in builders]
    contenders = [contender for contender, _ in built]

    times = in_turns([partial(step_seconds, contender, args) for contender in contenders], args.repeats)
    peers = {(c.precision, c.layout): t for c, t in zip(contenders, times, strict=True) if c.step == "peer"}
    rows = []
    for (contender, peak), own in zip(built, times, strict=True):
        alike = peers.get((contender.precision, contender.layout))
        values = [contender.step, contender.precision, contender.layout, args.device, torch.get_num_threads()]
        values += [args.image_size, args.batch_size, args.repeats, f"{median(own):.4g}", f"{min(own):.4g}"]
        values += [f"{ratio(own, times[0]):.3f}", f"{ratio(own, alike):.3f}" if alike else "", peak]
        rows.append(dict(zip(FIELDS, values, strict=True)))
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = BenchmarkParser("training_step", __doc__, repeats=9)
    names = sorted(path.stem.removeprefix("variant_") for path in CONFIGS.glob("variant_*.json"))
    flag = argparse.BooleanOptionalAction
    parser.add_argument("--batch_size", type=int, default=8, help="images per batch (default: 8; 64 in the setting)")
    parser.add_argument("--image_size", type=int, default=128, help="multiple of 16 (default: 128; 256 in the setting)")
    parser.add_argument("--steps", type=int, default=2, help="steps of each turn (default: 2)")
    parser.add_argument("--warm_up", type=int, default=1, help="turns before the clock starts (default: 1)")
    parser.add_argument("--variants", nargs="+", choices=names, default=["dual_gated", "exact"], help="of the bundle")
    parser.add_argument("--amp", action=flag, help="mixed precision too (default: on CUDA)")
    parser.add_argument("--channels_last", action=flag, help="the peer channels-last too (default: on CUDA)")
    args = parser.read(argv)
    if args.image_size % 16:
        parser.error(f"--image_size: expected a multiple of 16, got {args.image_size}")
    cuda = args.device.startswith("cuda")
    args.amp = cuda if args.amp is None else args.amp
    args.channels_last = cuda if args.channels_last is None else args.channels_last
    write_rows(args.output, FIELDS, compare(args))


if __name__ == "__main__":
    main()
