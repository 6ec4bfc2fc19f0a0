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
"""The dictionary of a network, made and read."""

from __future__ import annotations

import re
import unittest

import torch
from parameterized import parameterized

from monai_dd.utils.outputs import (
    LEVEL_PATTERN,
    AttentionKeys,
    PatchKeys,
    add_patches,
    level_names,
    make_output,
    read_levels,
    read_logits,
    read_patches,
)

PREFIXES = ("phi", "log_tau", "log_mu")


def _output(num_levels, make=make_output):
    maps = [[torch.full((1, 1, 2, 2), 10.0 * i + level) for level in range(num_levels)] for i in range(3)]
    return make(torch.ones(1, 2), *maps)


class TestOutputs(unittest.TestCase):
    def test_keys_are_those_that_are_named(self):
        self.assertEqual(set(_output(2)), {key.value for key in AttentionKeys})
        self.assertEqual(set(add_patches({}, torch.ones(1), torch.ones(1))), {key.value for key in PatchKeys})

    @parameterized.expand([(1,), (2,), (3,), (12,)])
    def test_levels_come_back_in_order(self, num_levels):
        for make in (make_output, torch.jit.script(make_output)):
            output = _output(num_levels, make)
            self.assertTrue(torch.equal(read_logits(output), torch.ones(1, 2)))
            for i, prefix in enumerate(PREFIXES):
                levels = [float(level[0, 0, 0, 0]) - 10 * i for level in read_levels(output, prefix)]
                self.assertEqual(levels, [0, 0] if num_levels == 1 else list(range(num_levels)))
            self.assertEqual([f"phi_{name}" for name in level_names(num_levels)], [k for k in output if "phi" in k])

    def test_the_pattern_is_that_of_the_names(self):
        for name in level_names(12):
            self.assertIsNotNone(re.fullmatch(LEVEL_PATTERN, name))
        self.assertIsNone(re.fullmatch(LEVEL_PATTERN, "level"))

    def test_patches_come_back(self):
        weights, logits = torch.zeros(1, 1, 2), torch.ones(1, 3, 2)
        got = read_patches(add_patches({}, weights, logits))
        self.assertIs(got[0], weights)
        self.assertIs(got[1], logits)

    def test_plain_logits(self):
        logits = torch.zeros(2, 3)
        self.assertIs(read_logits(logits), logits)

    @parameterized.expand(
        [
            ("levels", lambda output: read_levels(output, "log_mu"), r"\['log_mu_fine', 'log_mu_coarse'\]"),
            ("patches", read_patches, r"\['patch_logits', 'patch_weights'\]"),
        ]
    )
    def test_refuses_other_outputs(self, _name, read, names):
        for output, got in ((torch.zeros(1), "Tensor"), ({"logits": torch.zeros(1)}, r"\['logits'\]")):
            with self.assertRaisesRegex(ValueError, f"return_attention=True holding {names}, got {got}$"):
                read(output)


if __name__ == "__main__":
    unittest.main()
