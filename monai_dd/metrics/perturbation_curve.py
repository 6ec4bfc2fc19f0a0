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
"""Whether a prediction is right as the pixels of an image are removed."""

from __future__ import annotations

import torch

from monai_dd.metrics.utils.areas import check_logits

__all__ = ["compute_perturbation_curve"]


def compute_perturbation_curve(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Whether the network is right at each fraction of removed pixels, for each sample.

    Args:
        logits: ``(B, F, K)`` of :func:`~monai_dd.metrics.perturb_logits`; the largest is the prediction.
        label: classes ``(B,)`` or ``(B, 1)``.

    Returns:
        tensor of shape ``(B, F)``, 1 where the prediction is the label and 0 elsewhere.

    Raises:
        ValueError: for other shapes, or classes outside ``0 .. K - 1``.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[[2.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])  # of two classes at three fractions
        >>> compute_perturbation_curve(logits, label=torch.tensor([0]))
        tensor([[1., 1., 0.]])
    """
    label = check_logits(logits, label, "label")
    return (logits.argmax(2) == label[:, None]).float()
