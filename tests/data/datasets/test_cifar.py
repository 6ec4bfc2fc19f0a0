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
"""Tests of the readers of CIFAR on small files in the published formats."""

from __future__ import annotations

import shutil
import tempfile
import unittest
from pathlib import Path

import numpy as np
from parameterized import parameterized

from monai_dd.data.datasets import load_cifar10, load_cifar100
from tests.data.datasets.pickled import dumps_python2
from tests.data.datasets.published import draw_cifar, write_cifar10, write_cifar100

FORMS = ("py", "bin")


class InFolder(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)

    def check(self, items, seeds, labels):
        """Every pixel by its place in the file: a row of the red channel after the other, then green, then blue."""
        pixels = np.concatenate([draw_cifar(len(items) // len(seeds), seed)[0] for seed in seeds])
        self.assertEqual([item["label"] for item in items], labels)
        self.assertEqual(len({item["case"] for item in items}), len(items))
        for item, row in zip(items, pixels, strict=True):
            self.assertEqual((item["image"].shape, item["image"].dtype), ((3, 32, 32), np.uint8))
            for channel, y, x in ((0, 0, 0), (0, 0, 5), (1, 3, 0), (2, 31, 31)):
                self.assertEqual(item["image"][channel, y, x], row[channel * 1024 + y * 32 + x])


class TestTen(InFolder):
    @parameterized.expand([(form, nested) for form in FORMS for nested in (False, True)])
    def test_reads(self, form, nested):
        folder = self.root / f"cifar-10-batches-{form}" if nested else self.root
        folder.mkdir(exist_ok=True)
        write_cifar10(folder, form)
        labels = [label for seed in range(6) for label in draw_cifar(3, seed)[1]]
        self.check(load_cifar10(self.root), range(5), labels[:15])
        test = load_cifar10(self.root, "test")
        self.check(test, [5], labels[15:])
        self.assertEqual(test[2]["case"], "test_batch:2" if form == "py" else "test_batch.bin:2")
        self.assertIs(type(test[0]["label"]), int)

    def test_absent(self):
        with self.assertRaisesRegex(
            ValueError,
            "^dataset_dir: expected data_batch_1 or data_batch_1.bin [^\n]*https://www.cs.toronto.edu[^\n]*$",
        ):
            load_cifar10(self.root)
        write_cifar10(self.root, "py")
        (self.root / "data_batch_4").unlink()
        with self.assertRaisesRegex(
            ValueError, "^dataset_dir: expected data_batch_4 next to data_batch_1; get [^\n]*$"
        ):
            load_cifar10(self.root)
        with self.assertRaisesRegex(ValueError, "^split: expected one of [^\n]*got 'validation'$"):
            load_cifar10(self.root, "validation")

    @parameterized.expand(
        [
            ({"labels": [1, 2]}, "'data' [^\n]*got none"),
            ({"data": np.zeros((2, 3071), np.uint8), "labels": [1, 2]}, r"'data' [^\n]*\(2, 3071\)"),
            ({"data": [1], "labels": [1]}, "'data' [^\n]*got list"),
            ({"data": np.zeros((2, 3072), np.uint8)}, "'labels' with a whole number for each of 2 images"),
            ({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, "'labels' with"),
            ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, "a"]}, "'labels' with"),
            ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 10]}, "labels 0 to 9, got 1 to 10"),
            ({"data": np.zeros((2, 3072), np.uint8), "labels": [-1, 1]}, "labels 0 to 9, got -1 to 1"),
        ]
    )
    def test_broken_python(self, content, message):
        (self.root / "test_batch").write_bytes(dumps_python2(content))
        with self.assertRaisesRegex(ValueError, f"^test_batch: expected {message}[^\n]*$"):
            load_cifar10(self.root, "test")

    def test_truncated(self):
        for form, name, message in (("py", "test_batch", "a pickled"), ("bin", "test_batch.bin", "rows of 3073 bytes")):
            write_cifar10(self.root, form)
            path = self.root / name
            for data in (path.read_bytes()[:-1], b""):
                path.write_bytes(data)
                with self.assertRaisesRegex(ValueError, f"^{name}: expected {message}[^\n]*$"):
                    load_cifar10(self.root, "test")
            path.unlink()


class TestHundred(InFolder):
    @parameterized.expand(FORMS)
    def test_reads(self, form):
        folder = self.root / {"py": "cifar-100-python", "bin": "cifar-100-binary"}[form]
        folder.mkdir()
        write_cifar100(folder, form)
        for seed, split in enumerate(("training", "test")):
            fine = draw_cifar(4, seed)[2]
            self.check(load_cifar100(self.root, split), [seed], fine)
            self.check(load_cifar100(folder, split, "coarse"), [seed], [y // 5 for y in fine])

    def test_refuses(self):
        with self.assertRaisesRegex(
            ValueError, "^dataset_dir: expected train or train.bin [^\n]*cifar-100-python[^\n]*$"
        ):
            load_cifar100(self.root)
        with self.assertRaisesRegex(ValueError, "^labels: expected one of [^\n]*got 'all'$"):
            load_cifar100(self.root, labels="all")
        content = {"data": np.zeros((2, 3072), np.uint8), "fine_labels": [1, 2], "coarse_labels": [1, 20]}
        (self.root / "train").write_bytes(dumps_python2(content))
        self.assertEqual([item["label"] for item in load_cifar100(self.root)], [1, 2])
        with self.assertRaisesRegex(ValueError, "^train: expected labels 0 to 19, got 1 to 20$"):
            load_cifar100(self.root, labels="coarse")


if __name__ == "__main__":
    unittest.main()
