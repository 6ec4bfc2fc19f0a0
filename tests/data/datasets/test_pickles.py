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
"""Tests of the reader of pickle files: it reads arrays, and runs nothing."""

from __future__ import annotations

import os
import pickle
import pickletools
import tempfile
import unittest
from pathlib import Path

import numpy as np
from parameterized import parameterized

from monai_dd.data.datasets.pickles import read_byte_pickle
from tests.data.datasets.pickled import dumps_python2

PROTOCOLS = [(p,) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)]


class _Calls:
    """An object that is restored by a call."""

    def __init__(self, function, *arguments):
        self.parts = (function, arguments)

    def __reduce__(self):
        return self.parts


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "batch"

    def read(self, data):
        self.path.write_bytes(data)
        return read_byte_pickle(self.path)

    def refuse(self, data, message=""):
        with self.assertRaisesRegex(ValueError, f"^batch: expected a pickled [^\n]*{message}[^\n]*$"):
            self.read(data)


class TestReads(InFolder):
    def check(self, found, array):
        self.assertEqual(sorted(found), ["data", "labels"])
        np.testing.assert_array_equal(found["data"], array)
        self.assertEqual((found["data"].dtype, found["labels"]), (np.dtype("u1"), [3, 1]))

    def test_what_python_2_wrote(self):
        array = np.random.default_rng(0).integers(0, 256, (2, 300), dtype=np.uint8)
        data = dumps_python2({"data": array, "labels": [3, 1]})
        names = {op.name for op, _, _ in pickletools.genops(data)}
        self.assertLessEqual({"BINSTRING", "SHORT_BINSTRING", "GLOBAL"}, names)
        self.assertIn(b"cnumpy.core.multiarray\n_reconstruct", data)
        self.check(self.read(data), array)

    @parameterized.expand(PROTOCOLS)
    def test_what_python_3_writes(self, protocol):
        array = np.random.default_rng(0).integers(0, 256, (2, 300), dtype=np.uint8)
        for form in (array, np.asfortranarray(array)):
            self.check(self.read(pickle.dumps({"data": form, "labels": [3, 1]}, protocol)), array)


class TestRefuses(InFolder):
    @parameterized.expand(
        [
            ("call", lambda path: _Calls(os.system, f"touch {path}")),
            ("eval", lambda path: _Calls(eval, f"open({str(path)!r}, 'w').close()")),
            ("getattr", lambda path: _Calls(getattr, os, "system")),
            ("type", lambda path: Path),
            ("numpy", lambda path: _Calls(np.load, str(path))),
            ("import", lambda path: _Calls(__import__, "this")),
        ]
    )
    def test_calls_and_runs_nothing(self, _name, make):
        trace = self.path.with_name("trace")
        for protocol in (2, 4):
            try:
                data = pickle.dumps({"data": make(trace)}, protocol)
            except (TypeError, pickle.PicklingError):  # modules cannot be written; the name alone can
                data = b"cos\nsystem\n."
            self.refuse(data, "is not allowed")
            self.assertFalse(trace.exists())

    def test_the_check_would_notice(self):
        trace = self.path.with_name("trace")
        pickle.loads(pickle.dumps(_Calls(os.system, f"touch {trace}")))
        self.assertTrue(trace.exists())

    @parameterized.expand([(np.zeros(3),), (np.array([{}, None]),), (np.zeros(2, dtype="u1,f4"),), (np.float64(1),)])
    def test_other_arrays(self, array):
        for protocol in (2, 4, 5):
            self.refuse(pickle.dumps({"data": array}, protocol))

    def test_other_encodings(self):
        self.refuse(b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hext R.", "got")

    def test_not_a_dictionary(self):
        self.refuse(pickle.dumps([1, 2]), "expected a dictionary")

    def test_any_broken_file(self):
        whole = dumps_python2({"data": np.arange(40, dtype=np.uint8), "labels": [3, 1]})
        for length in range(len(whole)):
            self.refuse(whole[:length])
        rng = np.random.default_rng(0)
        for _ in range(300):
            changed = bytearray(whole)
            for place in rng.integers(0, len(whole), 3):
                changed[place] = rng.integers(0, 256)
            self.path.write_bytes(bytes(changed))
            try:
                read_byte_pickle(self.path)
            except ValueError as error:
                self.assertRegex(str(error), "^batch: expected a pickled [^\n]*$")


if __name__ == "__main__":
    unittest.main()
