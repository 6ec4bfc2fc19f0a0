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
from __future__ import annotations

import dataclasses
import unittest

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.data.phantoms import LABEL_NAMES, MUSCLE_NAMES, create_pet_phantom

VOXEL = 10.0


def world(phantom, index):
    """RAS coordinates in mm of voxel indices ``(N, 3)``."""
    return np.atleast_2d(index) @ phantom.affine[:3, :3].T + phantom.affine[:3, 3]


def center(phantom, where):
    """RAS center of mass of a bool volume."""
    return world(phantom, np.argwhere(where).mean(0))[0]


class TestSeed(unittest.TestCase):
    def test_same_seed_same_phantom(self):
        one, two = (create_pet_phantom("severe", 3, VOXEL) for _ in range(2))
        for field in dataclasses.fields(one):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name), err_msg=field.name)

    def test_global_random_state_is_left_alone(self):
        np.random.seed(0)  # noqa: NPY002
        expected = np.random.random()  # noqa: NPY002
        np.random.seed(0)  # noqa: NPY002
        create_pet_phantom("mild", 1, 16)
        self.assertEqual(np.random.random(), expected)  # noqa: NPY002

    def test_other_seed_and_other_study(self):
        base, other, again = (create_pet_phantom(0, s, VOXEL, study=k) for s, k in ((1, 0), (2, 0), (1, 1)))
        self.assertNotEqual((base.weight_kg, base.height_m), (other.weight_kg, other.height_m))
        self.assertEqual((base.weight_kg, base.height_m, base.sex), (again.weight_kg, again.height_m, again.sex))
        self.assertNotEqual(base.injected_dose_bq, again.injected_dose_bq)

    def test_label_changes_nothing_far_from_altered_muscle(self):
        normal, severe = (create_pet_phantom(label, 4, VOXEL, noise=0) for label in ("normal", "severe"))
        self.assertEqual(normal.suv.shape, severe.suv.shape)
        changed = np.abs(severe.suv - normal.suv) > 1e-3
        self.assertTrue(changed[severe.mask].all())
        # 5 cm covers the soft edge of a muscle (12 mm), its share below one half, and the tails of the resolution.
        muscle = world(severe, np.argwhere(severe.mask))
        for point in world(severe, np.argwhere(changed)):
            self.assertLess(np.min(np.linalg.norm(muscle - point, axis=1)), 50)

    def test_anatomy_does_not_depend_on_voxel_size(self):
        fine, coarse = (create_pet_phantom("mild", 6, v, noise=0) for v in (6.0, 12.0))
        self.assertEqual(fine.altered_muscles, coarse.altered_muscles)
        total = [float(p.suv.sum()) * np.prod(p.voxel_size) for p in (fine, coarse)]
        self.assertAlmostEqual(total[0] / total[1], 1, delta=0.02)  # small hot parts (ureters) on a coarse grid
        for number in range(1, len(MUSCLE_NAMES) + 1):
            where = [center(p, p.muscles == number) for p in (fine, coarse)]
            # Half a coarse voxel along each axis, plus what a soft border loses on the coarse grid.
            np.testing.assert_allclose(where[0], where[1], atol=10)


class TestClasses(unittest.TestCase):
    @settings(max_examples=8, deadline=None)
    @given(seed=st.integers(0, 2**32), arms=st.sampled_from(["up", "down"]))
    def test_uptake_rises_with_the_class(self, seed, arms):
        phantoms = [create_pet_phantom(label, seed, 12.0, arms=arms) for label in LABEL_NAMES]
        normal, mild, severe = phantoms
        self.assertFalse(normal.mask.any())
        self.assertEqual(normal.altered_muscles, ())
        for phantom in phantoms:
            self.assertEqual((phantom.suv.dtype, phantom.mask.dtype), (np.float32, np.bool_))
            self.assertTrue(np.isfinite(phantom.suv).all() and phantom.suv.min() >= 0)
            self.assertEqual(phantom.suv.shape, phantom.mask.shape)
        for phantom in (mild, severe):
            numbers = [MUSCLE_NAMES.index(name) + 1 for name in phantom.altered_muscles]
            np.testing.assert_array_equal(phantom.mask, np.isin(phantom.muscles, numbers))
        muscle = normal.suv[normal.muscles > 0].mean()
        self.assertTrue(0.4 < muscle < 0.9)
        self.assertGreater(mild.suv[mild.mask].mean(), 1.3 * muscle)
        self.assertGreater(severe.suv[severe.mask].mean(), 1.2 * mild.suv[mild.mask].mean())

    def test_all_muscles_exist_on_both_sides(self):
        for arms in ("up", "down"):
            phantom = create_pet_phantom("normal", 5, VOXEL, arms=arms)
            for number, name in enumerate(MUSCLE_NAMES, start=1):
                where = phantom.muscles == number
                self.assertTrue(where.any(), name)
                right_minus_left = center(phantom, where)[0] - center(phantom, phantom.muscles > 0)[0]
                self.assertEqual(right_minus_left > 0, name.endswith("right"), name)

    def test_total_uptake_does_not_give_mild_away(self):
        total = np.array([[create_pet_phantom(label, s, 16.0).suv.sum() for s in range(30)] for label in (0, 1)])
        normal, mild = total
        probability = np.mean(mild[:, None] > normal[None, :])  # area under the ROC curve
        self.assertTrue(0.2 < probability < 0.8, probability)

    @parameterized.expand([(name, index) for index, name in enumerate(LABEL_NAMES)])
    def test_label_by_name_or_index(self, name, index):
        by_name, by_index = create_pet_phantom(name, 0, 20), create_pet_phantom(index, 0, 20)
        np.testing.assert_array_equal(by_name.suv, by_index.suv)
        self.assertEqual((by_index.label, by_index.label_name), (index, name))


