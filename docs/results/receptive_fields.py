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
"""Measure how many pixels each stage of the encoders sees, along one axis, and write them to a CSV file."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import torch
from torch import nn

from monai_dd.networks.encoders import (
    DenseNetEncoder,
    EfficientNetLiteEncoder,
    Encoder,
    ResNetEncoder,
    TopDownEncoder,
    UNetEncoder,
)

HERE = Path(__file__).resolve().parent
HEIGHT, WIDTH = 32, 1024  # wider than any receptive field; along the other axis nothing is measured
ENCODERS = {
    "U-Net (BraTS)": lambda: UNetEncoder(2, 1, features=4),
    "ResNet-50 (FDG PET)": lambda: ResNetEncoder(2, 1, depth=50, features=4),
    "DenseNet-121, half (chest X-ray)": lambda: DenseNetEncoder(2, 1, num_blocks=2),
    "EfficientNet-Lite0": lambda: EfficientNetLiteEncoder(2, 1),
    "EfficientNet-Lite0, 8 blocks": lambda: EfficientNetLiteEncoder(2, 1, num_blocks=8),
    "EfficientNet-Lite0, top-down path": lambda: TopDownEncoder(
        EfficientNetLiteEncoder(2, 1), ["block2", "block4"], context=["block4"]
    ),
}


def make_linear(encoder: Encoder) -> Encoder:
    """Every weight positive and every pixel of a pooling window heard, so that no part of the gradient is zero."""
    for module in encoder.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
            if isinstance(child, (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.BatchNorm2d, nn.InstanceNorm2d)):
                setattr(module, name, nn.Identity())
    for weight in encoder.parameters():
        nn.init.constant_(weight, 1.0 / max(weight[0].numel(), 1) if weight.dim() > 1 else 0.0)
    return encoder.double().eval()


def measure(encoder: Encoder) -> list[int]:
    """Pixels along the width from the first to the last that the middle cell of each stage depends on."""
    image = torch.ones(1, 1, HEIGHT, WIDTH, dtype=torch.float64, requires_grad=True)
    fields = []
    for features in make_linear(encoder)(image):
        middle = features[0, 0, features.shape[2] // 2, features.shape[3] // 2]
        (gradient,) = torch.autograd.grad(middle, image, retain_graph=True)
        columns = gradient[0, 0].abs().sum(0).nonzero().flatten()
        fields.append(int(columns.max() - columns.min()) + 1)
        if fields[-1] >= WIDTH:
            raise ValueError(f"WIDTH: expected more than the receptive field, got {WIDTH}")
    return fields


def make_rows() -> list[list[str]]:
    """A row for each stage of each encoder."""
    rows = [["encoder", "stage", "stride", "receptive field, pixels"]]
    for name, make in ENCODERS.items():
        encoder = make()
        for info, field in zip(encoder.feature_info, measure(encoder), strict=True):
            rows.append([name, info.name, str(info.stride), str(field)])
    return rows


def main() -> None:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file is not up to date")
    args = parser.parse_args()
    path = HERE / "networks" / "receptive_fields.csv"
    rows = make_rows()
    if args.check:
        with open(path, newline="", encoding="utf-8") as file:
            if list(csv.reader(file)) != rows:
                sys.exit("not up to date: networks/receptive_fields.csv; run python docs/results/receptive_fields.py")
        return
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
