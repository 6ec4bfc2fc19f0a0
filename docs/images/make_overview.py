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
"""The picture of the README from what ``make demo`` left: input, fine map, coarse map and DICOM result of a phantom."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import pydicom
from matplotlib.figure import Figure
from monai.data.utils import affine_to_spacing

from monai_dd.bundle import BundlePredictor

HERE = Path(__file__).resolve().parent


def draw(demo: Path) -> Figure:
    """Predict the demo's unseen phantom with the demo's bundle, and draw it next to the app's Secondary Capture."""
    with open(demo / "unseen" / "labels.csv", newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    predict = BundlePredictor(demo / "bundle", device="cpu")
    outputs = predict({"image": str(demo / "unseen" / row["series"])})
    image = outputs["image"][0].numpy()
    capture = pydicom.dcmread(demo / "app" / "attention.dcm").pixel_array
    spacing = affine_to_spacing(outputs["image"].affine)[:2]  # mm along rows and columns of the projection
    height, width = (float(step * cells) for step, cells in zip(spacing, image.shape))
    figure = Figure(figsize=(10, 4.2), dpi=100, layout="constrained", facecolor="white")
    axes = figure.subplots(1, 4, width_ratios=[width / height] * 3 + [capture.shape[1] / capture.shape[0]])
    extent = (0, width, height, 0)
    axes[0].imshow(image, cmap="gray_r", vmin=0, vmax=1, extent=extent)
    axes[0].set_title("PET phantom,\ncoronal projection", fontsize=9)
    for axis, level in zip(axes[1:], ("fine", "coarse")):
        attention = outputs[f"attention_{level}"][0].numpy()
        axis.imshow(attention, cmap="viridis", extent=extent)
        axis.set_title(f"{level} attention,\n{attention.shape[0]}x{attention.shape[1]} cells", fontsize=9)
    axes[3].imshow(capture)
    axes[3].set_title("DICOM result of the app\n(Secondary Capture)", fontsize=9)
    for axis in axes:
        axis.set_axis_off()
    return figure


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo_dir", type=Path, default=HERE.parents[1] / "runs" / "demo", help="what make demo left")
    parser.add_argument("--output", type=Path, default=HERE / "overview.png", help="picture to write")
    args = parser.parse_args()
    draw(args.demo_dir).savefig(args.output, pil_kwargs={"optimize": True})
    print(args.output)


if __name__ == "__main__":
    main()