class TestAnatomy(unittest.TestCase):
    @parameterized.expand([(seed, arms) for seed in (0, 1, 2) for arms in ("up", "down")])
    def test_organs_where_they_belong(self, seed, arms):
        phantom = create_pet_phantom("normal", seed, (8.0, 9.0, 10.0), arms=arms, noise=0)
        np.testing.assert_allclose(phantom.voxel_size, (8.0, 9.0, 10.0))
        s = phantom.height_m / 1.75
        height = world(phantom, np.stack([np.zeros(phantom.suv.shape[2])] * 2 + [np.arange(phantom.suv.shape[2])], 1))[
            :, 2
        ]

        def band(low, high):
            inside = (height > low * s) & (height < high * s)
            return np.where(inside[None, None, :], phantom.suv, 0)

        brain = band(1600, 1755) > 4
        bladder = band(820, 960) > 4.5
        head_center, bladder_center = center(phantom, brain), center(phantom, bladder)
        self.assertTrue(1620 * s < head_center[2] < 1720 * s)
        self.assertGreater(brain.sum() * 0.72, 700)  # ml; an adult brain has more than 1100 with its white matter
        self.assertTrue(830 * s < bladder_center[2] < 940 * s)
        kidneys = center(phantom, (band(1030, 1160) > 1.8) & (world_y(phantom) < -15))
        self.assertGreater(kidneys[2], bladder_center[2] + 100)
        middle = center(phantom, phantom.suv > 0.2)[0]
        liver = (band(1150, 1270) > 1.4) & (band(1150, 1270) < 3.2)
        self.assertGreater(center(phantom, liver)[0], middle + 20)  # the patient's right is +x in RAS
        lung = band(1330, 1420)
        right_lung = phantom.suv[tuple(nearest(phantom, (middle + 70 * s, 0, 1370 * s)))]
        self.assertTrue(0.2 < right_lung < 0.65 < lung.max())

    def test_arms_up_reach_above_the_head(self):
        up, down = (create_pet_phantom("normal", 2, VOXEL, arms=arms) for arms in ("up", "down"))
        forearm = MUSCLE_NAMES.index("forearm_left") + 1
        self.assertGreater(center(up, up.muscles == forearm)[2], 1600 * up.height_m / 1.75)
        self.assertLess(center(down, down.muscles == forearm)[2], 1150 * up.height_m / 1.75)
        self.assertGreater(up.suv.shape[2], down.suv.shape[2])

    def test_head_to_thigh_has_no_calves(self):
        phantom = create_pet_phantom("severe", 2, VOXEL, coverage="head_to_thigh")
        present = {MUSCLE_NAMES[n - 1].split("_")[0] for n in np.unique(phantom.muscles) if n}
        self.assertEqual(present, {"neck", "deltoid", "biceps", "forearm", "thigh"})
        self.assertFalse(any("calf" in name for name in phantom.altered_muscles))

    def test_volume_agrees_with_weight(self):
        for seed in range(6):
            phantom = create_pet_phantom("normal", seed, VOXEL, arms="down", noise=0)
            liters = (phantom.suv > 0.12).sum() * VOXEL**3 / 1e6
            # Lungs and bowel gas are not subtracted, shapes are simple; 25 % still rules out a wrong unit or scale.
            self.assertLess(abs(liters / phantom.weight_kg - 1), 0.25)


def world_y(phantom):
    """RAS y in mm, broadcast to the volume: positive is anterior."""
    y = phantom.affine[1, 1] * np.arange(phantom.suv.shape[1]) + phantom.affine[1, 3]
    return np.broadcast_to(y[None, :, None], phantom.suv.shape)


def nearest(phantom, point):
    """Index of the voxel nearest to a RAS point."""
    return np.rint(np.linalg.solve(phantom.affine, (*point, 1.0))[:3]).astype(int)


class TestRefusals(unittest.TestCase):
    @parameterized.expand(
        [
            ({"label": "moderate"}, "label"),
            ({"label": 3}, "label"),
            ({"label": True}, "label"),
            ({"seed": -1}, "seed"),
            ({"voxel_size": 0.5}, "voxel_size"),
            ({"voxel_size": (4.0, 4.0)}, "voxel_size"),
            ({"arms": "crossed"}, "arms"),
            ({"coverage": "brain"}, "coverage"),
        ]
    )
    def test_refuses(self, change, named):
        with self.assertRaisesRegex(ValueError, named):
            create_pet_phantom(**({"label": 0, "seed": 0, "voxel_size": 20} | change))


if __name__ == "__main__":
    unittest.main()
