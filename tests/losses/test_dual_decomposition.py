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
"""Tests of the training objective."""

from __future__ import annotations

import unittest

import numpy as np
import torch
from parameterized import parameterized

from monai_dd.losses import DualDecompositionLoss
from tests import reference_losses
from tests.losses.outputs import network_output

SIZES = [(4, 6), (2, 3)]
LABELS = [0, 2, 1]
CASES = [
    {"alpha": 0.0},
    {},
    {"alpha": 3.0, "witness": False, "divergence": "kl_fine_coarse"},
    {"alpha": 1.0, "divergence": "program", "evidence_weight": 0.5},
    {"alpha": 0.0, "evidence_weight": 2.0, "normal_class": 2},
    {"alpha": 2.0, "class_weights": [0.5, 1.0, 4.0], "label_smoothing": 0.1, "evidence_weight": 0.25},
]


def _expected(output, potentials, options):
    weights, smoothing = options.get("class_weights", [1.0] * 3), options.get("label_smoothing", 0.0)
    value = reference_losses.cross_entropy(output["logits"], LABELS, weights, smoothing)
    divergence = options.get("divergence", "kl_coarse_fine")
    prefix = "log_mu" if options.get("witness", True) and divergence != "program" else "log_tau"
    maps = [output[f"{prefix}_fine"], output[f"{prefix}_coarse"]]
    value = value + options.get("alpha", 10.0) * reference_losses.consistency(maps, divergence)
    normal = options.get("normal_class", 0)
    return value + options.get("evidence_weight", 0.0) * reference_losses.evidence_loss(potentials, LABELS, normal)


class TestDualDecompositionLoss(unittest.TestCase):
    @parameterized.expand([(options,) for options in CASES])
    def test_equals_loops(self, options):
        output, potentials = network_output(SIZES)
        expected = _expected(output, potentials, options)
        targets = [
            torch.tensor(LABELS),
            torch.tensor(LABELS)[:, None],
            torch.eye(3)[LABELS],
            torch.tensor(LABELS) * 1.0,
        ]
        for target in targets:
            for reduction, reduced in (("none", expected), ("mean", expected.mean()), ("sum", expected.sum())):
                value = DualDecompositionLoss(**options, reduction=reduction)(output, target)
                # class weights are kept in float32
                np.testing.assert_allclose(value.numpy(), reduced, rtol=1e-7)

    @parameterized.expand([(options,) for options in CASES])
    def test_samples_do_not_interact(self, options):
        output, _ = network_output(SIZES)
        batch = DualDecompositionLoss(**options, reduction="none")(output, torch.tensor(LABELS))
        for row in range(3):
            one = {key: value[row : row + 1] for key, value in output.items()}
            alone = DualDecompositionLoss(**options)(one, torch.tensor(LABELS[row : row + 1]))
            torch.testing.assert_close(alone, batch[row])

    def test_gradcheck(self):
        _, potentials = network_output(SIZES, requires_grad=True)
        logits = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
        loss = DualDecompositionLoss(alpha=2.0, witness=False, evidence_weight=0.5, reduction="none")

        def value(logits, fine, coarse):
            output = {"logits": logits, "phi_fine": fine, "phi_coarse": coarse}
            for name, phi in (("fine", fine), ("coarse", coarse)):
                output[f"log_tau_{name}"] = phi.flatten(2).log_softmax(-1).reshape(phi.shape)
            return loss(output, torch.tensor(LABELS))

        self.assertTrue(torch.autograd.gradcheck(value, (logits, *potentials)))

    def test_plain_logits_without_weighted_terms(self):
        logits = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
        value = DualDecompositionLoss(alpha=0.0)(logits, torch.tensor(LABELS))
        torch.testing.assert_close(value, torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS)))

    @parameterized.expand([({"alpha": 10.0}, "log_mu_fine"), ({"alpha": 0.0, "evidence_weight": 1.0}, "phi_fine")])
    def test_plain_logits_with_weighted_terms(self, options, name):
        with self.assertRaisesRegex(ValueError, f"^[^\n]*return_attention=True[^\n]*{name}[^\n]*got Tensor$"):
            DualDecompositionLoss(**options)(torch.zeros(3, 3), torch.tensor(LABELS))

    def test_classification_loss_of_its_own(self):
        output, potentials = network_output(SIZES)
        target = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0]], dtype=torch.float64)

        def per_sample(logits, labels):
            return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none").sum(1)

        options = {"alpha": 2.0, "evidence_weight": 0.5, "reduction": "none"}
        value = DualDecompositionLoss(**options, normal_class=None, classification=per_sample)(output, target)
        expected = per_sample(output["logits"], target).numpy()
        maps = [output["log_mu_fine"], output["log_mu_coarse"]]
        expected = expected + 2 * reference_losses.consistency(maps, "kl_coarse_fine")
        expected = expected + 0.5 * reference_losses.evidence_loss(potentials, [0, 1, 1], 0)
        np.testing.assert_allclose(value.numpy(), expected, rtol=1e-10)

        with self.assertRaisesRegex(
            ValueError, r"^classification: expected a loss with reduction='none', .* got shape \(\)$"
        ):
            DualDecompositionLoss(alpha=0.0, classification=torch.nn.BCEWithLogitsLoss())(output["logits"], target)
        with self.assertRaisesRegex(ValueError, "^class_weights, label_smoothing: expected none"):
            DualDecompositionLoss(classification=per_sample, label_smoothing=0.1)

    def test_class_weights_travel_with_the_module_and_take_its_precision(self):
        loss = DualDecompositionLoss(alpha=0.0, class_weights=[1.0, 2.0, 3.0])
        self.assertIn("class_weights", loss.state_dict())
        self.assertEqual(loss(torch.zeros(3, 3, dtype=torch.float64), torch.tensor(LABELS)).dtype, torch.float64)

    def test_bad_arguments(self):
        for options in ({"alpha": -1.0}, {"evidence_weight": -0.1}):
            with self.assertRaisesRegex(
                ValueError, f"^[^\n]*{next(iter(options))}[^\n]*expected 0 or more, got [^\n]*$"
            ):
                DualDecompositionLoss(**options)
        with self.assertRaisesRegex(ValueError, "divergence"):
            DualDecompositionLoss(divergence="kl")
        with self.assertRaisesRegex(ValueError, "^target: expected [^\n]*got \\(3, 2\\)$"):
            DualDecompositionLoss(alpha=0.0)(torch.zeros(3, 3), torch.zeros(3, 2))


if __name__ == "__main__":
    unittest.main()
