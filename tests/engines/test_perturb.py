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
"""Tests of adversarial perturbations."""

from __future__ import annotations

import copy
import unittest

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized
from torch.nn.functional import binary_cross_entropy_with_logits

from monai_dd.engines import fgsm_perturb, pgd_perturb
from monai_dd.losses import BalancedBCELoss
from tests.engines.setting import EPSILON, LABELS, ROUNDING, Linear, Small, images, loss_of_each


def _summed(output, target):
    return BalancedBCELoss(reduction="sum")(output, target)


ATTACKS = {
    "fgsm": fgsm_perturb,
    "pgd": lambda *args, **kwargs: pgd_perturb(*args, **kwargs, steps=4),
    "pgd_random": lambda *args, **kwargs: pgd_perturb(
        *args, **kwargs, steps=4, generator=torch.Generator().manual_seed(3)
    ),
}
EACH_ATTACK = parameterized.expand([(name,) for name in ATTACKS])


class Half(torch.nn.Module):
    """The image in half precision."""

    def forward(self, x):
        return x.half()


class TestPerturb(unittest.TestCase):
    @parameterized.expand([(1e-9,), (1.0,), (6e4,)])
    def test_half_precision(self, size):
        """Gradients that float16 would lose, and those that overflow when they are scaled."""
        image = torch.full((2, 1, 2, 2), 0.5)
        got = fgsm_perturb(Half(), image, torch.zeros(2), lambda output, _: size * output.float().sum(), 0.125)
        torch.testing.assert_close(got, torch.full_like(image, 0.625))

    def test_no_finite_gradient(self):
        image = torch.full((2, 1, 2, 2), 0.5)
        factor = torch.tensor([1.0, torch.nan]).reshape(2, 1, 1, 1)
        with pytest.warns(UserWarning, match="the loss of 1 of 2 images has no finite gradient; they stay"):
            got = fgsm_perturb(
                torch.nn.Identity(), image, torch.zeros(2), lambda x, _: (factor * x).sum((1, 2, 3)), 0.125
            )
        torch.testing.assert_close(got[0], image[0] + 0.125)
        torch.testing.assert_close(got[1], image[1])

    def test_linear_model_by_hand(self):
        """Logit 2 * 0.5 - 3 * 0.5 + 0 * 0.5 + 1 * 0.5 = 0, so p = 0.5; the gradient of the loss is (p - y) w."""
        network = Linear(torch.tensor([2.0, -3.0, 0.0, 1.0]))
        image = torch.full((2, 1, 2, 2), 0.5)
        target = torch.tensor([[1.0], [0.0]])
        got = fgsm_perturb(network, image, target, binary_cross_entropy_with_logits, 0.1)
        expected = torch.tensor([[0.4, 0.6, 0.5, 0.4], [0.6, 0.4, 0.5, 0.6]])
        torch.testing.assert_close(got.flatten(1), expected)
        # the logit moves by 0.1 * (2 + 3 + 1) against the label: log(1 + exp(0.6)) instead of log 2
        loss = binary_cross_entropy_with_logits(network(got), target)
        self.assertAlmostEqual(loss.item(), np.log1p(np.exp(0.6)), places=6)

    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 10_000), st.floats(0, 0.5), st.booleans(), st.sampled_from(list(ATTACKS)))
    def test_nothing_is_worse_for_a_linear_model(self, seed, epsilon, positive, attack):
        """There the corner of the box that FGSM takes is the maximum of Eq. 2, and PGD gets to it from everywhere."""
        random = np.random.default_rng(seed)
        network = Linear(torch.from_numpy(random.normal(size=9)), random.normal())
        image = torch.from_numpy(random.uniform(size=(1, 1, 3, 3)))
        target = torch.full((1, 1), float(positive), dtype=torch.float64)
        got = ATTACKS[attack](network, image, target, binary_cross_entropy_with_logits, epsilon)
        worst = binary_cross_entropy_with_logits(network(got), target)
        others = (image + torch.from_numpy(random.uniform(-epsilon, epsilon, size=(50, 1, 3, 3)))).clamp(0, 1)
        losses = loss_of_each(network(others), target.expand(50, 1))
        self.assertTrue((losses <= worst + 1e-12).all())
        corner = image - epsilon * (2 * positive - 1) * network.weight.detach().sign().reshape(1, 1, 3, 3)
        torch.testing.assert_close(got, corner.clamp(0, 1), rtol=0, atol=1e-12)

    def test_size_is_epsilon_inside_the_range(self):
        image = images()
        change = fgsm_perturb(Small(), image, LABELS, loss_of_each, EPSILON) - image
        torch.testing.assert_close(change.abs(), torch.full_like(change, EPSILON), rtol=0, atol=ROUNDING)

    @parameterized.expand([(name, span) for name in ATTACKS for span in ((0.0, 1.0), (-2.0, 0.5), None)])
    def test_borders(self, name, span):
        low, high = span or (-7.0, 3.0)
        unit = torch.cat([torch.zeros(1, 1, 6, 6), torch.ones(1, 1, 6, 6), images(2)])
        image = low + (high - low) * unit
        got = ATTACKS[name](Small(), image, LABELS, loss_of_each, 0.2, value_range=span)
        self.assertLessEqual(float((got - image).abs().max()), 0.2 + ROUNDING)
        if span is None:
            self.assertTrue(bool((got < low).any() and (got > high).any()))
        else:
            self.assertTrue(bool((got >= low).all() and (got <= high).all()))
            self.assertTrue(bool((got == low).any() and (got == high).any()))

    @EACH_ATTACK
    def test_loss_does_not_fall(self, name):
        network = Small().double().eval()
        image, target = images(dtype=torch.float64), LABELS.double()
        got = ATTACKS[name](network, image, target, _summed, 0.005)
        before, after = (loss_of_each(network(x), target).sum(1) for x in (image, got))
        self.assertTrue((after > before).all())

    @EACH_ATTACK
    def test_leaves_everything_as_it_was(self, name):
        network = Small().train()
        network.body[3].eval()
        network.head.bias.requires_grad_(False)
        loss_of_each(network(images(seed=1)), LABELS).sum().backward()
        gradients = [None if p.grad is None else p.grad.clone() for p in network.parameters()]
        state, image = copy.deepcopy(network.state_dict()), images()
        modes = [module.training for module in network.modules()]
        random = torch.get_rng_state()
        with torch.no_grad():
            got = ATTACKS[name](network, image, LABELS, loss_of_each, EPSILON)
        self.assertFalse(got.requires_grad)
        self.assertTrue(torch.equal(image, images()) and not image.requires_grad)
        for before, p in zip(gradients, network.parameters(), strict=True):
            self.assertTrue(p.grad is None if before is None else torch.equal(p.grad, before))
        for key, value in network.state_dict().items():
            self.assertTrue(torch.equal(value, state[key]), key)
        self.assertEqual([module.training for module in network.modules()], modes)
        self.assertTrue(torch.equal(torch.get_rng_state(), random), "no random number of torch's own is drawn")

    def test_an_error_leaves_the_mode(self):
        network = Small().train()
        with self.assertRaises(RuntimeError):
            fgsm_perturb(network, torch.zeros(4, 2, 6, 6), LABELS, loss_of_each, EPSILON)
        self.assertTrue(all(module.training for module in network.modules()))

    @parameterized.expand([("fgsm",), ("pgd",)])
    def test_samples_do_not_interact(self, name):
        network, image = Small().train(), images()
        got = ATTACKS[name](network, image, LABELS, loss_of_each, EPSILON)
        one = ATTACKS[name](network, image[2:3], LABELS[2:3], loss_of_each, EPSILON)
        self.assertTrue(torch.equal(one, got[2:3]))

    def test_reductions_and_dictionaries(self):
        image = images()
        plain = fgsm_perturb(Small(), image, LABELS, BalancedBCELoss(), EPSILON)
        for reduction in ("sum", "none"):
            got = fgsm_perturb(Small(dictionary=True), image, LABELS, BalancedBCELoss(reduction=reduction), EPSILON)
            self.assertTrue(torch.equal(got, plain))

    def test_pgd_equals_its_text(self):
        """Step, projection onto the box around the image, projection onto the range; repeat."""
        network, image = Small().double().eval(), images(dtype=torch.float64)
        target, epsilon, size = LABELS.double(), 0.3, 0.2
        expected = image
        for _ in range(3):
            x = expected.clone().requires_grad_()
            loss_of_each(network(x), target).sum().backward()
            expected = expected + size * x.grad.sign()
            expected = torch.minimum(torch.maximum(expected, image - epsilon), image + epsilon).clamp(0, 1)
        got = pgd_perturb(network, image, target, loss_of_each, epsilon, steps=3, step_size=size)
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)

    def test_a_step_of_pgd_is_epsilon_at_most(self):
        """Two steps would be of 1.25 epsilon each: up to the bound, and back past the image."""
        image, epsilon = torch.full((1, 1, 2, 2), 0.5), 0.125

        def loss(output, _target):
            return -(output - 0.5 - epsilon / 2).square()  # largest between the image and the bound

        got = pgd_perturb(torch.nn.Identity(), image, torch.zeros(1), loss, epsilon, steps=2)
        self.assertTrue(torch.equal(got, image))

    def test_random_start(self):
        def attack(seed):
            generator = torch.Generator().manual_seed(seed)
            return pgd_perturb(Small(), images(), LABELS, loss_of_each, EPSILON, step_size=1e-4, generator=generator)

        first, again, other = attack(0), attack(0), attack(1)
        self.assertTrue(torch.equal(first, again))
        self.assertFalse(torch.equal(first, other))
        change = (first - images()) / EPSILON
        # uniform in -1 to 1: mean 0, mean square 1/3; 144 pixels, three standard deviations of each mean
        self.assertAlmostEqual(float(change.mean()), 0, delta=3 * (1 / 3 / 144) ** 0.5)
        self.assertAlmostEqual(float(change.square().mean()), 1 / 3, delta=3 * (4 / 45 / 144) ** 0.5)

    def test_bfloat16_and_rounding_outside_the_range(self):
        image = images()
        image[0, 0, 0, 0] = 1 + 5e-6
        with torch.autocast("cpu", torch.bfloat16):
            got = fgsm_perturb(Small(), image, LABELS, BalancedBCELoss(), EPSILON)
        self.assertEqual(got.dtype, torch.float32)
        self.assertTrue(got.isfinite().all() and got.max() <= 1)
        change = (got - image).abs()[1:]
        self.assertGreater(float((change > EPSILON - ROUNDING).float().mean()), 0.9)  # the rest has no gradient left

    @parameterized.expand(
        [
            ("epsilon", {"epsilon": -0.1}, "0 or more, got -0.1"),
            ("epsilon", {"epsilon": float("nan")}, "0 or more, got nan"),
            ("steps", {"steps": 0}, "1 or more, got 0"),
            ("step_size", {"step_size": 0.0}, "a positive number, got 0.0"),
            ("value_range", {"value_range": (1.0, 0.0)}, r"the lowest and the highest value, got \(1.0, 0.0\)"),
            ("value_range", {"value_range": (0.0,)}, r"the lowest and the highest value, got \(0.0,\)"),
        ]
    )
    def test_bad_argument(self, name, change, message):
        with self.assertRaisesRegex(ValueError, f"^{name}: expected {message}$"):
            pgd_perturb(Small(), images(), LABELS, loss_of_each, **{"epsilon": 0.1, **change})

    @parameterized.expand([("-1.5", lambda x: x - 1.5), ("nan", lambda x: x * torch.nan)])
    def test_bad_image(self, _name, change):
        message = "^image: expected values in the value_range 0 to 1, got (-1[.0-9]* to -0[.0-9]*|nan to nan)$"
        with self.assertRaisesRegex(ValueError, message):
            fgsm_perturb(Small(), change(images()), LABELS, loss_of_each, EPSILON)


if __name__ == "__main__":
    unittest.main()
