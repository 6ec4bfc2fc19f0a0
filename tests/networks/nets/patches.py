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
"""Small patch classifiers of every pooling."""

from __future__ import annotations

__all__ = ["POOLINGS", "build", "image"]

import torch

from monai_dd.networks.encoders import ResNetEncoder, VGGEncoder
from monai_dd.networks.nets import PatchClassifier
from monai_dd.utils.enums import PatchPooling

POOLINGS = [str(pooling) for pooling in PatchPooling]
SMALL = {"channels": 6, "embed_dim": 4, "capsule_channels": (3, 4), "capsule_dims": (5, 6), "kernel_size": 5}


def build(pooling: str, spatial_dims: int = 2, encoder: str = "vgg", strides=1, **changes) -> PatchClassifier:
    """Return a classifier of 3 classes for 2 channels of 13 pixels along each axis, with 3 patches along each."""
    torch.manual_seed(0)
    if encoder == "vgg":
        network = VGGEncoder(spatial_dims, 2, features=1, strides=strides)
    else:
        network = ResNetEncoder(spatial_dims, 2, 18, features=2, strides=strides)
    result = PatchClassifier(network, pooling, 3, **{**SMALL, "img_size": 13, **changes})
    with torch.no_grad():  # biases that matter, and running statistics other than those of the start
        for name, p in result.named_parameters():
            if name.endswith("bias") or name.endswith("threshold"):
                p.normal_(std=0.1)
        for name, b in result.named_buffers():
            if name.endswith("running_var"):
                b.uniform_(0.05, 0.2)
    return result.eval()


def image(spatial_dims: int = 2, batch: int = 2, side: int = 13, **options) -> torch.Tensor:
    """Return images with 2 channels."""
    return torch.randn(batch, 2, *[side] * spatial_dims, generator=torch.Generator().manual_seed(1), **options)
