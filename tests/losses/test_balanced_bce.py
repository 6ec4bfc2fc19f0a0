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
"""Tests of the balanced binary cross-entropy."""

from __future__ import annotations

import math
import unittest

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.losses import BalancedBCELoss, compute_balance

TARGET = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]])  # 4 positive of 12, by class 3, 1, 0 of 4


def _logits(shape, seed=0, scale=2.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _labels(shape, seed, share):
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < share).double()


def _ratio(labels):
    positive = sum(y == 1 for y in labels)
    return sum(y == 0 for y in labels) / positive if positive else None  # without positives nothing asks for it


def _loops(logits, target, per_class):
    """Eq. 1 as it is printed, sample by sample, class by class."""
    z, y = logits.tolist(), target.tolist()
    values = []
    for i in range(len(z)):
        total = 0.0
        for j in range(len(z[0])):
            column = [row[j] for row in y] if per_class else [label for row in y for label in row]
            p = 1 / (1 + math.exp(-z[i][j]))
            total -= _ratio(column) * math.log(p) if y[i][j] == 1 else math.log(1 - p)
        values.append(total)
    return np.array(values)


class TestComputeBalance(unittest.TestCase):
    def test_by_hand(self):
        self.assertEqual(compute_balance(TARGET).item(), 8 / 4)
        torch.testing.assert_close(compute_balance(TARGET, per_class=True), torch.tensor([1 / 3, 3.0, 1.0]))
        for dtype in (torch.int64, torch.bool, torch.uint8, torch.float16, torch.bfloat16):
            value = compute_balance(TARGET.to(dtype))
            self.assertEqual((value.item(), value.dtype), (2.0, torch.float32))

    def test_many_labels_in_half_precision(self):
        """2049 positives are no number of float16."""
        target = torch.zeros(5000, 1, dtype=torch.float16)
        target[:2049] = 1
        self.assertAlmostEqual(compute_balance(target).item(), 2951 / 2049, places=6)

    @parameterized.expand([(p,) for p in (False, True)])
    def test_one_kind_of_label(self, per_class):
        self.assertTrue((compute_balance(torch.zeros(3, 2), per_class) == 1).all())
        self.assertTrue((compute_balance(torch.ones(3, 2), per_class) == 0).all())

    @settings(max_examples=50, deadline=None)
    @given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 10_000), st.floats(0, 1), st.booleans())
    def test_positives_weigh_as_much_as_negatives(self, batch, classes, seed, share, per_class):
        target = _labels((batch, classes), seed, share)
        beta = compute_balance(target, per_class)
        positive, negative = ((beta * target).sum(0), (1 - target).sum(0))
        there = target.sum(0) > 0
        if not per_class:
            positive, negative, there = positive.sum(), negative.sum(), there.any()
        torch.testing.assert_close(positive[there], negative[there])


