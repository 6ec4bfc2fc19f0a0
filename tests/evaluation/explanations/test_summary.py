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
"""Tests of rows of a comparison, against slow and obvious counting."""

from __future__ import annotations

import math
import tempfile
import unittest
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from monai_dd.evaluation.explanations.reader import Key, Run, read_explanations
from monai_dd.evaluation.explanations.summary import (
    Measured,
    Row,
    explanation_rows,
    select_rows,
    summarize_explanations,
)
from monai_dd.evaluation.schema import NETWORK
from tests.evaluation.files import write_csv

AUC = Key("attention", "fine", "perturbation_auc")


def _run(labels, predicted=(), values=(), key=AUC, seed=0) -> Run:
    run = Run("exact", seed)
    for name, column in (("label", labels), ("predicted", predicted)):
        for i, value in enumerate(column):
            run.add(Key(NETWORK, "", name), str(i), float(value))
    for i, value in enumerate(values):
        run.add(key, str(i), float(value))
    return run


class TestSummary(unittest.TestCase):
    def test_perturbation_by_hand(self):
        # class 0: (1 + 0 + 0.5) / 3 = 0.5; class 1: 0.2; mean over classes 0.35, over images 0.425
        got = summarize_explanations(_run([0, 0, 0, 1], values=[1, 0, 0.5, 0.2]))[AUC]
        self.assertAlmostEqual(got.value, 0.35, places=15)
        self.assertEqual(got.images, 4)

    def test_other_metrics_by_hand(self):
        key = Key("attention", "fine", "deletion_auc")
        got = summarize_explanations(_run([0, 0, 0, 1], values=[1, 0, math.nan, 0.5], key=key))[key]
        self.assertEqual(got, Measured(0.5, 3))

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
    def test_correctness_averages_to_balanced_accuracy(self, pairs):
        """The mean over classes of correctness is the mean of recalls, balanced accuracy."""
        truth, said = np.array(pairs).T
        key = Key("attention", "fine", "perturbation_0.50")
        summary = summarize_explanations(_run(truth, said, truth == said, key))
        recalls = [np.mean([s == c for t, s in pairs if t == c]) for c in sorted(set(truth))]
        self.assertAlmostEqual(summary[key].value, float(np.mean(recalls)), places=12)
        self.assertAlmostEqual(summary[Key(NETWORK, "", "balanced_accuracy")].value, float(np.mean(recalls)), places=12)

    def test_accuracy_of_the_network(self):
        truth, said = [0, 0, 0, 1, 2, 2], [0, 1, 0, 1, 2, 0]
        summary = summarize_explanations(_run(truth, said))
        self.assertEqual(set(summary), {Key(NETWORK, "", "accuracy"), Key(NETWORK, "", "balanced_accuracy")})
        self.assertEqual(summary[Key(NETWORK, "", "accuracy")], Measured(4 / 6, 6))
        expected = balanced_accuracy_score(truth, said)
        self.assertAlmostEqual(summary[Key(NETWORK, "", "balanced_accuracy")].value, expected, places=12)

    def test_nothing_but_nan(self):
        for key in (AUC, Key("attention", "fine", "mass")):
            got = summarize_explanations(_run([0, 1], values=[math.nan, math.nan], key=key))[key]
            self.assertTrue(math.isnan(got.value))
            self.assertEqual(got.images, 0)

    def test_parameters(self):
        run = _run([])
        run.add(Key(NETWORK, "", "parameters"), "", 4.9e6)
        self.assertEqual(summarize_explanations(run)[Key(NETWORK, "", "parameters")].value, 4.9e6)

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=20))
    def test_area_under_the_roc_curve(self, pairs):
        truth, scores = np.array(pairs).T
        run = _run(truth)
        for i, score in enumerate(scores / 4):
            run.add(Key(NETWORK, "", "probability_1"), str(i), score)
            run.add(Key(NETWORK, "", "masked_out_probability_1"), str(i), 1 - score)
        summary = summarize_explanations(run)
        if len(set(truth)) < 2:
            self.assertTrue(math.isnan(summary[Key(NETWORK, "", "auc")].value))
            return
        area = roc_auc_score(truth, scores)
        self.assertAlmostEqual(summary[Key(NETWORK, "", "auc")].value, area, places=12)
        self.assertAlmostEqual(summary[Key(NETWORK, "", "auc_masked_out")].value, 1 - area, places=12)

    def test_area_under_the_roc_curves_of_three_classes(self):
        truth, scores = [0, 1, 2, 2, 1, 0], np.random.default_rng(0).dirichlet([1, 1, 1], 6)
        run = _run(truth)
        for i, row in enumerate(scores):
            for k, score in enumerate(row):
                run.add(Key(NETWORK, "", f"probability_{k}"), str(i), score)
        expected = roc_auc_score(truth, scores, multi_class="ovr", average="macro")
        self.assertAlmostEqual(summarize_explanations(run)[Key(NETWORK, "", "auc")].value, expected, places=12)

    def test_by_area(self):
        """On an edge counts upward; an image without a mask, or an empty one, counts nowhere."""
        key = Key("attention", "fine", "pixel_ap")
        run = _run([], values=[0.1, 0.2, 0.3, 0.5, 0.7, 0.9], key=key)
        for i, area in enumerate([0.01, 0.02, 0.04, 0.2, 0.0]):
            run.add(Key(NETWORK, "", "area"), str(i), area)
        summary = summarize_explanations(run, ("pixel_ap", (0.02, 0.1)))
        found = {k.metric: measured for k, measured in summary.items()}
        self.assertEqual(found.pop("pixel_ap").images, 6)
        expected = {"pixel_ap@0:0.02": (0.1, 1), "pixel_ap@0.02:0.1": (0.25, 2), "pixel_ap@0.1:inf": (0.5, 1)}
        self.assertEqual(found, expected)

    def test_perturbation_by_area_is_a_mean_of_classes(self):
        run = _run([0, 0, 0, 1], values=[1, 0, 0.5, 0.2])
        for i in range(4):
            run.add(Key(NETWORK, "", "area"), str(i), 0.03)
        found = summarize_explanations(run, ("perturbation_auc", [0.02]))
        self.assertAlmostEqual(found[AUC._replace(metric="perturbation_auc@0.02:inf")].value, 0.35, places=15)

    def test_perturbation_needs_labels(self):
        with self.assertRaisesRegex(
            ValueError, "^explanations: expected labels .* for perturbation of variant 'exact', seed 0, got none"
        ):
            summarize_explanations(_run([], values=[1]))
        with self.assertRaisesRegex(
            ValueError,
            "expected the label of each image .* for .*perturbation_auc of variant 'exact', seed 0, got some without",
        ):
            summarize_explanations(_run([0], values=[1, 1]))


