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
"""Tests of the loss of loss-based attention."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.losses import LossAttentionLoss, compute_patch_loss

GRIDS = [(6,), (2, 3), (2, 1, 3)]
CLASSES = [0, 2, 1]
TARGETS = [torch.tensor(CLASSES), torch.tensor(CLASSES)[:, None], torch.eye(3)[CLASSES]]
LABELS = torch.tensor([[1.0, 0, 1], [0, 0, 0], [0, 1, 0]])


def _output(grid=(2, 3), scale=1.0, seed=0, requires_grad=False, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return (scale * torch.randn(*shape, generator=generator, dtype=dtype)).requires_grad_(requires_grad)

    weights = torch.rand(3, 1, *grid, generator=generator, dtype=dtype)
    weights[:, :, 0] = 0.0  # patches below the threshold
    weights = weights / weights.flatten(1).sum(1).reshape(-1, *[1] * (weights.dim() - 1))
    return {
        "logits": draw(3, 3),
        "patch_logits": draw(3, 3, *grid),
        "patch_weights": weights.requires_grad_(requires_grad),
    }


def _softmax(row):
    total = sum(math.exp(z) for z in row)
    return [math.exp(z) / total for z in row]


def _sigmoid(row):
    return [1 / (1 + math.exp(-z)) for z in row]


def _loops(output, labels, gamma, multi_label):
    """Eq. 9 and 10 as they are printed: probabilities first, then their logarithms, label by label, patch by patch."""
    values = []
    for i, wanted in enumerate(labels.tolist()):
        z = output["logits"][i].tolist()
        if multi_label:
            inner = sum(y * math.log(p) + (1 - y) * math.log(1 - p) for y, p in zip(wanted, _sigmoid(z), strict=True))
        else:
            inner = sum(math.log(p) for y, p in zip(wanted, _softmax(z), strict=True) if y == 1)
        patches = output["patch_logits"][i].flatten(1).T.tolist()
        for alpha, p in zip(output["patch_weights"][i].flatten().tolist(), patches, strict=True):
            logs = [math.log(q) for y, q in zip(wanted, (_sigmoid if multi_label else _softmax)(p), strict=True) if y]
            if logs:
                inner += gamma * alpha * (max(logs) if multi_label else sum(logs))
        values.append(-inner)
    return np.array(values)


class TestLossAttentionLoss(unittest.TestCase):
    @parameterized.expand([(grid, gamma, i) for grid in GRIDS for gamma in (0.0, 0.1, 2.0) for i in range(3)])
    def test_single_label_equals_loops(self, grid, gamma, index):
        output = _output(grid)
        expected = _loops(output, torch.eye(3)[CLASSES], gamma, False)
        for reduction, reduced in (("none", expected), ("mean", expected.mean()), ("sum", expected.sum())):
            value = LossAttentionLoss(gamma, reduction=reduction)(output, TARGETS[index])
            np.testing.assert_allclose(value.numpy(), reduced, rtol=1e-10)

    @parameterized.expand([(grid, gamma) for grid in GRIDS for gamma in (0.0, 0.1, 2.0)])
    def test_multi_label_equals_loops(self, grid, gamma):
        output = _output(grid)
        expected = _loops(output, LABELS, gamma, True)
        for reduction, reduced in (("none", expected), ("mean", expected.mean()), ("sum", expected.sum())):
            value = LossAttentionLoss(gamma, multi_label=True, reduction=reduction)(output, LABELS)
            np.testing.assert_allclose(value.numpy(), reduced, rtol=1e-10)

    @parameterized.expand([(grid, multi_label) for grid in GRIDS for multi_label in (False, True)])
    def test_gradcheck(self, grid, multi_label):
        tensors = _output(grid, requires_grad=True)
        loss = LossAttentionLoss(0.5, multi_label, reduction="none")

        def value(*parts):
            return loss(dict(zip(tensors, parts, strict=True)), LABELS if multi_label else TARGETS[0])

        self.assertTrue(torch.autograd.gradcheck(value, list(tensors.values())))

    @parameterized.expand([(dtype, multi) for dtype in (torch.float32, torch.float16) for multi in (False, True)])
    def test_extreme_logits(self, dtype, multi_label):
        output = {k: v.detach().to(dtype) for k, v in _output().items()}
        target = LABELS if multi_label else TARGETS[0]
        for key in ("logits", "patch_logits"):
            for extreme in (3e4, -3e4):
                changed = output[key].clone()
                changed[:, 1] = extreme
                changed.requires_grad_()
                value = LossAttentionLoss(0.1, multi_label)({**output, key: changed}, target)
                value.backward()
                self.assertTrue(value.isfinite() and changed.grad.isfinite().all())
                self.assertEqual(value.dtype, torch.float32)

    def test_an_image_without_label_says_nothing_about_its_patches(self):
        output = _output(requires_grad=True)
        value = LossAttentionLoss(1.0, multi_label=True, reduction="none")(output, LABELS)
        value.sum().backward()
        for key in ("patch_logits", "patch_weights"):
            grad = output[key].grad
            self.assertTrue(grad.isfinite().all())
            self.assertEqual(float(grad[1].abs().max()), 0.0)
            self.assertGreater(float(grad[[0, 2]].abs().max()), 0.0)

    def test_patches_of_other_classes_cost_and_lose_weight(self):
        logits = torch.tensor([[[[5.0, 0.0]], [[0.0, 5.0]]]], dtype=torch.float64)  # one patch of each class
        labels = torch.tensor([[1.0, 0.0]])
        weights = torch.full((1, 1, 1, 2), 0.5, dtype=torch.float64, requires_grad=True)
        compute_patch_loss(logits, weights, labels).sum().backward()
        self.assertLess(float(weights.grad[0, 0, 0, 0]), 0.1)
        self.assertGreater(float(weights.grad[0, 0, 0, 1]), 4.9)
        right, wrong = torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[[0.0, 1.0]]]])
        self.assertLess(compute_patch_loss(logits, right, labels), compute_patch_loss(logits, wrong, labels))

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 10_000), st.floats(0.01, 10.0), st.booleans())
    def test_of_several_labels_the_most_likely_counts(self, seed, scale, more):
        output = _output(scale=scale, seed=seed)
        one = torch.eye(3)[CLASSES]
        several = torch.ones(3, 3) if more else one
        parts = (output["patch_logits"], output["patch_weights"])
        least = compute_patch_loss(*parts, several, multi_label=True)
        for k in range(3):
            only = torch.eye(3)[[k] * 3]
            if bool((several >= only).all()):
                self.assertTrue((least <= compute_patch_loss(*parts, only, multi_label=True) + 1e-12).all())
        # for one label, softmax and Eq. 9's sum over it; the value is a weighted mean of non-negative costs
        self.assertTrue((compute_patch_loss(*parts, one) >= 0).all())

    @parameterized.expand([(False,), (True,)])
    def test_samples_do_not_interact(self, multi_label):
        output, target = _output(), LABELS if multi_label else TARGETS[0]
        batch = LossAttentionLoss(0.3, multi_label, reduction="none")(output, target)
        for row in range(3):
            one = {key: value[row : row + 1] for key, value in output.items()}
            torch.testing.assert_close(LossAttentionLoss(0.3, multi_label)(one, target[row : row + 1]), batch[row])

    def test_gamma_may_change_and_without_it_logits_are_enough(self):
        output, target = _output(), TARGETS[0]
        loss = LossAttentionLoss(0.0)
        start = loss(output, target)
        torch.testing.assert_close(loss(output["logits"], target), start)
        torch.testing.assert_close(start, torch.nn.functional.cross_entropy(output["logits"], target))
        loss.gamma = 0.2
        patches = compute_patch_loss(output["patch_logits"], output["patch_weights"], TARGETS[2]).mean()
        torch.testing.assert_close(loss(output, target), start + 0.2 * patches)

    def test_label_smoothing_is_of_the_image(self):
        output, target = _output(), TARGETS[0]
        smooth = torch.nn.functional.cross_entropy(output["logits"], target, label_smoothing=0.1)
        plain = torch.nn.functional.cross_entropy(output["logits"], target)
        difference = LossAttentionLoss(label_smoothing=0.1)(output, target) - LossAttentionLoss()(output, target)
        torch.testing.assert_close(difference, smooth - plain)

    def test_bad_arguments(self):
        output = _output()
        with self.assertRaisesRegex(ValueError, "^gamma: expected [^\n]*got -1$"):
            LossAttentionLoss(-1)
        with self.assertRaisesRegex(ValueError, "^label_smoothing: expected [^\n]*got 0.1$"):
            LossAttentionLoss(multi_label=True, label_smoothing=0.1)
        with self.assertRaisesRegex(ValueError, "^[^\n]*patch_logits[^\n]*got Tensor$"):
            LossAttentionLoss()(output["logits"], TARGETS[0])
        with self.assertRaisesRegex(ValueError, r"^[^\n]*patch_weights[^\n]*got \['logits'\]$"):
            LossAttentionLoss()({"logits": output["logits"]}, TARGETS[0])
        with self.assertRaisesRegex(ValueError, r"^target: expected [^\n]*got \(3,\)$"):
            LossAttentionLoss(multi_label=True)(output, TARGETS[0])
        with self.assertRaisesRegex(ValueError, "^target: expected zeros and ones[^\n]*$"):
            LossAttentionLoss(multi_label=True)(output, LABELS - 0.5)
        with self.assertRaisesRegex(ValueError, "^expected patch_logits[^\n]*$"):
            LossAttentionLoss()({**output, "patch_weights": torch.ones(3, 1, 3, 3)}, TARGETS[0])


if __name__ == "__main__":
    unittest.main()
