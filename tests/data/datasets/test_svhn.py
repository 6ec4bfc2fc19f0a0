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
"""Tests of the reader of SVHN on small MATLAB files."""

from __future__ import annotations

import shutil
import tempfile
import unittest
from pathlib import Path

import numpy as np
from parameterized import parameterized
from scipy.io import savemat

from monai_dd.data.datasets import load_svhn
from tests.data.datasets.published import draw_svhn, write_svhn


class TestSVHN(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)

    @parameterized.expand([(s, z) for s in ("training", "test", "extra") for z in (False, True)])
    def test_reads(self, split, compressed):
        images, _ = draw_svhn()
        part = {"training": "train"}.get(split, split)
        name = f"{part}_32x32.mat"
        write_svhn(self.root, part, compressed)
        items = load_svhn(self.root, split)
        self.assertEqual([item["label"] for item in items], [1, 0, 9, 2, 0])
        self.assertEqual([item["case"] for item in items], [f"{name}:{i}" for i in range(5)])
        for i, item in enumerate(items):
            self.assertEqual((item["image"].dtype, item["image"].shape), (np.uint8, (3, 32, 32)))
            for row, column, channel in ((0, 0, 0), (3, 7, 1), (31, 30, 2)):
                self.assertEqual(item["image"][channel, row, column], images[row, column, channel, i])

    def test_absent(self):
        with self.assertRaisesRegex(
            ValueError, "^dataset_dir: expected test_32x32.mat [^\n]*http://ufldl.stanford[^\n]*$"
        ):
            load_svhn(self.root, "test")
        with self.assertRaisesRegex(ValueError, "^split: expected one of [^\n]*got 'val'$"):
            load_svhn(self.root, "val")

    @parameterized.expand(
        [
            ("no_labels", {"X": draw_svhn()[0]}, "got .* and None"),
            ("order", {"X": draw_svhn()[0].T, "y": draw_svhn()[1]}, r"got \(5, 3, 32, 32\)"),
            ("number", {"X": draw_svhn()[0], "y": draw_svhn()[1][:3]}, r"and \(3, 1\)"),
            ("type", {"X": draw_svhn()[0] / 255, "y": draw_svhn()[1]}, "bytes X"),
            ("text", {"X": draw_svhn()[0], "y": np.array([["a"]] * 5)}, "an array y of anything but"),
            ("zero", {"X": draw_svhn()[0], "y": draw_svhn()[1] - 1}, "labels 1 to 10, got 0 to 9"),
        ]
    )
    def test_other_content(self, _name, content, message):
        savemat(self.root / "test_32x32.mat", content)
        with self.assertRaisesRegex(ValueError, f"^test_32x32.mat: expected [^\n]*{message}[^\n]*$"):
            load_svhn(self.root, "test")

    @parameterized.expand([(False,), (True,)])
    def test_broken(self, compressed):
        path = self.root / "test_32x32.mat"
        write_svhn(self.root, "test", compressed)
        whole = path.read_bytes()
        hdf5 = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" * 40
        for data in (b"", b"text", whole[:100], whole[:200], whole[: len(whole) // 2], whole[:-20], hdf5):
            path.write_bytes(data)
            with self.assertRaisesRegex(ValueError, "^test_32x32.mat: expected [^\n]*got [^\n]*$"):
                load_svhn(self.root, "test")


if __name__ == "__main__":
    unittest.main()
