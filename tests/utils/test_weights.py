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
"""Tests of weights on disk: what is read, and what does not fit."""

from __future__ import annotations

import copy
import tempfile
import unittest
from collections import OrderedDict
from pathlib import Path

import torch
from parameterized import parameterized

from monai_dd.utils.weights import check_state_fits, compute_checksum, read_state_dict

EXPECTED = "^[^/]+/model.pt: expected a plain state dict of tensors saved by torch.save, got"
OWN = {"a": torch.zeros(2), "b": torch.zeros(3, 1)}


class TestReadStateDict(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "model.pt"

    def test_reads(self):
        torch.save(OWN, self.file)
        state = read_state_dict(self.file, "cpu")
        self.assertEqual(list(state), ["a", "b"])
        torch.testing.assert_close(state["b"], OWN["b"])

    def test_reads_an_entry_of_a_file_that_holds_more(self):
        torch.save({"epoch": 1, "state_dict": OWN}, self.file)
        self.assertEqual(list(read_state_dict(self.file, inside="state_dict")), ["a", "b"])
        with self.assertRaisesRegex(ValueError, f"{EXPECTED} dict$"):
            read_state_dict(self.file)
        torch.save(OWN, self.file)
        self.assertEqual(list(read_state_dict(self.file, inside="state_dict")), ["a", "b"])

    @parameterized.expand([("text", b"not weights"), ("empty", b"")])
    def test_refuses_what_cannot_be_read(self, _name, content):
        self.file.write_bytes(content)
        with self.assertRaisesRegex(ValueError, rf"{EXPECTED} \w+Error$"):
            read_state_dict(self.file)

    def test_refuses_what_would_run_code(self):
        torch.save(torch.nn.Linear(1, 1), self.file)  # a pickled module
        with self.assertRaisesRegex(ValueError, f"{EXPECTED} UnpicklingError$"):
            read_state_dict(self.file)

    @parameterized.expand([("dict", {"model": dict(OWN)}), ("list", [torch.zeros(1)]), ("Tensor", torch.zeros(1))])
    def test_refuses_other_contents(self, kind, content):
        torch.save(content, self.file)
        with self.assertRaisesRegex(ValueError, f"{EXPECTED} {kind}$"):
            read_state_dict(self.file)


class TestCheckStateFits(unittest.TestCase):
    def test_fits(self):
        check_state_fits(OWN, {k: torch.ones_like(v) for k, v in reversed(OWN.items())}, "model.pt")

    @parameterized.expand(
        [
            ("missing", {"a": OWN["a"]}, "1 missing, 0 unknown, 0 of another shape, first b"),
            ("unknown", {**OWN, "c": OWN["a"]}, "0 missing, 1 unknown, 0 of another shape, first c"),
            ("shape", {**OWN, "b": torch.zeros(3)}, "0 missing, 0 unknown, 1 of another shape, first b"),
            ("all", {"b": torch.zeros(3), "c": OWN["a"]}, "1 missing, 1 unknown, 1 of another shape, first a"),
        ]
    )
    def test_refuses(self, _name, state, message):
        with self.assertRaisesRegex(ValueError, f"^model.pt: {message}$"):
            check_state_fits(OWN, state, "model.pt")


class TestChecksum(unittest.TestCase):
    def test_tells_values_and_names(self):
        first = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
        for parameter in first.parameters():
            torch.nn.init.ones_(parameter)
        checksum = compute_checksum(first)
        self.assertRegex(checksum, r"^[0-9a-f]{8}$")
        self.assertEqual(compute_checksum(copy.deepcopy(first)), checksum)
        # the same values in the same order under other names
        named = torch.nn.Sequential(OrderedDict(zip(("a", "b"), copy.deepcopy(first), strict=True)))
        self.assertNotEqual(compute_checksum(named), checksum)
        with torch.no_grad():
            first[1].bias[1] = 2
        self.assertNotEqual(compute_checksum(first), checksum)
