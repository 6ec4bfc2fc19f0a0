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
"""Tests of the reader of MATLAB files against SciPy's, and on broken files."""

from __future__ import annotations

import io
import struct
import tempfile
import unittest
from pathlib import Path

import numpy as np
from parameterized import parameterized
from scipy.io import loadmat, savemat

from monai_dd.data.datasets.matlab import read_matlab_arrays

TYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]
SHAPES = [(2, 3, 2, 4), (1, 1), (5, 1)]


def _bytes(content, compressed=False):
    file = io.BytesIO()
    savemat(file, content, do_compression=compressed)
    return file.getvalue()


def _element(kind, data, order):
    padded = data + b"\0" * (-len(data) % 8)
    return struct.pack(order + "II", kind, len(data)) + padded


def _narrow_double(order):
    """What MATLAB writes for a double array of small whole numbers: the class is double, the data are bytes."""
    parts = [
        (6, struct.pack(order + "II", 6, 0)),
        (5, struct.pack(order + "ii", 3, 1)),
        (1, b"y"),
        (2, b"\x01\x0a\x03"),
    ]
    matrix = b"".join(_element(kind, data, order) for kind, data in parts)
    head = b"MATLAB 5.0".ljust(124) + struct.pack(order + "H", 0x0100) + (b"IM" if order == "<" else b"MI")
    return head + _element(14, matrix, order)


class TestMatlab(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "a.mat"

    def read(self, data, names=("X", "y")):
        self.path.write_bytes(data)
        return read_matlab_arrays(self.path, names)

    @parameterized.expand([(kind, zipped) for kind in TYPES for zipped in (False, True)])
    def test_equals_scipy(self, kind, compressed):
        for shape in SHAPES:
            array = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
            data = _bytes({"X": array, "skipped": "text", "y": array.T}, compressed)
            found = self.read(data)
            expected = loadmat(io.BytesIO(data))
            self.assertEqual(sorted(found), ["X", "y"])
            for name, values in found.items():
                np.testing.assert_array_equal(values, expected[name])
                self.assertEqual((values.dtype, values.shape), (expected[name].dtype, expected[name].shape))

    @parameterized.expand(["<", ">"])
    def test_numbers_stored_in_fewer_bytes_in_both_byte_orders(self, order):
        data = _narrow_double(order)
        found = self.read(data)["y"]
        np.testing.assert_array_equal(found, loadmat(io.BytesIO(data))["y"])
        self.assertEqual((found.tolist(), found.dtype), ([[1], [10], [3]], np.dtype("f8")))

    def test_names_that_are_not_there(self):
        self.assertEqual(self.read(_bytes({"other": np.ones((2, 2))})), {})

    @parameterized.expand(
        [({"X": np.array([[1j]])},), ({"X": "text"},), ({"X": {"a": 1}},), ({"X": np.zeros((0, 3))},)]
    )
    def test_anything_but_real_numbers(self, content):
        with self.assertRaisesRegex(ValueError, "^a.mat: expected a MATLAB file [^\n]*$"):
            self.read(_bytes(content))

    @parameterized.expand([(False,), (True,)])
    def test_any_broken_file_is_one_line(self, compressed):
        rng = np.random.default_rng(0)
        whole = _bytes({"X": rng.integers(0, 256, (2, 2, 3, 2), np.uint8), "y": np.array([[1], [10]])}, compressed)
        refused = 0
        broken = [whole[:length] for length in range(0, len(whole) - 1, 3)]
        for _ in range(500):
            changed = bytearray(whole)
            for place in rng.integers(116, len(whole), 2):
                changed[place] = rng.integers(0, 256)
            broken.append(bytes(changed))
        for data in broken:
            try:
                self.read(data)
            except ValueError as error:
                self.assertRegex(str(error), "^a.mat: expected a MATLAB file [^\n]*$")
                refused += 1
        self.assertGreater(refused, 200)


if __name__ == "__main__":
    unittest.main()
