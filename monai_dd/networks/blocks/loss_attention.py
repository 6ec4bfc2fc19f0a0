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
"""Attention weights from the classifier's own logits: patches whose logits are long decide."""

from __future__ import annotations

from typing import Tuple

import torch
from torch import nn

from monai_dd.utils.precision import to_single

__all__ = [
    "CapsuleLossAttention",
    "LossAttention",
    "capsule_loss_attention",
    "log_weights",
    "loss_attention",
]


def _check_xi(xi: float) -> float:
    """Return ``xi`` when it is a threshold that leaves a patch: 0 to 1 (Shi et al. 2021, Section III-B).

    Raises:
        ValueError: for any other number.
    """
    if not 0.0 <= xi <= 1.0:
        raise ValueError(f"xi: expected 0 to 1, got {xi}")
    return xi


def log_weights(weights: torch.Tensor, floor: float = 1e-37) -> torch.Tensor:
    """Logarithm of weights; those below ``floor``, zero among them, give ``log(floor) = -85.2`` and no gradient.

    ``exp`` of that is 1e-37 again, which float32 holds and no sum of probabilities notices.

    Example:
        >>> log_weights(torch.tensor([1.0, 0.0]))
        tensor([  0.0000, -85.1956])
    """
    return weights.clamp_min(floor).log()


def _lengths(logits: torch.Tensor, dim: int) -> torch.Tensor:
    logits = to_single(logits)
    return torch.linalg.vector_norm(logits, dim=dim)


def _shares(x: torch.Tensor) -> torch.Tensor:
    """Divide by the sum over all but the batch; samples that sum to zero get equal shares."""
    flat = x.flatten(1)
    total = flat.sum(1, keepdim=True)
    shares = torch.where(total > 1e-37, flat / total.clamp_min(1e-37), torch.full_like(flat, 1.0 / flat.shape[1]))
    return shares.reshape(x.shape)


def _remove_trivial(alpha: torch.Tensor, xi: float) -> torch.Tensor:
    """What each weight has above ``xi / M``; all weights as they are where none has any. ``(B, 1, *S)``."""
    flat = alpha.flatten(1)
    surplus = torch.relu(flat - xi / flat.shape[1])
    none = surplus.sum(1, keepdim=True) <= 1e-37
    return _shares(torch.where(none, flat, surplus)).reshape(alpha.shape)


def loss_attention(patch_logits: torch.Tensor, xi: float = 0.1) -> torch.Tensor:
    r"""Weights of patches from their logits (Shi et al. 2021, Eq. 5a and 5b).

    .. math::
        \alpha_j = \frac{\|p_j\|_2}{\sum_m \|p_m\|_2}, \qquad
        \alpha_j \leftarrow \frac{\max(\alpha_j - \xi / M, 0)}{\sum_m \max(\alpha_m - \xi / M, 0)}

    The paper leaves two cases open. Where all logits are zero, Eq. 5a is 0/0: all patches get ``1 / M``. Where no patch
    is above the threshold, Eq. 5b is 0/0: the weights of Eq. 5a stay. As these sum to one, that takes ``xi = 1`` and
    weights that are all equal (up to rounding), so both cases are uniform attention.

    Args:
        patch_logits: ``(B, K, *S)``, the logits of ``M`` patches; half precision is computed in float32.
        xi: threshold, 0 (nothing is removed) to 1.

    Returns:
        non-negative weights ``(B, 1, *S)`` that sum to one in each sample; zero for the patches that were removed.

    Raises:
        ValueError: for a threshold out of range.

    Example:
        >>> loss_attention(torch.tensor([[[3.0, 1.0, 0.0]]]), xi=0.5)
        tensor([[[0.8750, 0.1250, 0.0000]]])
    """
    return _remove_trivial(_shares(_lengths(patch_logits, 1).unsqueeze(1)), _check_xi(xi))


