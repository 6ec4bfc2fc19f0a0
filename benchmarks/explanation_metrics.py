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
"""The metrics of explanations against plain loops: over images, and over images and fractions of removed pixels.

Part ``masks``: pixel average precision and intersection over union at three quantiles of maps against masks, next to
scikit-learn and NumPy called image by image. Part ``curves``: a network's answers as the pixels of its images go, next
to a loop over images and fractions with the same network; for noise, and for slices of brain phantoms, of which the
background need not be removed. Where Quantus is installed, its pointing game and pixel flipping are further peers.
Results are compared before times; the run ends where they differ.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from common import BenchmarkParser, ratio, seconds, write_rows
from sklearn.metrics import average_precision_score, jaccard_score
from torch import nn

from monai_dd.data.phantoms import BRAIN_MODALITIES, create_brain_phantom
from monai_dd.explain import SmoothedIntensity
from monai_dd.metrics import (
    compute_localization,
    compute_pixel_average_precision,
    compute_pointing_game,
    compute_quantile_iou,
    perturb_logits,
)
from monai_dd.networks.encoders import UNetEncoder
from monai_dd.networks.nets import AttentionClassifier
from monai_dd.utils.outputs import read_logits

FIELDS = ["part", "case", "measured", "seconds", "compared_with", "compared_seconds", "speedup", "network_share"]
FIELDS += ["max_difference"]
QUANTILES = (0.975, 0.95, 0.9)
BATCH = 8  # images at a time, as an evaluation would call the metrics
# relative to the range of the peer's values
TOLERANCE = 1e-5  # results are rounded to float32
LOGIT_TOLERANCE = 1e-3  # batches of another size add in another order, layer after layer


class Contest(NamedTuple):
    """Two ways to the same values."""

    case: str
    measured: str
    ours: Callable[[], np.ndarray]
    peer: str
    theirs: Callable[[], np.ndarray]
    tolerance: float
    network: Callable[[], object] | None = None


def draw_maps(args: argparse.Namespace) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps without equal values, so that there is one right answer, and ellipses of 0.2 to 13 percent as masks."""
    rng = np.random.default_rng(0)
    n = args.map_size
    maps = np.stack([rng.permutation(n * n) for _ in range(args.images)]).astype(np.float32) / (n * n)
    rows, columns = np.ogrid[:n, :n]
    masks = np.empty((args.images, 1, n, n), dtype=np.float32)
    for mask in masks:
        center, radii = rng.uniform(0.3, 0.7, 2) * n, rng.uniform(0.025, 0.2, 2) * n
        mask[0] = ((rows - center[0]) / radii[0]) ** 2 + ((columns - center[1]) / radii[1]) ** 2 < 1
    return torch.from_numpy(maps).reshape(args.images, 1, n, n), torch.from_numpy(masks)


def overlap(values: np.ndarray, inside: np.ndarray) -> list[float]:
    chosen = [values > np.quantile(values, q) for q in QUANTILES]
    return [(c & inside).sum() / (c | inside).sum() for c in chosen]


def jaccard(values: np.ndarray, inside: np.ndarray) -> list[float]:
    return [jaccard_score(inside, values > np.quantile(values, q)) for q in QUANTILES]


