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
"""Tests of the split into splits, and of what is said about broken parts."""

from __future__ import annotations

import unittest
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.data.datalists.splits import describe_split, refuse_broken, split_groups

THREE = (0.6, 0.2, 0.2)


class TestSplit(unittest.TestCase):
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.sampled_from("ab"), max_size=30), st.integers(0, 1000), st.booleans())
    def test_each_group_once_and_each_stratum_everywhere(self, strata, seed, contiguous):
        strata = [*strata, *"aaaabbbb"]
        groups = [f"g{i}" for i in range(len(strata))]
        splits = split_groups(groups, THREE, seed, strata, contiguous)
        self.assertEqual(sorted(splits), sorted(groups))
        for stratum in "ab":
            members = [splits[g] for g, s in zip(groups, strata) if s == stratum]
            for split, fraction in enumerate(THREE):
                # splits are rounded to whole groups, and the first bears the rounding of the two others
                self.assertLessEqual(abs(members.count(split) - fraction * len(members)), 1)
                self.assertGreater(members.count(split), 0)
            if contiguous:  # on a ring each split is one run: its start is where the split changes
                changes = sum(a != b for a, b in zip(members, members[1:] + members[:1]))
                self.assertEqual(changes, 3)

    def test_seed(self):
        groups = [f"g{i}" for i in range(20)]
        for contiguous in (False, True):
            splits = [split_groups(groups, (0.8, 0.2), seed, contiguous=contiguous) for seed in (3, 3, 4)]
            self.assertEqual(splits[0], splits[1])
            self.assertNotEqual(splits[0], splits[2])

    def test_leaves_the_global_random_state_alone(self):
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        split_groups(["a", "b"], (0.5, 0.5), 0)
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002

    @parameterized.expand([((0.5, 0.6),), ((1.0, 0.0),), ((1.2, -0.2),), ((float("nan"), 0.5),)])
    def test_fractions(self, fractions):
        with self.assertRaisesRegex(ValueError, "^fractions: expected numbers above 0 that add up to 1, got"):
            split_groups(["a", "b", "c"], fractions, 0)

    def test_too_few(self):
        with self.assertRaisesRegex(ValueError, r"groups for 2 splits with the shares 0\.8, 0\.2, got 1: a split"):
            split_groups(["a"], (0.8, 0.2), 0)

    @parameterized.expand([("first", "a"), ("middle", "m"), ("last", "z")])
    def test_a_stratum_with_one_group_is_dealt_out_with_another(self, _name, lonely):
        """As if it had the name of the next stratum, or, after the last one, of that."""
        strata = ["d"] * 5 + [lonely] + ["p"] * 5
        as_if = ["d"] * 5 + [{"a": "d", "m": "p", "z": "p"}[lonely]] + ["p"] * 5
        groups = [f"g{i}" for i in range(11)]
        for contiguous in (False, True):
            splits = split_groups(groups, THREE, 3, strata, contiguous, join_small=True)
            self.assertEqual(splits, split_groups(groups, THREE, 3, as_if, contiguous))

    def test_too_few_in_a_stratum(self):
        with self.assertRaisesRegex(ValueError, "patients or groups of glioma for 3 splits .* got 2"):
            split_groups(list("abcde"), THREE, 0, ["meningioma"] * 3 + ["glioma"] * 2)
        with self.assertRaisesRegex(ValueError, "patients or groups of a, b for 3 splits .* got 2"):
            split_groups(list("xy"), THREE, 0, list("ab"), join_small=True)

    def test_small_strata_are_enough_together(self):
        splits = split_groups(list("abcd"), THREE, 0, list("wxyz"), join_small=True)
        self.assertEqual(sorted(set(splits.values())), [0, 1, 2])


class TestDescribe(unittest.TestCase):
    def half(self, label: int, width: int, group: str = "a", place: int = 0) -> dict:
        return {"label": label, "width": width, "group": group, "place": place}

    def test_counts_and_leak(self):
        halves = [self.half(1, 9), self.half(0, 4), self.half(1, 8, "b", 1), self.half(0, 5, "b", 1)]
        counts, leak = describe_split("training", [*halves, self.half(1, 7, "b", 2)], "patients")
        self.assertEqual(counts, {"patients": 2, "slices": 3, "hemispheres": 5, "no tumor": 2, "tumor": 3})
        self.assertEqual(leak, {"width_auc": 1.0})

    def test_empty_class(self):
        with self.assertRaisesRegex(
            ValueError, "^test: expected hemispheres of both classes, got none of 'tumor' among 1"
        ):
            describe_split("test", [self.half(0, 4)], "patients")
        with self.assertRaisesRegex(ValueError, "none of 'no tumor' and 'tumor' among 0 hemispheres"):
            describe_split("test", [], "patients")


class TestBroken(unittest.TestCase):
    def test_one_line_with_the_first_five(self):
        broken = {f"p{i}": "T1 missing" for i in range(7)}
        with self.assertRaises(ValueError) as caught:
            refuse_broken(broken, 9, "studies", skip_broken=False)
        message = str(caught.exception)
        self.assertTrue(
            message.startswith(
                "dataset_dir: expected studies that can be read, got 7 broken ones of 9 (skip_broken leaves them out): "
                "p0: T1 missing; p1"
            )
        )
        self.assertTrue(message.endswith("p4: T1 missing; ..."))
        self.assertNotIn("\n", message)

    def test_skipped_with_a_warning_each(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            refuse_broken({"p1": "T1 missing", "p2": "mask missing"}, 3, "studies", skip_broken=True)
            refuse_broken({}, 3, "studies", skip_broken=False)
        messages = [str(warning.message) for warning in caught]
        self.assertEqual(messages, ["skipped: p1: T1 missing", "skipped: p2: mask missing"])

    def test_none_is_left(self):
        with (
            pytest.warns(UserWarning),
            self.assertRaisesRegex(ValueError, "expected studies that can be read, got 1 broken ones$"),
        ):
            refuse_broken({"p1": "T1 missing"}, 1, "studies", skip_broken=True)
