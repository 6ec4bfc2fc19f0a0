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
"""Tests of the localization of boxes by the explainers of an evaluation: the file, the metrics and the maps."""

from __future__ import annotations

import csv
import math
import tempfile
import unittest
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator

from monai_dd.evaluation import CaseMaps, LocalizationSaver, read_cases, read_localization
from monai_dd.explain import make_explainers
from monai_dd.metrics import compute_box_iou, compute_box_localization
from tests.explain.settled import settled

NAMES = ["Mass", "Nodule", "Hernia"]
THRESHOLDS = (0.05, 0.1, 0.2)


def _items(count=14, seed=0):
    """Images of noise with boxes of the first two classes, one image without any."""
    generator = torch.Generator().manual_seed(seed)
    items = []
    for i in range(count):
        boxes = torch.zeros(3, 32, 32, dtype=torch.uint8)
        top, left = torch.randint(0, 16, (2,), generator=generator).tolist()
        for k in range(2 if i % 3 else 1):
            boxes[k, top : top + 8 + 8 * k, left : left + 16] = 1
        image = torch.randn(1, 32, 32, generator=generator)
        items.append({"image": image, "boxes": boxes * (i != 4), "label": torch.zeros(3), "case": f"images/{i}.png"})
    return items


class TestLocalizationSaver(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.network = settled()
        self.seen = 0

    def explainers(self):
        made = make_explainers(self.network, ["cam", "gradcam"], skip_unsuited=False)

        def counted(image, class_idx):
            self.seen += len(image)
            return made["cam"](image, class_idx)

        return {"cam": counted, "gradcam/fine": made["gradcam/fine"]}

    def run_saver(self, items=None, batch_size=4, folder="out", **options):
        options = {"class_names": NAMES, "variant": "baseline", "seed": 2, "iou_thresholds": THRESHOLDS, **options}
        saver = LocalizationSaver(self.root / folder, options.pop("explainers", self.explainers), **options)
        evaluator = SupervisedEvaluator(
            device=torch.device("cpu"),
            val_data_loader=DataLoader(Dataset(_items() if items is None else items), batch_size=batch_size),
            network=self.network,
            val_handlers=[saver],
        )
        evaluator.run()
        return evaluator.state.metrics

    def expected(self, key):
        items = _items()
        image, mask = (torch.stack([item[name] for item in items]) for name in ("image", "boxes"))
        explainer = make_explainers(self.network, [key.partition("/")[0]])[key]
        maps = torch.cat([explainer(image, k) for k in range(3)], dim=1)  # every image and class, with a box or not
        return compute_box_localization(compute_box_iou(maps, mask), THRESHOLDS)

    def test_file_and_metrics_have_the_numbers_of_the_metric(self):
        metrics = self.run_saver()
        self.assertEqual(self.seen, 13 + 8)  # pairs of an image and a class that have a box, and no others
        run = read_localization([self.root])[0]
        self.assertEqual((run.variant, run.seed), ("baseline", 2))
        self.assertEqual(run.images, {"Mass": 13, "Nodule": 8, "Hernia": 0})
        for key in ("cam", "gradcam/fine"):
            expected = self.expected(key)
            self.assertTrue(bool(((expected > 0) & (expected < 1)).any()))
            for k, name in enumerate(NAMES):
                for t, value in zip(THRESHOLDS, expected[k].tolist(), strict=True):
                    np.testing.assert_allclose(run.accuracy[key, name, t], value, rtol=1e-8)
                    np.testing.assert_allclose(metrics[f"localization_{key}_{name}_T{t:g}"], value, rtol=1e-12)
            for t, value in zip(THRESHOLDS, expected[:2].mean(0).tolist(), strict=True):  # Hernia has no box
                self.assertAlmostEqual(metrics[f"localization_{key}_mean_T{t:g}"], value)
        self.assertEqual(len(run.accuracy), 2 * 3 * 3)
        with open(self.root / "out" / "localization.csv", newline="", encoding="utf-8") as file:
            self.assertEqual(
                next(csv.reader(file)), ["method", "class", "iou_threshold", "accuracy", "images", "seed", "variant"]
            )

    def test_neither_batches_nor_another_run_matter(self):
        self.run_saver()
        text = (self.root / "out" / "localization.csv").read_text(encoding="utf-8")
        for batch_size in (1, 14):
            self.run_saver(list(reversed(_items())), batch_size)
            self.assertEqual((self.root / "out" / "localization.csv").read_text(encoding="utf-8"), text)
        self.assertEqual([path.name for path in (self.root / "out").iterdir()], ["localization.csv"])

    def test_maps_of_the_first_boxes_of_each_class(self):
        items = _items()
        self.run_saver(maps=CaseMaps(self.root / "maps", 8, NAMES, image_range=(-3, 3)), maps_per_class=2)
        cases = read_cases([self.root / "maps"], seed=2)
        self.assertEqual([case.class_name(case.label) for case in cases], ["Mass", "Mass", "Nodule", "Nodule"])
        self.assertEqual({m.explainer for m in cases[0].maps}, {"cam", "gradcam"})
        self.assertEqual(sorted(m.level for m in cases[0].maps), ["fine", "image"])
        for case, i in zip(cases, (0, 1, 1, 2), strict=True):
            mask = np.asarray(nib.load(case.mask).dataobj)
            np.testing.assert_array_equal(mask, items[i]["boxes"][case.label].numpy())
            values = {m.explainer: np.asarray(nib.load(m.path).dataobj) for m in case.maps}
            expected = make_explainers(self.network, ["cam"])["cam"](items[i]["image"][None], case.label)
            np.testing.assert_allclose(values["cam"], expected[0, 0].numpy(), rtol=1e-4, atol=1e-5)

    def test_refusals(self):
        items = _items()
        for changed, line in (
            (
                [{**i, "boxes": i["boxes"][:2]} for i in items],
                r"boxes: expected masks \(3, \*S\) of .* got \(2, 32, 32\)",
            ),
            (
                [{k: i[k] for k in ("image", "label")} for i in items],
                "LocalizationSaver: expected 'boxes' in every item",
            ),
            ([{**i, "boxes": 0 * i["boxes"]} for i in items], "boxes: expected images with boxes, got none among 14$"),
        ):
            with self.assertRaisesRegex(ValueError, f"^{line}"):
                self.run_saver(changed, folder="refused")
        self.assertFalse((self.root / "refused").exists())
        self.run_saver()
        with self.assertRaisesRegex(
            ValueError, "^output_dir: expected results .* in 'out', got those of another variant or seed"
        ):
            self.run_saver(variant="robust")
        with self.assertRaisesRegex(ValueError, "^folds: expected 2 or more, got 1$"):
            self.run_saver(folds=1)
        maps = CaseMaps(self.root / "maps", 8, NAMES)
        with self.assertRaisesRegex(ValueError, "^LocalizationSaver: expected 'case' in every item"):
            self.run_saver([{k: v for k, v in i.items() if k != "case"} for i in items], maps=maps)

    def test_a_class_with_too_few_images(self):
        metrics = self.run_saver(_items(5))
        self.assertTrue(math.isnan(metrics["localization_cam_Mass_T0.1"]))
        self.assertTrue(math.isnan(metrics["localization_cam_mean_T0.1"]))
        self.assertTrue(all(math.isnan(value) for value in read_localization([self.root])[0].accuracy.values()))


if __name__ == "__main__":
    unittest.main()
