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
"""Tests of the reader of Tiny ImageNet on a small folder of the published layout."""

from __future__ import annotations

import shutil
import tempfile
import unittest
from pathlib import Path

import torch
from monai.data import PILReader
from monai.transforms import LoadImaged
from parameterized import parameterized

from monai_dd.data.datasets import load_tiny_imagenet
from monai_dd.metrics import boxes_to_mask
from tests.data.datasets.published import write_tiny_imagenet


class TestTinyImageNet(unittest.TestCase):
    def setUp(self):
        self.parent = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.parent, ignore_errors=True)
        self.root = self.parent / "tiny-imagenet-200"
        write_tiny_imagenet(self.root)

    @parameterized.expand([(False,), (True,)])
    def test_reads(self, nested):
        folder = self.parent if nested else self.root
        training = load_tiny_imagenet(folder)
        self.assertEqual([item["label"] for item in training], [0, 0, 1, 1])
        self.assertEqual(training[2]["case"], "train/n01/images/n01_0.JPEG")
        validation = load_tiny_imagenet(folder, "validation")
        self.assertEqual([item["label"] for item in validation], [1, 0, 1])
        self.assertEqual(validation[0]["case"], "val/images/val_0.JPEG")
        for item in (*training, *validation):
            self.assertEqual(item["image"], str(self.root / item["case"]))
            self.assertEqual(item["box"], [4, 10, 22, 60])

    def test_the_box_is_where_the_object_is(self):
        load = LoadImaged("image", reader=PILReader(reverse_indexing=False, converter=lambda image: image.convert("L")))
        item = load(load_tiny_imagenet(self.root, "validation")[0])
        inside = boxes_to_mask(torch.tensor([item["box"]]), item["image"].shape)[0, 0]
        bright = item["image"].as_subclass(torch.Tensor) > 127
        self.assertEqual(bright.tolist(), inside.tolist())

    @parameterized.expand(
        [
            ("wnids.txt", "training"),
            ("train/n01/n01_boxes.txt", "training"),
            ("train/n02/images/n02_1.JPEG", "training"),
            ("val/val_annotations.txt", "validation"),
            ("val/images/val_2.JPEG", "validation"),
        ]
    )
    def test_absent(self, name, split):
        (self.root / name).unlink()
        with self.assertRaisesRegex(ValueError, "^dataset_dir: [^\n]*http://cs231n.stanford.edu[^\n]*$") as caught:
            load_tiny_imagenet(self.root, split)
        place = name.rsplit("/", 1)
        self.assertIn(place[0] if name.endswith(".JPEG") else place[-1], str(caught.exception))
        self.assertNotIn(str(self.parent), str(caught.exception))

    @parameterized.expand(
        [
            ("val_0.JPEG n01 0 0 1 1", "6 columns"),
            ("val_0.JPEG\tn03\t0\t0\t1\t1", "a class of wnids.txt, got 'n03'"),
            ("val_0.JPEG\tn01\t0\t0\t1\tx", "four whole numbers"),
            ("val_0.JPEG\tn01\t0\t0\t-1\t1", "four whole numbers"),
            ("val_0.JPEG\tn01\t5\t0\t4\t1", "left and top before"),
            ("../../x.JPEG\tn01\t0\t0\t1\t1", "the name of a file"),
            ("", "6 columns"),
        ]
    )
    def test_broken_table(self, line, message):
        path = self.root / "val" / "val_annotations.txt"
        path.write_text(path.read_text() + line + "\n")
        with self.assertRaisesRegex(ValueError, f"^val_annotations.txt, line 4: expected {message}[^\n]*$"):
            load_tiny_imagenet(self.root, "validation")

    def test_other_broken_files(self):
        with self.assertRaisesRegex(ValueError, "^split: expected one of [^\n]*got 'test'$"):
            load_tiny_imagenet(self.root, "test")
        (self.root / "val" / "val_annotations.txt").write_bytes(b"\xff\xd8\xff")
        with self.assertRaisesRegex(ValueError, "^val_annotations.txt: expected plain text[^\n]*$"):
            load_tiny_imagenet(self.root, "validation")
        for content in ("", "n01\nn01\n"):
            (self.root / "wnids.txt").write_text(content)
            with self.assertRaisesRegex(ValueError, "^wnids.txt: expected a class in each line[^\n]*$"):
                load_tiny_imagenet(self.root)


if __name__ == "__main__":
    unittest.main()
