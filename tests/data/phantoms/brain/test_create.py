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
"""Tests of brain phantoms: tissues, tumors, and what they look like in each modality."""

from __future__ import annotations

import unittest
from functools import cache

import numpy as np
from parameterized import parameterized

from monai_dd.data.phantoms import BRAIN_MODALITIES, TISSUE_NAMES, TUMOR_LABELS, BrainPhantom, create_brain_phantom

SEEDS = range(8)
T1, T1CE, T2, FLAIR = range(4)


@cache
def phantom(seed: int, **options) -> BrainPhantom:
    return create_brain_phantom(seed, spacing=4.0, **options)


def brightness(brain: BrainPhantom, modality: int, tissue: str) -> float:
    """Median of a healthy tissue, away from the tumor."""
    return float(np.median(brain.images[modality][(brain.tissues == TISSUE_NAMES.index(tissue)) & (brain.mask == 0)]))


class TestAnatomy(unittest.TestCase):
    @parameterized.expand([(seed,) for seed in SEEDS])
    def test_skull_stripped(self, seed):
        brain = phantom(seed)
        self.assertEqual(brain.images.shape, (4, 60, 60, 39))
        self.assertTrue((brain.images[:, ~brain.brain] == 0).all())
        self.assertTrue((brain.images[:, brain.brain] > 0).all())
        liters = brain.brain.sum() * 4**3 / 1e6
        self.assertTrue(1.1 < liters < 2.0, liters)  # of a human brain with the fluid around it

    @parameterized.expand([(seed,) for seed in SEEDS])
    def test_tissues_follow_the_modalities(self, seed):
        brain = phantom(seed)
        orders = {
            T1: ("csf", "gray_matter", "white_matter"),
            T2: ("white_matter", "gray_matter", "csf"),
            FLAIR: ("csf", "white_matter", "deep_gray"),  # voxels of 4 mm mix thin cortex with the dark fluid around it
        }
        for modality, order in orders.items():
            values = [brightness(brain, modality, tissue) for tissue in order]
            self.assertEqual(values, sorted(values), BRAIN_MODALITIES[modality])
        # contrast agent stays in the vessels
        vessel = brightness(brain, T1CE, "vessel") / brightness(brain, T1CE, "white_matter")
        self.assertGreater(vessel, brightness(brain, T1, "vessel") / brightness(brain, T1, "white_matter"))

    def test_cortex_is_brighter_than_white_matter_in_flair(self):
        """At 2 mm, where a voxel of the cortex holds little of the dark fluid."""
        brain = create_brain_phantom(1, spacing=2.0)
        self.assertGreater(brightness(brain, FLAIR, "gray_matter"), brightness(brain, FLAIR, "white_matter"))
        shares = [np.mean(brain.tissues[brain.brain] == TISSUE_NAMES.index(t)) for t in ("gray_matter", "white_matter")]
        self.assertGreater(min(shares), 0.25)  # a folded ribbon, neither a thin rim nor everything

    def test_two_hemispheres_that_resemble_one_another(self):
        brain = phantom(0, has_tumor=False)
        columns = brain.brain.sum(axis=(1, 2))
        center = round((columns * np.arange(len(columns))).sum() / columns.sum())
        width = min(center, len(columns) - center)
        left, right = brain.brain[center - width : center][::-1], brain.brain[center : center + width]
        overlap = (left & right).sum() / (left | right).sum()
        self.assertTrue(0.85 < overlap < 1, overlap)

    def test_there_is_brain_from_the_base_to_the_vertex(self):
        """Each level has matter, the posterior fossa too: fluid alone would be a hole."""
        brain = phantom(3)
        matter = np.isin(brain.tissues, [TISSUE_NAMES.index(t) for t in ("gray_matter", "white_matter")])
        for level in np.flatnonzero(brain.brain.sum(axis=(0, 1)) > 100):
            share = matter[..., level].sum() / brain.brain[..., level].sum()
            self.assertGreater(share, 0.4, f"level {level}")


class TestTumor(unittest.TestCase):
    @parameterized.expand([(seed,) for seed in SEEDS])
    def test_labels_and_place(self, seed):
        brain = phantom(seed)
        self.assertLessEqual(set(np.unique(brain.mask)), {0, *TUMOR_LABELS.values()})
        self.assertTrue(brain.brain[brain.mask > 0].all())
        places = np.argwhere(brain.mask > 0) @ brain.affine[:3, :3].T + brain.affine[:3, 3]
        middle = np.argwhere(brain.brain) @ brain.affine[:3, :3].T + brain.affine[:3, 3]
        to_the_right = (places[:, 0] > middle[:, 0].mean()).mean()  # RAS
        self.assertGreater(to_the_right if brain.tumor_side == "right" else 1 - to_the_right, 0.6)

    @parameterized.expand([(seed,) for seed in SEEDS])
    def test_intensities(self, seed):
        brain = phantom(seed)
        white = [brightness(brain, modality, "white_matter") for modality in range(4)]

        def tumor(modality: int, kind: str) -> float:
            return float(np.median(brain.images[modality][brain.mask == TUMOR_LABELS[kind]])) / white[modality]

        self.assertGreater(tumor(T2, "edema"), 1.1)
        self.assertGreater(tumor(FLAIR, "edema"), 1.1)
        self.assertLess(tumor(T1, "edema"), 1)
        if (brain.mask == 1).sum() > 5:
            self.assertLess(tumor(T1CE, "necrotic_core"), 0.8)
            self.assertGreater(tumor(T2, "necrotic_core"), 1.5)
        if brain.tumor_grade == "high" and (brain.mask == 4).sum() > 5:
            self.assertGreater(tumor(T1CE, "enhancing"), 1.1)
            self.assertGreater(tumor(T1CE, "enhancing"), tumor(T1, "enhancing"))

    def test_most_are_large_enough_for_the_paper(self):
        """1000 pixels of 1 mm in a slice (Ron et al. 2022, Section 4.2)."""
        large = [((phantom(seed).mask > 0).sum(axis=(0, 1)).max() * 4**2) >= 1000 for seed in SEEDS]
        self.assertGreaterEqual(sum(large), 6)

    def test_without_tumor(self):
        brain = phantom(1, has_tumor=False)
        self.assertFalse(brain.mask.any())
        self.assertIsNone(brain.tumor_side)


class TestSeeds(unittest.TestCase):
    def test_reproducible(self):
        again = create_brain_phantom(2, spacing=4.0)
        np.testing.assert_array_equal(again.images, phantom(2).images)
        np.testing.assert_array_equal(again.mask, phantom(2).mask)
        self.assertFalse(np.array_equal(again.mask, phantom(3).mask))
        self.assertEqual({phantom(seed).tumor_side for seed in SEEDS}, {"left", "right"})

    def test_spacing_does_not_change_the_patient(self):
        fine = create_brain_phantom(2, spacing=3.0)
        volumes = [(brain.mask > 0).sum() * brain.spacing**3 for brain in (fine, phantom(2))]
        self.assertLess(abs(volumes[0] / volumes[1] - 1), 0.15)

    @parameterized.expand(
        [
            ({"seed": -1}, "^seed: expected a non-negative integer, got -1"),
            ({"seed": 0, "spacing": 0.1}, "^spacing: expected 0.5 to 8 mm, got 0.1"),
            ({"seed": 0, "noise": -1.0}, "^noise: expected a number >= 0 or None, got -1.0"),
        ]
    )
    def test_refusals(self, arguments, line):
        with self.assertRaisesRegex(ValueError, line):
            create_brain_phantom(**arguments)


if __name__ == "__main__":
    unittest.main()
