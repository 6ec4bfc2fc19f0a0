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
"""Tests of chest phantoms: anatomy, findings and their boxes, and what must not give them away."""

from __future__ import annotations

import unittest
from functools import cache

import numpy as np
import pytest
from parameterized import parameterized
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from monai_dd.data.phantoms import CHEST_FINDINGS, ChestPhantom, create_chest_phantom
from monai_dd.data.phantoms.chest.detector import Detector
from monai_dd.data.phantoms.chest.findings import draw_findings
from monai_dd.data.phantoms.chest.heart import heart_intervals
from monai_dd.data.phantoms.chest.patient import draw_chest_patient

SEEDS = range(4)


@cache
def phantom(seed: int, findings: tuple[str, ...] | None = (), size: int = 128, noise: bool = False) -> ChestPhantom:
    return create_chest_phantom(seed, image_size=size, findings=findings, noise=noise)


def inside(chest: ChestPhantom, finding: str) -> np.ndarray:
    """Mask of the boxes of a finding."""
    mask = np.zeros(chest.image.shape, bool)
    for box in chest.boxes:
        if box.finding == finding:
            mask[int(box.y) : int(box.y + box.height), int(box.x) : int(box.x + box.width)] = True
    return mask


def extent(mask: np.ndarray) -> np.ndarray:
    """Mask of the smallest box around a mask."""
    rows, columns = mask.any(1), mask.any(0)
    box = np.zeros_like(mask)
    box[np.flatnonzero(rows)[0] : np.flatnonzero(rows)[-1] + 1] = True
    box[:, : np.flatnonzero(columns)[0]] = box[:, np.flatnonzero(columns)[-1] + 1 :] = False
    return box


class TestAnatomy(unittest.TestCase):
    @parameterized.expand([(seed,) for seed in SEEDS])
    def test_a_radiograph(self, seed):
        chest = phantom(seed)
        self.assertEqual((chest.image.shape, chest.image.dtype), ((128, 128), np.uint8))
        self.assertEqual((chest.findings, chest.boxes), ((), ()))
        image = chest.image.astype(float)
        middle, lungs = image[70:85, 60:68].mean(), [image[50:70, 30:45].mean(), image[50:70, 83:98].mean()]
        self.assertGreater(middle, max(lungs) + 50)  # heart and spine against air
        self.assertLess(abs(lungs[0] - lungs[1]), 40)
        self.assertGreater(image[122:, 50:78].mean(), max(lungs) + 50)  # below the diaphragm
        self.assertLess(image[:6, :6].mean(), min(lungs))  # beside the neck
        self.assertLess(chest.heart_ratio, 0.48)

    def test_there_are_ribs(self):
        """Along a line down the lung the gray values rise and fall with the ribs."""
        chest = phantom(1, size=256)
        line = chest.image[70:190, 75:79].mean(1)
        line = line - np.convolve(np.pad(line, 20, "edge"), np.full(41, 1 / 41), "valid")
        crossings = int((np.diff(np.sign(line)) != 0).sum())
        self.assertGreaterEqual(crossings, 8)
        self.assertGreater(line.std(), 3)

    @parameterized.expand([(0.4,), (0.47,), (0.55,), (0.65,)])
    def test_heart_has_the_width_of_its_ratio(self, ratio):
        """Extent of the chambers on the detector against the inner width of the thorax."""
        patient = draw_chest_patient(np.random.default_rng(3))
        detector = Detector(size=400, pixel=1.0, center=(0.0, 0.0), roll=0.0, turn=0.0)
        mask = np.any([part.length > 0 for part in heart_intervals(detector, patient, (0.0, 0.0), ratio)], axis=0)
        columns = np.flatnonzero(mask.any(0))
        width = columns[-1] - columns[0] + 1
        self.assertAlmostEqual(width / (2 * patient.half_width), ratio, delta=0.01)  # 0.01 is 3 pixels
        self.assertGreater(columns.mean(), 200)  # more of it on the patient's left, the right of the image