class TestRows(unittest.TestCase):
    def test_one_cell_slowly(self):
        """A cell of three seeds, from the lines of the files by plain counting."""
        rng = np.random.default_rng(0)
        lines = []
        for seed in range(3):
            for image in range(20):
                lines.append((image, NETWORK, "", "label", image % 3, "dual", seed))
                for explainer in ("attention", "gradcam"):
                    lines.append((image, explainer, "coarse", "perturbation_0.10", rng.integers(2), "dual", seed))
        with tempfile.TemporaryDirectory() as folder:
            rows = explanation_rows(read_explanations([write_csv(Path(folder), lines)]))
        row = next(row for row in rows if row.name == "dual" and row.explainer == "attention")
        for seed in range(3):
            by_class = {0: [], 1: [], 2: []}
            for line in lines:
                if line[1] == "attention" and line[6] == seed:
                    by_class[line[0] % 3].append(line[4])
            expected = sum(sum(values) / len(values) for values in by_class.values()) / 3
            self.assertAlmostEqual(row.get("coarse", "perturbation_0.10")[seed].value, expected, places=12)

    def test_a_map_of_one_resolution_stands_at_every_level(self):
        value = {0: Measured(0.5, 1)}
        row = Row("baseline", "random", {("image", "mass"): value, ("fine", "rank"): value})
        self.assertEqual(row.get("coarse", "mass"), value)
        self.assertEqual(row.get("coarse", "rank"), {})  # measured at another level, not on the image

    def test_nan_is_an_image_without_that_value(self):
        """Two images in three runs: of the second run one image has a value, of the third none."""
        key, values = Key("attention", "fine", "mass"), [(0.2, 0.4), (math.nan, 0.5), (math.nan, math.nan)]
        runs = [_run([0, 1], [0, 1], pair, key, seed) for seed, pair in enumerate(values)]
        attention = next(row for row in explanation_rows(runs) if row.explainer == "attention")
        found = attention.get("fine", "mass")
        self.assertEqual({seed: m.images for seed, m in found.items()}, {0: 2, 1: 1})
        np.testing.assert_allclose([m.value for m in found.values()], [0.3, 0.5])
        self.assertEqual(explanation_rows(runs[2:])[0].measured, {})

    def test_order(self):
        keys = [("exact", "attention"), ("new", "attention"), ("baseline", "new"), ("baseline", "gradcam")]
        keys += [("unconstrained_gated", "cvx"), ("cvx", "attention"), ("baseline", "random")]
        runs = []
        for variant, explainer in keys:
            run = Run(variant, 0)
            run.add(Key(explainer, "fine", "mass"), "a", 0.5)
            runs.append(run)
        expected = ["baseline: random", "baseline: gradcam", "baseline: new", "cvx", "cvx: closed form", "exact", "new"]
        self.assertEqual([row.name for row in explanation_rows(runs)], expected)

    def test_select(self):
        rows = [Row("baseline", "random"), Row("baseline", NETWORK), Row("exact", "attention"), Row("exact", NETWORK)]
        self.assertEqual(select_rows(rows), rows)
        self.assertEqual(select_rows(rows, variants=["exact"]), rows[2:])
        self.assertEqual(select_rows(rows, explainers=["random"]), [rows[0], rows[1], rows[3]])
        with self.assertRaisesRegex(ValueError, r"^variants: expected one of \['baseline', 'exact'\], got 'dual'$"):
            select_rows(rows, variants=["dual"])
        with self.assertRaisesRegex(ValueError, r"^explainers: expected one of \['attention', 'random'\], got 'lime'$"):
            select_rows(rows, explainers=["random", "lime"])

    def test_protocol_of_the_paper(self):
        keys = [("baseline", "gradcam"), ("exact", "attention"), ("exact", NETWORK), ("unconstrained_gated", "cvx")]
        keys += [("unconstrained_gated", "consistent"), ("vit", "vit_attention"), ("unconstrained", "attention")]
        kept = [Row(*key) for key in [*keys, ("dual", "attention"), ("loss_attention", "patch_attention")]]
        dropped = [("exact", "gradcam"), ("exact", "random"), ("vit", "vit_rollout")]  # the paper has no rollout
        dropped += [(variant, name) for variant in ("exact", "unconstrained") for name in ("consistent", "cvx")]
        others = [Row(*key) for key in dropped]
        self.assertEqual(select_rows([*others, *kept], paper_protocol=True), kept)


if __name__ == "__main__":
    unittest.main()