def capsule_loss_attention(capsule_logits: torch.Tensor, xi: float = 0.1) -> Tuple[torch.Tensor, torch.Tensor]:
    r"""Weights of patches and of their capsules from the capsules' logits (Shi et al. 2021, Eq. 6a to 6c).

    .. math::
        a_{cj} = \frac{\|p_{cj}\|_2}{\sum_{c, m} \|p_{cm}\|_2}, \qquad
        \alpha_j = \frac{\max(\sum_c a_{cj} - \xi / M, 0)}{\sum_m \max(\sum_c a_{cm} - \xi / M, 0)}, \qquad
        a_{cj} \leftarrow \frac{\mathrm{sgn}(\alpha_j)\, a_{cj}}{\sum_{c, m} \mathrm{sgn}(\alpha_m)\, a_{cm}}

    The open cases are those of :func:`loss_attention`, with the same answers: equal weights where all logits are zero,
    no patch removed where none is above the threshold.

    Args:
        capsule_logits: ``(B, C, K, *S)``, the logits of ``C`` capsules in each of ``M`` patches.
        xi: threshold, 0 to 1.

    Returns:
        the weights of Eq. 6b, ``(B, 1, *S)``, and those of Eq. 6c, ``(B, C, *S)``; each sums to one in each sample.

    Raises:
        ValueError: for a threshold out of range.

    Example:
        >>> patches, capsules = capsule_loss_attention(torch.rand(1, 4, 2, 5, 5))
        >>> patches.shape, capsules.shape
        (torch.Size([1, 1, 5, 5]), torch.Size([1, 4, 5, 5]))
    """
    shares = _shares(_lengths(capsule_logits, 2))
    patches = _remove_trivial(shares.sum(1, keepdim=True), _check_xi(xi))
    return patches, _shares(torch.where(patches > 0, shares, torch.zeros_like(shares)))


class LossAttention(nn.Module):
    """:func:`loss_attention` in the form of a pooling, see :class:`~monai_dd.networks.blocks.MeanPooling`.

    Its potential is the logarithm of the length of each patch's logits: the softmax of it is Eq. 5a, attention before
    the threshold.

    Args:
        xi: threshold, 0 to 1.

    Raises:
        ValueError: for a threshold out of range.

    Example:
        >>> weights, phi = LossAttention(xi=0.1)(torch.empty(0), torch.rand(1, 3, 4, 4))
        >>> weights.shape, phi.shape
        (torch.Size([1, 1, 4, 4]), torch.Size([1, 1, 4, 4]))
    """

    def __init__(self, xi: float = 0.1) -> None:
        super().__init__()
        self.xi = float(_check_xi(xi))

    def forward(self, features: torch.Tensor, patch_logits: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return weights and potential ``(B, 1, *S)`` of patches with logits ``(B, K, *S)``; features are not read."""
        return loss_attention(patch_logits, self.xi), log_weights(_lengths(patch_logits, 1).unsqueeze(1))


class CapsuleLossAttention(nn.Module):
    r""":func:`capsule_loss_attention`, and what it makes of each patch.

    The weight of a patch is what its capsules have together, :math:`\alpha_m = \sum_c a_{cm}` of Eq. 6c, and its logits
    are :math:`p_m = \sum_c (a_{cm} / \alpha_m)\, p_{cm}`, so that the logits of the image are a weighted sum over
    patches, :math:`z = \sum_m \alpha_m p_m` (Eq. 6e), as in the convolutional form. (Eq. 6b, which takes
    :math:`\xi / M` off the weights, removes the same patches but is not what the image's logits are computed with.)
    The proportions inside a patch are those of Eq. 6a, so patches that were removed have logits too.

    Args:
        xi: threshold, 0 to 1.

    Raises:
        ValueError: for a threshold out of range.

    Example:
        >>> weights, logits, phi = CapsuleLossAttention()(torch.rand(1, 4, 3, 5, 5))
        >>> weights.shape, logits.shape, phi.shape
        (torch.Size([1, 1, 5, 5]), torch.Size([1, 3, 5, 5]), torch.Size([1, 1, 5, 5]))
    """

    def __init__(self, xi: float = 0.1) -> None:
        super().__init__()
        self.xi = float(_check_xi(xi))

    def forward(self, capsule_logits: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return weights ``(B, 1, *S)``, logits ``(B, K, *S)`` and potential ``(B, 1, *S)`` of the patches.

        Args:
            capsule_logits: ``(B, C, K, *S)``.
        """
        _, capsules = capsule_loss_attention(capsule_logits, self.xi)
        lengths = _lengths(capsule_logits, 2)
        patches = lengths.sum(1, keepdim=True)
        inside = torch.where(
            patches > 1e-37, lengths / patches.clamp_min(1e-37), torch.full_like(lengths, 1.0 / lengths.shape[1])
        )
        patch_logits = (inside.unsqueeze(2) * capsule_logits).sum(1)
        return capsules.sum(1, keepdim=True), patch_logits, log_weights(patches)