class TestFindings(unittest.TestCase):
    @parameterized.expand([(name, seed) for name in CHEST_FINDINGS for seed in SEEDS])
    def test_boxes_hold_the_change(self, name, seed):
        """The same chest with and without the finding differs in the boxes, and they are no larger than that."""
        chest = phantom(seed, (name,))
        self.assertEqual(chest.findings, (name,))
        self.assertTrue(chest.boxes)
        change = np.abs(chest.image.astype(float) - phantom(seed).image)
        box = inside(chest, name)
        self.assertGreater(change[box].max(), 12)
        # edge enhancement and scatter carry a part of the change out of the box
        self.assertGreater(change[box].sum() / change.sum(), 0.55)
        visible, whole = extent(change > 5), extent(box)
        self.assertGreater((visible & whole).sum() / (visible | whole).sum(), 0.5)

    @parameterized.expand([(seed,) for seed in range(12)])
    def test_sizes_of_nodules_and_masses(self, seed):
        for name, low, high in (("Nodule", 11, 31), ("Mass", 31, 75)):  # mm; 3 cm divide them
            chest = phantom(seed, (name,), 256)
            for box in chest.boxes:
                size = max(box.width, box.height) * chest.pixel_size
                self.assertTrue(low < size < high + 2 * chest.pixel_size, f"{name} of {size:.0f} mm")

    @parameterized.expand([("Atelectasis", 1), ("Effusion", 1), ("Infiltration", 1), ("Mass", 1), ("Pneumothorax", -1)])
    def test_fluid_is_bright_and_gas_dark(self, name, sign):
        for seed in SEEDS:
            chest = phantom(seed, (name,))
            change = (chest.image.astype(float) - phantom(seed).image)[inside(chest, name)]
            self.assertGreater(sign * change.mean(), 0)

    def test_cardiomegaly(self):
        for seed in SEEDS:
            chest = phantom(seed, ("Cardiomegaly",))
            self.assertGreater(chest.heart_ratio, 0.5)
            (box,) = chest.boxes
            self.assertTrue(0.25 < box.width / 128 < 0.6)

    def test_effusion_and_pneumothorax_are_on_different_sides(self):
        for seed in range(8):
            boxes = phantom(seed, ("Effusion", "Pneumothorax"), 64).boxes
            middles = {name: [b.x + b.width / 2 > 32 for b in boxes if b.finding == name] for name in CHEST_FINDINGS}
            self.assertIn(not middles["Pneumothorax"][0], middles["Effusion"])

    def test_shares(self):
        """40 % show nothing, nobody more than three; 2000 draws leave a standard error of 1 %."""
        streams = [[np.random.default_rng([i, k]) for k in range(2)] for i in range(2000)]
        drawn = [draw_findings(*pair) for pair in streams]
        self.assertAlmostEqual(np.mean([not names for names in drawn]), 0.4, delta=0.04)
        self.assertEqual({len(names) for names in drawn}, {0, 1, 2, 3})
        for name in CHEST_FINDINGS:
            self.assertAlmostEqual(np.mean([name in names for names in drawn]), 0.125, delta=0.04)

    def test_acquisition_does_not_know_of_findings(self):
        healthy, ill = phantom(5), phantom(5, CHEST_FINDINGS)
        self.assertEqual((healthy.pixel_size, healthy.age, healthy.sex), (ill.pixel_size, ill.age, ill.sex))
        np.testing.assert_allclose(
            healthy.image[:8].astype(int), ill.image[:8], atol=4
        )  # above the lungs: scatter only

    @pytest.mark.slow
    def test_overall_brightness_does_not_give_findings_away(self):
        """Small findings from mean, spread and percentiles: hardly above chance (0.5, its standard error 0.04 too)."""
        chests = [create_chest_phantom(seed, image_size=64) for seed in range(250)]
        small = [{"Atelectasis", "Infiltration", "Mass", "Nodule"} & set(chest.findings) != set() for chest in chests]
        images = np.stack([chest.image for chest in chests]).astype(float)
        marks = [images.mean((1, 2)), images.std((1, 2)), *np.percentile(images, [5, 25, 50, 75, 95], axis=(1, 2))]
        model = make_pipeline(StandardScaler(), LogisticRegression())
        scores = cross_val_predict(model, np.stack(marks, 1), small, cv=5, method="predict_proba")[:, 1]
        self.assertLess(roc_auc_score(small, scores), 0.65)


class TestSeeds(unittest.TestCase):
    def test_reproducible(self):
        first, again = (create_chest_phantom(2, image_size=64) for _ in range(2))
        np.testing.assert_array_equal(first.image, again.image)
        self.assertEqual(first.boxes, again.boxes)
        self.assertFalse(np.array_equal(first.image, create_chest_phantom(3, image_size=64).image))

    def test_visits_are_of_one_patient(self):
        """Heart, age and sex stay; position, exposure and noise do not."""
        first, second = (create_chest_phantom(4, visit, image_size=64, findings=()) for visit in (0, 1))
        self.assertEqual(
            (first.age, first.sex, first.heart_ratio, second.visit), (second.age, second.sex, second.heart_ratio, 1)
        )
        self.assertFalse(np.array_equal(first.image, second.image))
        kept = [create_chest_phantom(seed, visit, 32).heart_ratio > 0.5 for seed in range(12) for visit in (0, 1)]
        self.assertEqual(kept[::2], kept[1::2])

    @parameterized.expand([("Cardiomegaly",), ("Effusion",), ("Pneumothorax",)])
    def test_size_does_not_change_the_patient(self, name):
        """Boxes at 64 and 192 pixels are the same but for a pixel of the smaller on each side."""
        coarse, fine = (phantom(1, (name,), size) for size in (64, 192))
        self.assertEqual(len(coarse.boxes), len(fine.boxes))
        for small, large in zip(coarse.boxes, fine.boxes):
            np.testing.assert_allclose([small.x, small.y], np.array([large.x, large.y]) / 3, atol=1.5)
            np.testing.assert_allclose([small.width, small.height], np.array([large.width, large.height]) / 3, atol=2.5)

    def test_noise(self):
        self.assertFalse(np.array_equal(phantom(0).image, phantom(0, noise=True).image))

    @parameterized.expand(
        [
            ({"seed": -1}, "^seed and visit: expected >= 0 and >= 0, got -1 and 0"),
            ({"seed": 0, "visit": -2}, "^seed and visit: expected >= 0 and >= 0, got 0 and -2"),
            ({"seed": 0, "image_size": 8}, "^image_size: expected 32 to 2048 pixels, got 8"),
            ({"seed": 0, "findings": ["Edema"]}, "^findings: expected names among Atelectasis, .*, got Edema"),
        ]
    )
    def test_refusals(self, arguments, line):
        with self.assertRaisesRegex(ValueError, line):
            create_chest_phantom(**arguments)


if __name__ == "__main__":
    unittest.main()
