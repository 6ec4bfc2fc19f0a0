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
"""Tests of the paper's numbers: cells read off the page again."""

from __future__ import annotations

import unittest

from parameterized import parameterized

from monai_dd.evaluation.published import _TABLES, BRATS, FDG, published_method, published_number


class TestPublished(unittest.TestCase):
    @parameterized.expand(
        [
            (1, FDG, "LRP", "coarse", "perturbation_auc", "20.48"),
            (1, FDG, "ViT-B/16", "fine", "perturbation_auc", "21.63 ± 1.17"),
            (1, FDG, "Dual", "fine", "perturbation_auc", "32.48 ± 1.81"),
            (1, FDG, "τ^l", "coarse", "perturbation_auc", "22.34 ± 0.70"),
            (2, BRATS, "GradCAM", "fine", "pixel_ap", "58.68"),
            (2, BRATS, "Unconst.", "fine", "iou_0.9", "14.32 ± 8.4"),
            (2, BRATS, "CVX", "fine", "iou_0.95", "24.66 ± 10.5"),
            (2, BRATS, "KL(τ^k, Σ τ^l)", "coarse", "pixel_ap", "45.56 ± 7.14"),
            (2, BRATS, "Dual", "coarse", "iou_0.975", "46.17 ± 1.7"),
            (3, FDG, "τ^l", "", "balanced_accuracy", "80.82 ± 0.25"),
            (3, FDG, "Dual", "", "parameters", "30.8M"),
            (3, BRATS, "ViT-B/16", "", "accuracy", "97.31 ± 0.44"),
        ]
    )
    def test_cells(self, table, dataset, method, level, metric, printed):
        self.assertEqual(str(published_number(table, dataset, method, level, metric)), printed)

    @parameterized.expand(
        [
            (1, FDG, "τ^l", "coarse", "perturbation_auc", 22.34, 0.7),
            (2, BRATS, "LRP", "fine", "pixel_ap", 35.61, None),
            (3, FDG, "Dual", "", "parameters", 30.8, None),
        ]
    )
    def test_numbers(self, table, dataset, method, level, metric, mean, sd):
        found = published_number(table, dataset, method, level, metric)
        self.assertEqual((found.mean, found.sd), (mean, sd))

    def test_all_cells_are_numbers(self):
        cells = [cell for table in _TABLES.values() for row in table.values() for cell in row.values()]
        self.assertEqual(len(cells), 15 + 8 * 4 + 6 * 4 + 2 + 24)
        for cell in cells:
            self.assertRegex(str(cell), r"^\d+\.(\d\d|\dM)( ± \d+\.\d\d?)?$")
            self.assertTrue(0 < cell.mean < 100 and (cell.sd is None or 0 < cell.sd < 15))

    @parameterized.expand(
        [
            (1, FDG, "CVX", "coarse", "perturbation_auc"),  # a dash
            (1, BRATS, "Dual", "fine", "perturbation_auc"),  # not of that data set
            (2, BRATS, "KL(τ^k, Σ τ^l)", "coarse", "iou_0.9"),  # a dash
            (2, BRATS, "Dual", "fine", "pointing"),  # a metric that the paper does not have
            (4, FDG, "Dual", "fine", "pixel_ap"),
        ]
    )
    def test_nothing_printed(self, *cell):
        self.assertIsNone(published_number(*cell))

    @parameterized.expand(
        [
            ("dual_gated", "attention", "Dual"),
            ("tau_fine_gated", "attention", "τ^k"),
            ("kl_coarse_fine_gated", "attention", "KL(τ^l, Σ τ^k)"),
            ("unconstrained_gated", "cvx", "CVX"),
            ("unconstrained_gated", "consistent", "CVX"),
            ("unconstrained", "consistent", ""),  # pooled by attention, which the paper does not do
            ("unconstrained", "cvx", ""),
            ("unconstrained", "attention", ""),
            ("unconstrained", "network", ""),
            ("dual", "attention", ""),
            ("dual", "network", ""),
            ("dual_gated", "network", "Dual"),
            ("unconstrained_gated", "attention", "Unconst."),
            ("exact", "cvx", ""),  # the paper solves the program for gates without a constraint
            ("cvx", "attention", "CVX"),
            ("baseline", "gradcam", "GradCAM"),
            ("exact", "gradcam", ""),  # the paper explains its baseline by GradCAM, nothing else
            ("baseline", "network", "Baseline"),
            ("vit", "network", "ViT-B/16"),
            ("vit", "vit_attention", "ViT-B/16"),
            ("vit", "attention", "ViT-B/16"),
            ("vit", "vit_rollout", ""),
            ("exact", "attention", ""),
            ("baseline", "random", ""),
        ]
    )
    def test_methods(self, variant, explainer, method):
        self.assertEqual(published_method(variant, explainer), method)


if __name__ == "__main__":
    unittest.main()
