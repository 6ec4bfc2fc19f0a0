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
"""Tests of the names that writers and readers of results share."""

from __future__ import annotations

import unittest

from parameterized import parameterized

from monai_dd.evaluation.schema import LEVEL, PERTURBATION, RANDOMIZATION, map_file, read_map_file, split_key


class TestSchema(unittest.TestCase):
    @parameterized.expand(
        [
            ("gradcam/fine", "gradcam", "fine"),
            ("vit_attention/level12", "vit_attention", "level12"),
            ("fine_image/coarse", "fine_image", "coarse"),  # names of levels within a name
            ("saliency", "saliency", "image"),
        ]
    )
    def test_a_file_is_read_as_the_key_it_was_written_for(self, key, explainer, level):
        self.assertEqual(split_key(key), (explainer, level))
        self.assertEqual(read_map_file(map_file(explainer, level)), (explainer, level))

    @parameterized.expand(["image.nii.gz", "mask.nii.gz", "gradcam_middle.nii.gz", "gradcam_fine.nii", "_fine.nii.gz"])
    def test_other_files(self, name):
        self.assertIsNone(read_map_file(name))

    def test_levels(self):
        for level in ("fine", "coarse", "level1", "level10", "image"):
            self.assertTrue(LEVEL.fullmatch(level), level)
        for level in ("", "level", "finest", "levels1", "Fine"):
            self.assertFalse(LEVEL.fullmatch(level), level)

    def test_families_of_metrics(self):
        self.assertEqual(PERTURBATION.fullmatch("perturbation_0.25")[1], "0.25")
        self.assertIsNone(PERTURBATION.fullmatch("perturbation_auc"))
        self.assertEqual(RANDOMIZATION.fullmatch("randomization_02_block3.conv")[1], "02")


if __name__ == "__main__":
    unittest.main()