def contests_of_masks(args: argparse.Namespace) -> Iterator[Contest]:
    maps, masks = draw_maps(args)
    pairs = list(zip(maps.flatten(1).numpy(), masks.flatten(1).numpy() > 0, strict=True))

    def in_batches(function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Callable[[], np.ndarray]:
        def run() -> np.ndarray:
            batches = zip(maps.split(BATCH), masks.split(BATCH), strict=True)
            return torch.cat([function(r.to(args.device), m.to(args.device)).cpu() for r, m in batches]).numpy()

        return run

    def both(relevance: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        values = compute_localization(relevance, mask, QUANTILES)
        return torch.stack([values[name] for name in ("pixel_ap", "iou_0.975", "iou_0.95", "iou_0.9")], dim=1)

    def loop(*functions: Callable[[np.ndarray, np.ndarray], object]) -> Callable[[], np.ndarray]:
        return lambda: np.array([np.hstack([f(v, i) for f in functions]) for v, i in pairs])

    def precision(values: np.ndarray, inside: np.ndarray) -> float:
        return average_precision_score(inside, values)

    case = f"{args.images} maps of {args.map_size}x{args.map_size}"
    ap, iou = (
        in_batches(f) for f in (lambda r, m: compute_pixel_average_precision(r, m)[:, None], compute_quantile_iou)
    )
    everything = in_batches(both)
    three = "IoU at three quantiles"
    yield Contest(case, "pixel AP", ap, "scikit-learn", loop(precision), TOLERANCE)
    yield Contest(case, three, iou, "NumPy", loop(overlap), TOLERANCE)
    yield Contest(case, three, iou, "scikit-learn's jaccard_score", loop(jaccard), TOLERANCE)
    yield Contest(
        case, "all metrics at once", everything, "AP scikit-learn, IoU NumPy", loop(precision, overlap), TOLERANCE
    )
    yield Contest(
        case, "all metrics at once", everything, "AP and IoU scikit-learn", loop(precision, jaccard), TOLERANCE
    )
    if importlib.util.find_spec("quantus"):
        import quantus

        game = quantus.PointingGame(normalise=False, disable_warnings=True)
        arrays = {"a_batch": maps.numpy(), "s_batch": masks.numpy(), "x_batch": maps.numpy()}
        pointing = in_batches(lambda r, m: compute_pointing_game(r, m)[:, None])

        def theirs() -> np.ndarray:
            hits = game(model=None, y_batch=np.zeros(len(maps), dtype=int), **arrays)
            return np.array(hits, dtype=float)[:, None]

        yield Contest(case, "pointing game", pointing, "Quantus", theirs, TOLERANCE)


def draw_phantoms(args: argparse.Namespace) -> torch.Tensor:
    """Axial slices of brain phantoms, zero outside of the brain, one in 0 to 1 of each phantom."""
    slices = []
    for seed in range(args.curve_images):
        volume = create_brain_phantom(seed, spacing=240 / args.curve_size).images[BRAIN_MODALITIES.index("t1ce")]
        plane = volume[:, :, volume.shape[2] // 2]
        slices.append(torch.from_numpy(plane / plane.max()))
    return torch.stack(slices)[:, None]


@torch.no_grad()
def loop_over_fractions(
    network: nn.Module, image: torch.Tensor, relevance: torch.Tensor, counts: list[int], ascending: bool
) -> np.ndarray:
    """Every image by itself, ranked once; every fraction by itself."""
    rows = []
    for picture, values in zip(image, relevance.cpu().numpy(), strict=True):
        order = np.argsort(values.ravel() if ascending else -values.ravel())
        for count in counts:
            left = picture.clone()
            left.flatten(1)[:, torch.from_numpy(order[:count]).to(image.device)] = 0
            rows.append(read_logits(network(left[None]))[0].cpu())
    return torch.stack(rows).reshape(len(image), len(counts), -1).numpy()


def contests_of_curves(args: argparse.Namespace) -> Iterator[Contest]:
    torch.manual_seed(0)
    network = AttentionClassifier(UNetEncoder(2, 1, features=16), num_classes=2)
    network.to(args.device, memory_format=torch.channels_last)  # as in the bundles
    size, cells = args.curve_size, args.curve_size**2
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(args.curve_images, 1, size, size, generator=generator).to(args.device)
    phantoms = draw_phantoms(args).to(args.device)
    adapt(network, torch.cat([noise, phantoms]))
    # a little noise, so that no two values are equal
    uneven = 1e-6 * torch.rand(len(noise), 1, size, size, generator=generator, dtype=torch.float64).to(args.device)
    fractions = np.linspace(0, 1, args.fractions)
    counts = np.round(fractions * cells).astype(int).tolist()

    def ours(image: torch.Tensor, relevance: torch.Tensor) -> np.ndarray:
        return perturb_logits(network, image, relevance, fractions, batch_size=args.batch_size).cpu().numpy()

    for name, image in (("noise", noise), ("brain phantoms", phantoms)):
        relevance = SmoothedIntensity()(image).double() + uneven
        passes = count_images(network, lambda i=image, r=relevance: ours(i, r))
        case = f"{len(image)} images of {size}x{size} ({name}) at {args.fractions} fractions, {passes} images run"
        yield Contest(
            case,
            "perturb_logits",
            lambda i=image, r=relevance: ours(i, r),
            "loop",
            lambda i=image, r=relevance: loop_over_fractions(network, i, r, counts, ascending=True),
            LOGIT_TOLERANCE,
            lambda p=passes: run_network(network, noise, p, args.batch_size),
        )
    if importlib.util.find_spec("quantus"):
        yield quantus_contest(args, network, phantoms, SmoothedIntensity()(phantoms).double() + uneven)


def quantus_contest(
    args: argparse.Namespace, network: nn.Module, image: torch.Tensor, relevance: torch.Tensor
) -> Contest:
    import quantus

    steps = next(n for n in range(args.fractions - 1, 0, -1) if args.curve_size**2 % n == 0)
    flipping = quantus.PixelFlipping(
        features_in_step=args.curve_size**2 // steps, normalise=False, perturb_baseline=0.0, disable_warnings=True
    )
    arrays = {"x_batch": image.cpu().numpy(), "a_batch": relevance.cpu().numpy()}

    @torch.no_grad()
    def ours() -> np.ndarray:
        fractions = np.arange(1, steps + 1) / steps
        logits = perturb_logits(network, image, relevance, fractions, "descending", batch_size=args.batch_size)
        return logits.softmax(2)[..., 1].cpu().numpy()

    @torch.no_grad()
    def theirs() -> np.ndarray:
        labels = np.ones(len(image), dtype=int)
        return np.array(flipping(model=network, y_batch=labels, softmax=True, device=args.device, **arrays))

    case = f"{len(image)} images of {args.curve_size}x{args.curve_size} (brain phantoms) at {steps} fractions"
    return Contest(case, "perturb_logits, descending", ours, "Quantus PixelFlipping", theirs, LOGIT_TOLERANCE)


@torch.no_grad()
def adapt(network: nn.Module, image: torch.Tensor) -> None:
    """Let batch normalization see images: after it the network's answers depend on what it is shown."""
    for _ in range(30):
        network.train()(image)
    network.eval()


def count_images(network: nn.Module, function: Callable[[], object]) -> int:
    """How many images the network is run on."""
    seen: list[int] = []
    hook = network.register_forward_pre_hook(lambda _module, inputs: seen.append(len(inputs[0])))
    function()
    hook.remove()
    return sum(seen)


@torch.no_grad()
def run_network(network: nn.Module, image: torch.Tensor, number: int, batch_size: int) -> None:
    """The network alone on so many images."""
    batch = image[torch.arange(batch_size) % len(image)]
    for start in range(0, number, batch_size):
        network(batch[: number - start])


def compare(part: str, contest: Contest, args: argparse.Namespace) -> dict:
    own, other = contest.ours(), contest.theirs()  # this warms up, too
    difference = float(np.abs(own - other.reshape(own.shape)).max() / np.ptp(other))
    if not difference < contest.tolerance:
        name = f"{contest.measured} and {contest.peer}"
        raise SystemExit(f"{name}: results differ by {difference:.1e}, expected less than {contest.tolerance:.0e}")
    times: list[list[float]] = [[], [], []]
    for _ in range(args.repeats):  # in turns: what else the machine does hits all
        for function, taken in zip((contest.ours, contest.theirs, contest.network), times, strict=True):
            if function is not None:
                taken.append(seconds(function, args.device))
    share = f"{ratio(times[2], times[0]):.2f}" if times[2] else ""
    values = [part, contest.case, contest.measured, f"{median(times[0]):.3g}", contest.peer, f"{median(times[1]):.3g}"]
    values += [f"{ratio(times[1], times[0]):.1f}", share, f"{difference:.1e}"]
    return dict(zip(FIELDS, values, strict=True))


def main(argv: Sequence[str] | None = None) -> None:
    parser = BenchmarkParser("explanation_metrics", __doc__, repeats=3)
    parts = {"masks": contests_of_masks, "curves": contests_of_curves}
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts), help="what to measure (default: all)")
    parser.add_argument("--images", type=int, default=512, help="maps of the part masks (default: 512)")
    parser.add_argument("--map_size", type=int, default=256, help="their size (default: 256)")
    parser.add_argument("--curve_images", type=int, default=8, help="images of the part curves (default: 8)")
    parser.add_argument("--curve_size", type=int, default=96, help="their size, a multiple of 16 (default: 96)")
    parser.add_argument("--fractions", type=int, default=51, help="fractions of removed pixels (default: 51)")
    parser.add_argument("--batch_size", type=int, default=8, help="images in one pass of the network (default: 8)")
    args = parser.read(argv)
    if args.curve_size % 16 or not 32 <= args.curve_size <= 480:  # phantoms have voxels of 0.5 to 8 mm
        parser.error(f"--curve_size: expected a multiple of 16 from 32 to 480, got {args.curve_size}")
    if args.fractions < 2:
        parser.error(f"--fractions: expected 2 or more, got {args.fractions}")
    if importlib.util.find_spec("quantus") is None:
        print("Quantus: left out, not installed")
    rows = (compare(part, contest, args) for part in args.parts for contest in parts[part](args))
    write_rows(args.output, FIELDS, rows)


if __name__ == "__main__":
    main()
