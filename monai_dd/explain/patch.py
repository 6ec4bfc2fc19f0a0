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
"""The weights of patches that a classifier decides with, as its explanation."""

from __future__ import annotations

import torch

from monai_dd.explain.base import Explainer, UnsuitedError, choose_class
from monai_dd.networks.nets import PatchClassifier
from monai_dd.utils.evaluation import evaluating
from monai_dd.utils.outputs import read_logits, read_patches

__all__ = ["PatchAttention"]


class PatchAttention(Explainer):
    r"""Weights :math:`\alpha` of the patches of a :class:`~monai_dd.networks.nets.PatchClassifier` (Shi et al. 2021).

    One cell for each patch, ``(B, 1, *grid)``; the weights sum to one and are zero for patches without a part in the
    decision. The map is the same for every class. Dynamic routing has no such weights; its map is that of
    :class:`~monai_dd.networks.blocks.RoutingPatchHead`, which speaks for the predicted class.

    Args:
        network: classifier, in either of its forms; it is left as it was.

    Raises:
        UnsuitedError: for any other network.

    Example:
        >>> import torch
        >>> from monai_dd.networks.encoders import VGGEncoder
        >>> network = PatchClassifier(VGGEncoder(2, 1, features=4, strides=1), "mean", 2, channels=8)
        >>> PatchAttention(network)(torch.rand(1, 1, 32, 32)).shape
        torch.Size([1, 1, 6, 6])
    """

    def __init__(self, network: PatchClassifier) -> None:
        if not isinstance(network, PatchClassifier):
            raise UnsuitedError(f"network: expected a PatchClassifier, got {type(network).__name__}")
        self.network = network.with_attention()

    def _explain(self, image: torch.Tensor, class_idx: int | torch.Tensor | None) -> torch.Tensor:
        with torch.no_grad(), evaluating(self.network):
            output = self.network(image)
        choose_class(read_logits(output), class_idx)
        return read_patches(output)[0]
