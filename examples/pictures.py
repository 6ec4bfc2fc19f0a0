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
"""Pictures of the pages: phantoms, consistent attention, and the DICOM result of the app."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pydicom
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from monai_dd.data.phantoms import BRAIN_MODALITIES, create_brain_phantom, create_chest_phantom, create_pet_phantom
from monai_dd.networks.layers import consistent_attention, marginalize

CONTOUR = {"colors": "tab:red", "linewidths": 1.0, "levels": [0.5]}
CHANNELS = {"T1ce": "t1ce", "T2": "t2", "FLAIR": "flair"}  # of the brain, as they are called
DESCRIPTIONS = {
    "phantoms": "simulated images: PET MIP, three channels of a brain slice, chest X-ray, with masks and boxes",
    "consistency": "input, fine map, its block sums, coarse map and their difference, before and after the program",
    "capture": "the Secondary Capture that the app wrote, as PNG",
}


def show(axes: Axes, image: NDArray[np.floating], title: str, **options: object) -> None:
    """Show an image without axes, with a title."""
    axes.imshow(image, **{"cmap": "gray", "interpolation": "nearest", **options})
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def draw_phantoms(seed: int, voxel_size: float, spacing: float, image_size: int) -> Figure:
    """Simulated images of one seed in a row: MIP, brain slice with the most tumor, chest X-ray with boxes."""
    pet = create_pet_phantom("severe", seed=seed, voxel_size=voxel_size)
    brain = create_brain_phantom(seed, spacing=spacing)
    chest = create_chest_phantom(seed, image_size=image_size, findings=["Mass", "Effusion"])
    mip, muscle = pet.suv.max(1).T, pet.mask.any(1).T  # head first; left of the patient on the right
    index = int((brain.mask > 0).sum((0, 1)).argmax())
    columns = np.flatnonzero((brain.images[0, :, :, index] > 0).any(1))
    rows = np.flatnonzero((brain.images[0, :, :, index] > 0).any(0))
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    shown = [BRAIN_MODALITIES.index(name) for name in CHANNELS.values()]
    slices = [brain.images[channel][:, :, index].T[window] for channel in shown]
    tumor = (brain.mask[:, :, index] > 0).T[window]
    shapes = [mip.shape, *(s.shape for s in slices), chest.image.shape]
    figure = Figure(figsize=(9.6, 3.3), dpi=100, layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(shapes), width_ratios=[width / height for height, width in shapes])
    show(panels[0], mip, "PET MIP", cmap="gray_r", vmin=0, vmax=7)
    panels[0].contour(muscle, **CONTOUR)
    for axes, name, image in zip(panels[1:], CHANNELS, slices):
        show(axes, image, f"brain MRI, {name}", vmin=0, vmax=float(np.quantile(image[image > 0], 0.995)))
        axes.contour(tumor, **CONTOUR)
    findings = ", ".join(chest.findings).lower()
    show(panels[-1], chest.image, f"chest X-ray: {findings}", vmin=0, vmax=255)
    for box in chest.boxes:
        panels[-1].add_patch(Rectangle((box.x, box.y), box.width, box.height, fill=False, edgecolor="gold", lw=1.5))
    return figure


def example_potentials(cells: int = 16) -> tuple[NDArray[np.float64], list[torch.Tensor]]:
    """An image with two spots, and potentials of a fine and a coarse gate that prefer different ones."""
    places = (torch.arange(4 * cells) + 0.5) / (4 * cells)
    spots = [((0.3, 0.32), 1.0), ((0.68, 0.7), 0.8)]
    blobs = [torch.exp(-((places[:, None] - y) ** 2 + (places - x) ** 2) / 0.012) * s for (y, x), s in spots]
    image = (0.15 + blobs[0] + blobs[1])[None, None].double()
    fine = 4.0 * torch.nn.functional.avg_pool2d((blobs[0] + 0.35 * blobs[1])[None, None].double(), 4)
    coarse = 4.0 * torch.nn.functional.avg_pool2d((0.35 * blobs[0] + 1.2 * blobs[1])[None, None].double(), 16)
    return image[0, 0].numpy(), [fine, coarse]


def draw_consistency(cells: int) -> Figure:
    """Fine map, its block sums, coarse map and their difference: of the gates alone, and after the program."""
    image, potentials = example_potentials(cells)
    own = [torch.softmax(p.flatten(), 0).view(p.shape) for p in potentials]
    agreed = [torch.exp(p) for p in consistent_attention(potentials).log_mu]
    titles = ["fine map {}$_f$", "block sums of {}$_f$", "coarse map {}$_c$"]
    figure = Figure(figsize=(10, 4.4), dpi=100, layout="constrained", facecolor="white")
    panels = figure.subplots(2, 5)
    show(panels[0, 0], image, "input")
    panels[1, 0].set_axis_off()
    limit = float((marginalize(own[0], 4) - own[1]).abs().max())
    coarse_limit = max(float(marginalize(m[0], 4).max()) for m in (own, agreed))
    coarse_limit = max(coarse_limit, float(own[1].max()))
    for row, symbol, maps in zip(panels, (r"$\tau$", r"$\mu$"), (own, agreed)):
        sums = marginalize(maps[0], 4)
        gap = float((sums - maps[1]).abs().sum()) / 2
        values = [maps[0], sums, maps[1]]
        limits = [max(float(own[0].max()), float(agreed[0].max())), coarse_limit, coarse_limit]
        for axes, value, top, title in zip(row[1:], values, limits, titles):
            show(axes, value[0, 0].numpy(), title.format(symbol), cmap="viridis", vmin=0, vmax=top)
        difference = (sums - maps[1])[0, 0].numpy()
        show(row[4], difference, f"difference, gap {gap:.2f}", cmap="RdBu_r", vmin=-limit, vmax=limit)
    panels[1, 0].text(0.5, 0.75, "above: the gates alone\nbelow: after the\nconsistency program", ha="center", va="top")
    return figure


def draw_capture(file: Path, width: int) -> Image.Image:
    """The pixels of a Secondary Capture, reduced to a width."""
    picture = Image.fromarray(pydicom.dcmread(file).pixel_array)
    picture.thumbnail((width, picture.height), Image.Resampling.LANCZOS)
    return picture


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  python examples/pictures.py phantoms --output docs/images/phantoms.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    commands = {name: kinds.add_parser(name, help=text, description=text) for name, text in DESCRIPTIONS.items()}
    for name, command in commands.items():
        command.add_argument("--output", type=Path, required=True, metavar="FILE", help="PNG file to write")
        example = " runs/demo/app/attention.dcm" if name == "capture" else ""
        command.formatter_class = argparse.RawDescriptionHelpFormatter
        command.epilog = f"example:\n  python examples/pictures.py {name}{example} --output {name}.png"
    commands["phantoms"].add_argument("--seed", type=int, default=3, help="seed of the phantoms (default: 3)")
    size = "edge of a PET voxel in mm (default: 4)"
    commands["phantoms"].add_argument("--voxel_size", type=float, default=4.0, metavar="MM", help=size)
    spacing = "edge of a brain voxel in mm (default: 1)"
    commands["phantoms"].add_argument("--spacing", type=float, default=1.0, metavar="MM", help=spacing)
    edge = "pixels along each edge of the chest X-ray (default: 256)"
    commands["phantoms"].add_argument("--image_size", type=int, default=256, metavar="PIXELS", help=edge)
    cells = "cells along each edge of the fine map, a multiple of 4 (default: 16)"
    commands["consistency"].add_argument("--cells", type=int, default=16, help=cells)
    commands["capture"].add_argument("file", type=Path, metavar="FILE", help="DICOM file, attention.dcm of the app")
    width = "pixels along the width, at most those of the file (default: 560)"
    commands["capture"].add_argument("--width", type=int, default=560, metavar="PIXELS", help=width)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Draw one picture; returns the exit status."""
    args = build_parser().parse_args(arguments)
    if args.output.suffix != ".png":
        print(f"pictures: output: expected a file .png, got {str(args.output)!r}", file=sys.stderr)
        return 2
    if args.kind == "consistency" and (args.cells < 4 or args.cells % 4):
        print(f"pictures: cells: expected a multiple of 4, got {args.cells}", file=sys.stderr)
        return 2
    if args.kind == "capture" and not args.file.is_file():
        print(f"pictures: file: expected a DICOM file, got {str(args.file)!r}", file=sys.stderr)
        return 2
    args.output.parent.mkdir(parents=True, exist_ok=True)
    if args.kind == "capture":
        draw_capture(args.file, args.width).save(args.output, optimize=True)
    elif args.kind == "phantoms":
        figure = draw_phantoms(args.seed, args.voxel_size, args.spacing, args.image_size)
        figure.savefig(args.output, pil_kwargs={"optimize": True})
    else:
        draw_consistency(args.cells).savefig(args.output, pil_kwargs={"optimize": True})
    print(args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