class TestBalancedBCELoss(unittest.TestCase):
    @parameterized.expand([(p, share) for p in (False, True) for share in (0.0, 0.05, 0.3, 1.0)])
    def test_equals_loops(self, per_class, share):
        logits, target = _logits((6, 14)), _labels((6, 14), 1, share)
        expected = _loops(logits, target, per_class)
        for reduction, reduced in (("none", expected), ("mean", expected.mean()), ("sum", expected.sum())):
            loss = BalancedBCELoss("class" if per_class else "batch", reduction=reduction)
            for output in (logits, {"logits": logits, "log_mu_fine": None}):
                # float64; the loops lose digits in 1 - p
                np.testing.assert_allclose(loss(output, target).numpy(), reduced, rtol=1e-9)

    def test_the_batch_is_one_by_default(self):
        logits = _logits((4, 3))
        self.assertEqual(BalancedBCELoss().balance, "batch")
        batch, classes = BalancedBCELoss()(logits, TARGET), BalancedBCELoss("class")(logits, TARGET)
        self.assertGreater(abs(float(batch - classes)), 0.05)
        np.testing.assert_allclose(float(batch), _loops(logits, TARGET, False).mean(), rtol=1e-9)

    @parameterized.expand(["batch", "class"])
    def test_equal_numbers_are_plain_cross_entropy(self, balance):
        target = torch.tensor([[1.0, 0], [0, 1]])
        logits = _logits((2, 2))
        plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, target.double(), reduction="none").sum(1)
        torch.testing.assert_close(BalancedBCELoss(balance, reduction="none")(logits, target), plain)

    def test_without_balance(self):
        logits, target = _logits((6, 14)), _labels((6, 14), 1, 0.1).double()
        plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(1)
        torch.testing.assert_close(BalancedBCELoss("none", reduction="none")(logits, target), plain)
        with self.assertRaisesRegex(ValueError, "^balance: expected one of .*'image'"):
            BalancedBCELoss("image")

    @parameterized.expand([(False,), (True,)])
    def test_one_class_does_not_reach_another(self, per_class):
        """With a ratio for each class a label changes the loss of its own class only."""
        logits = _logits((4, 3)).requires_grad_()
        changed = TARGET.clone()
        changed[1, 0] = 1
        gradients = []
        for target in (TARGET, changed):
            gradients.append(
                torch.autograd.grad(BalancedBCELoss("class" if per_class else "batch")(logits, target), logits)[0]
            )
        others = (gradients[0] - gradients[1])[:, 1:].abs().max()
        self.assertEqual(bool(others == 0), per_class)

    @parameterized.expand([(p, value) for p in (False, True) for value in (0.0, 1.0)])
    def test_one_kind_of_label(self, per_class, value):
        logits = _logits((3, 2)).requires_grad_()
        loss = BalancedBCELoss("class" if per_class else "batch")(logits, torch.full((3, 2), value))
        loss.backward()
        self.assertTrue(loss.isfinite() and logits.grad.isfinite().all())
        self.assertEqual(bool(logits.grad.abs().max() > 0), value == 0, "no negatives, ratio 0")

    @parameterized.expand([(False,), (True,)])
    def test_gradcheck(self, per_class):
        loss = BalancedBCELoss("class" if per_class else "batch", reduction="none")
        self.assertTrue(torch.autograd.gradcheck(lambda z: loss(z, TARGET), _logits((4, 3)).requires_grad_()))

    @parameterized.expand([(torch.float32,), (torch.float16,), (torch.bfloat16,)])
    def test_extreme_logits_and_half_precision(self, dtype):
        for extreme in (3e4, -3e4):
            logits = torch.full((4, 3), extreme, dtype=dtype, requires_grad=True)
            value = BalancedBCELoss()(logits, TARGET.to(dtype))
            value.backward()
            self.assertTrue(value.isfinite() and logits.grad.isfinite().all())
            self.assertEqual((value.dtype, logits.grad.dtype), (torch.float32, dtype))
            rounded = float(logits.detach()[0, 0].abs())
            wrong = 8 if extreme > 0 else 2 * 4  # labels that cost |z| each, the positive ones twice
            self.assertAlmostEqual(value.item() / (rounded * wrong / 4), 1, places=6)

    def test_under_autocast(self):
        linear = torch.nn.Linear(5, 3)
        x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
        with torch.autocast("cpu", torch.bfloat16):
            logits = linear(x)
            value = BalancedBCELoss()(logits, TARGET)
        self.assertEqual((logits.dtype, value.dtype), (torch.bfloat16, torch.float32))
        torch.testing.assert_close(value, BalancedBCELoss()(logits.float(), TARGET))

    def test_bad_arguments(self):
        loss = BalancedBCELoss()
        with self.assertRaisesRegex(ValueError, r"^target: expected \(B, K\)[^\n]*\(4, 3\), got \(4,\)$"):
            loss(_logits((4, 3)), TARGET[:, 0])
        with self.assertRaisesRegex(ValueError, r"^target: expected \(B, K\)[^\n]*got \(4,\)$"):
            loss(_logits((4,)), TARGET[:, 0])
        for bad in (TARGET - 0.5, TARGET + torch.nan):
            with self.assertRaisesRegex(ValueError, "^target: expected zeros and ones, got other values$"):
                loss(_logits((4, 3)), bad)


if __name__ == "__main__":
    unittest.main()
