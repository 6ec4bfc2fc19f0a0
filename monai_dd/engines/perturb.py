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
"""Images that are perturbed so as to raise the loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from monai_dd.utils.evaluation import evaluating

__all__ = ["Loss", "check_attack", "fgsm_perturb", "pgd_perturb", "unwrap_network"]

Loss = Callable[[Any, torch.Tensor], torch.Tensor]
_ROUNDING = 1e-4  # of the value range: what resampling and rescaling may leave outside
_SCALES = (2.0**16, 2.0**8, 1.0, 2.0**-8)  # of the loss: half precision loses small gradients, large ones overflow


def fgsm_perturb(
    network: nn.Module,
    image: torch.Tensor,
    target: torch.Tensor,
    loss: Loss,
    epsilon: float,
    value_range: tuple[float, float] | None = (0.0, 1.0),
) -> torch.Tensor:
    r"""Perturb images by the sign of the gradient of the loss (FGSM, Goodfellow et al. 2015, Section 4).

    :math:`x + \epsilon\, \mathrm{sign}\, \nabla_x L(f(x), y)`, clipped to the value range: one step for
    :math:`\max_{|\delta|_\infty \le \epsilon} L(f(x + \delta), y)` (Khakzar et al. 2019, Eq. 2), its solution where the
    loss is linear in the image.

    The network is asked in evaluation mode: with its running statistics and without dropout the perturbation of an
    image does not depend on the others in the batch, and batch normalization learns nothing from the attack. Every
    module gets its mode back; weights keep their ``grad``, and a ``DistributedDataParallel`` is passed by, so that
    nothing is communicated.

    Args:
        network: gives the output that ``loss`` takes.
        image: ``(B, C, *spatial)``.
        target: what ``loss`` takes, ``(B, ...)``.
        loss: ``loss(output, target)``, with any reduction.
        epsilon: largest change of a value, in the units of the image.
        value_range: lowest and highest value of an image, or ``None`` for images without bounds.

    Returns:
        perturbed images ``(B, C, *spatial)``, without gradient.

    Raises:
        ValueError: for a negative ``epsilon``, an empty range, or an image with values outside the range.

    Example:
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
        >>> image, label = torch.full((1, 1, 2, 2), 0.5), torch.tensor([1])
        >>> perturbed = fgsm_perturb(network, image, label, torch.nn.CrossEntropyLoss(), epsilon=0.125)
        >>> (perturbed - image).abs().unique()
        tensor([0.1250])
    """
    return pgd_perturb(network, image, target, loss, epsilon, value_range, steps=1)


def pgd_perturb(
    network: nn.Module,
    image: torch.Tensor,
    target: torch.Tensor,
    loss: Loss,
    epsilon: float,
    value_range: tuple[float, float] | None = (0.0, 1.0),
    steps: int = 10,
    step_size: float | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    r"""Perturb images by projected gradient ascent of the loss (PGD, Madry et al. 2018, Section 2.1).

    As :func:`fgsm_perturb` in ``steps`` steps of ``step_size``, each followed by the projection onto
    :math:`|\delta|_\infty \le \epsilon` and the value range.

    Args:
        network: see :func:`fgsm_perturb`.
        image: see :func:`fgsm_perturb`.
        target: see :func:`fgsm_perturb`.
        loss: see :func:`fgsm_perturb`.
        epsilon: see :func:`fgsm_perturb`.
        value_range: see :func:`fgsm_perturb`.
        steps: gradients taken.
        step_size: change of a value in each step; by default 2.5 ``epsilon / steps``, and at most ``epsilon``.
        generator: of a random start, uniform in the allowed changes, on the device of the image; without it the start
            is the image.

    Returns:
        perturbed images ``(B, C, *spatial)``, without gradient.

    Raises:
        ValueError: for a negative ``epsilon``, no steps, a step that is not positive, an empty range, or an image with
            values outside the range.

    Example:
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
        >>> image, label = torch.full((1, 1, 2, 2), 0.5), torch.tensor([1])
        >>> perturbed = pgd_perturb(network, image, label, torch.nn.CrossEntropyLoss(), epsilon=0.125, steps=3)
        >>> float((perturbed - image).abs().max())
        0.125
    """
    check_attack(epsilon, value_range, steps, step_size)
    network = unwrap_network(network)
    image = image.detach().as_subclass(torch.Tensor)
    lowest, highest = image - epsilon, image + epsilon
    if value_range is not None:
        _check_values(image, value_range)
        lowest, highest = lowest.clamp(*value_range), highest.clamp(*value_range)
    size = min(epsilon, 2.5 * epsilon / steps) if step_size is None else step_size
    perturbed = image
    if generator is not None:
        noise = torch.rand(image.shape, generator=generator, dtype=image.dtype, device=image.device)
        perturbed = lowest + noise * (highest - lowest)
    for _ in range(steps):
        with torch.enable_grad(), evaluating(network):
            x = perturbed.clone().requires_grad_()
            gradient = _differentiate(loss(network(x), target).sum(), x)
        perturbed = (perturbed + size * gradient.sign()).clamp(lowest, highest)
    return perturbed


def _differentiate(value: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Gradient of ``value`` up to the first of a few factors by which it is finite; none is left on the weights."""
    for scale in _SCALES:
        gradient = torch.autograd.grad(value, x, torch.full_like(value, scale), retain_graph=True)[0]
        if bool(gradient.isfinite().all()):
            return gradient
    lost = int((~gradient.isfinite()).flatten(1).any(1).sum())
    warnings.warn(f"the loss of {lost} of {len(x)} images has no finite gradient; they stay as they are", stacklevel=3)
    return torch.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)


def unwrap_network(network: nn.Module) -> nn.Module:
    """Return the network itself where it is wrapped for distributed training: what it does then stays with it."""
    return network.module if isinstance(network, DistributedDataParallel) else network


def check_attack(
    epsilon: float, value_range: tuple[float, float] | None, steps: int = 1, step_size: float | None = None
) -> None:
    """Check the options of :func:`pgd_perturb`.

    Raises:
        ValueError: naming the one that is wrong.
    """
    if not epsilon >= 0:
        raise ValueError(f"epsilon: expected 0 or more, got {epsilon}")
    if steps < 1:
        raise ValueError(f"steps: expected 1 or more, got {steps}")
    if step_size is not None and not step_size > 0:
        raise ValueError(f"step_size: expected a positive number, got {step_size}")
    if value_range is not None and (len(value_range) != 2 or not value_range[0] < value_range[1]):
        raise ValueError(f"value_range: expected the lowest and the highest value, got {value_range}")


def _check_values(image: torch.Tensor, value_range: tuple[float, float]) -> None:
    low, high = value_range
    least, most = (float(value) for value in image.aminmax())
    slack = _ROUNDING * (high - low)
    if not (least >= low - slack and most <= high + slack):
        raise ValueError(f"image: expected values in the value_range {low:g} to {high:g}, got {least:g} to {most:g}")
