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
"""Tests of intervals, against drawing patients slowly, one image after the other."""

from __future__ import annotations

import math
import unittest

import numpy as np
from parameterized import parameterized
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from monai_dd.evaluation import Bootstrap, explanation_rows
from monai_dd.evaluation.explanations.reader import Key, Run
from monai_dd.evaluation.schema import NETWORK

AP = Key("attention", "fine", "pixel_ap")
CURVE = Key("attention", "fine", "perturbation_auc")
PATIENTS = ("c", "a", "b", "a", "c", "b", "a", "d", "c", "d")  # of images 0 to 9
LABELS = (0, 1, 1, 0, 1, 0, 1, 0, 1, 0)


def _runs(variant="exact", seeds=(0, 1), shift=0.0, groups=PATIENTS) -> list[Run]:
    runs = []
    for seed in seeds:
        run, rng = Run(variant, seed), np.random.default_rng(seed)
        run.add(Key(NETWORK, "", "parameters"), "", 7.0)
        for i in rng.permutation(len(PATIENTS)):
            group = groups[i] if groups else ""
            run.add(AP, str(i), math.nan if i == 3 else rng.uniform() + shift, group)
            run.add(CURVE, str(i), rng.uniform(), group)
            run.add(Key(NETWORK, "", "label"), str(i), LABELS[i], group)
            run.add(Key(NETWORK, "", "predicted"), str(i), rng.integers(2), group)
            run.add(Key(NETWORK, "", "probability_1"), str(i), rng.integers(4) / 4, group)
        runs.append(run)
    return runs


def _slowly(run: Run, metric: str, drawn: list[str]) -> float:
    """The number of a run of the images of patients, each as often as it was drawn."""

    def of(name: str, explainer: str = NETWORK) -> list[float]:
        key = Key(explainer, "" if explainer == NETWORK else "fine", name)
        values = dict(zip(run.images, run.by_image(key)))
        return [values[str(i)] for patient in drawn for i in range(10) if PATIENTS[i] == patient]

    truth = of("label")
    if metric == "pixel_ap":
        return float(np.nanmean(of("pixel_ap", "attention")))
    if metric == "balanced_accuracy":
        return balanced_accuracy_score(truth, of("predicted"))
    if metric == "auc":
        return roc_auc_score(truth, of("probability_1")) if len(set(truth)) == 2 else math.nan
    values = of(metric, "attention")
    return float(np.mean([np.mean([v for v, t in zip(values, truth) if t == c]) for c in set(truth)]))


class TestBootstrap(unittest.TestCase):
    @parameterized.expand(["pixel_ap", "perturbation_auc", "balanced_accuracy", "auc"])
    def test_equals_drawing_slowly(self, metric):
        runs = _runs()
        drawn = np.random.default_rng(5).multinomial(4, [0.25] * 4, 40)
        means = []
        for counts in drawn:
            patients = [patient for patient, count in zip("abcd", counts) for _ in range(count)]
            means.append(np.mean([_slowly(run, metric, patients) for run in runs]))
        low, high = np.nanquantile(means, [0.05, 0.95])
        explainer, level = (NETWORK, "") if metric in ("balanced_accuracy", "auc") else ("attention", "fine")
        row = next(row for row in explanation_rows(runs) if row.explainer == explainer)
        found = Bootstrap(runs, resamples=40, seed=5, confidence=0.9).interval(row, level, metric)
        expected = np.mean([m.value for m in row.get(level, metric).values()]), low, high
        np.testing.assert_allclose(found, expected, atol=1e-12)

    def test_covers_as_often_as_it_says(self):
        """Patients differ and their images do not: with images as groups, intervals would be half as wide."""
        rng = np.random.default_rng(0)
        counts = {"patients": 0, "images": 0}
        for _ in range(100):
            run, lone, truth = Run("exact", 0), Run("exact", 0), rng.normal(size=20)
            for patient, value in enumerate(truth):
                for i in range(4):
                    run.add(AP, f"{patient} {i}", value, f"{patient}")
                    lone.add(AP, f"{patient} {i}", value)
            for name, which in (("patients", run), ("images", lone)):
                (row,) = explanation_rows([which])
                _, low, high = Bootstrap([which], resamples=100).interval(row, "fine", "pixel_ap")
                counts[name] += low <= 0 <= high
        # about 92 % of percentile intervals of 20 patients cover, 63 % of half of them; sd of 100 trials 3 and 5 %
        self.assertTrue(84 <= counts["patients"] <= 100, counts)
        self.assertLess(counts["images"], 80)

    def test_a_difference_is_paired(self):
        """A row that is better by the same on each image is so in each resample, however much patients differ."""
        runs = [*_runs(), *_runs("better", shift=0.125)]
        rows = {row.variant: row for row in explanation_rows(runs) if row.explainer == "attention"}
        bootstrap = Bootstrap(runs, resamples=50)
        found = bootstrap.difference(rows["better"], rows["exact"], "fine", "pixel_ap")
        np.testing.assert_allclose(found, [0.125] * 3, atol=1e-12)
        _, low, high = bootstrap.interval(rows["exact"], "fine", "pixel_ap")
        self.assertGreater(high - low, 0.05)
        self.assertIsNone(bootstrap.difference(rows["better"], rows["exact"], "fine", "mass"))

    def test_an_interval_does_not_depend_on_other_rows(self):
        one, other = _runs(), _runs("other")
        other[0].add(AP, "more", 0.5, "z")
        row = next(row for row in explanation_rows(one) if row.explainer == "attention")
        alone, together = (Bootstrap(runs, 30).interval(row, "fine", "pixel_ap") for runs in (one, [*one, *other]))
        self.assertEqual(alone, together)
        with self.assertRaisesRegex(ValueError, "^explanations: expected one group for an image of .*, got two$"):
            Bootstrap([*one, *_runs("other", groups=tuple("efghefghef"))])

    def test_a_file_without_groups_takes_those_of_another(self):
        new, old = _runs(seeds=[0]), _runs(seeds=[1], groups=())
        row = next(row for row in explanation_rows([*new, *old]) if row.explainer == "attention")
        both = _runs()
        expected = Bootstrap(both, 30).interval(row, "fine", "pixel_ap")
        self.assertEqual(Bootstrap([*new, *old], 30).interval(row, "fine", "pixel_ap"), expected)
        self.assertIn("of the 4 patients", Bootstrap([*new, *old]).describe())
        lone = _runs(groups=())
        self.assertNotEqual(Bootstrap(lone, 30).interval(row, "fine", "pixel_ap"), expected)
        self.assertIn("of the 10 images, as the files do not say", Bootstrap(lone).describe())

    def test_refuses(self):
        runs = [*_runs(), *_runs("other")]
        runs[-1].add(AP, "more", 0.5)
        rows = {row.variant: row for row in explanation_rows(runs) if row.explainer == "attention"}
        message = r"^difference_to: expected the same images in the runs of 'exact' and 'other', 1 are in those of one "
        with self.assertRaisesRegex(ValueError, message):
            Bootstrap(runs).difference(rows["exact"], rows["other"], "fine", "pixel_ap")
        one = _runs(groups=["a"] * 10)
        with self.assertRaisesRegex(ValueError, "^intervals: expected images of two patients or more, got 1$"):
            Bootstrap(one).interval(rows["exact"], "fine", "pixel_ap")
        for options, message in (({"resamples": 0}, "resamples: expected 1"), ({"confidence": 1}, "confidence: exp")):
            with self.assertRaisesRegex(ValueError, f"^{message}"):
                Bootstrap(runs, **options)


if __name__ == "__main__":
    unittest.main()
