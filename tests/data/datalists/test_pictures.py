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
"""Tests of the pictures of a folder."""

from __future__ import annotations

import numpy as np
from parameterized import parameterized
from PIL import Image

from monai_dd.data.datalists import convert_to_gray, convert_to_rgb, find_pictures
from tests.data.datalists.brats.small import InFolder


class TestFindPictures(InFolder):
    def test_pictures_at_any_depth(self):
        for name in ("b/2.png", "b/1.JPG", "a.jpeg", "b/.hidden.png", "notes.txt"):
            (self.root / name).parent.mkdir(exist_ok=True)
            (self.root / name).touch()
        found = [item["image"] for item in find_pictures(self.root)]
        self.assertEqual(found, [f"{self.root}/{name}" for name in ("a.jpeg", "b/1.JPG", "b/2.png")])
        self.assertEqual(len(find_pictures(self.root, "b/*.png")), 1)

    def test_refusals(self):
        with self.assertRaisesRegex(ValueError, "^dataset_dir: expected a folder with pictures, 'gone' is not there$"):
            find_pictures(self.root / "gone")
        with self.assertRaisesRegex(ValueError, r"^dataset_dir: expected .jpg, .jpeg, .png files at \*\*/\* in"):
            find_pictures(self.root)


class TestConvertToGray(InFolder):
    @parameterized.expand(["L", "RGB", "RGBA", "P"])
    def test_eight_bits(self, mode):
        gray = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
        Image.fromarray(gray).convert(mode).save(self.root / "a.png")
        with Image.open(self.root / "a.png") as picture:
            np.testing.assert_array_equal(np.asarray(convert_to_gray(picture)), gray)

    def test_refusals(self):
        Image.fromarray(np.full((3, 4), 30_000, np.uint16)).save(self.root / "deep.png")
        with Image.open(self.root / "deep.png") as picture:
            with self.assertRaisesRegex(ValueError, "^deep.png: expected a picture of 8 bits a channel, got .*'I;16'$"):
                convert_to_gray(picture)
        noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
        Image.fromarray(noise).save(self.root / "whole.png")
        (self.root / "cut.png").write_bytes((self.root / "whole.png").read_bytes()[:2000])
        with Image.open(self.root / "cut.png") as picture:
            with self.assertRaisesRegex(ValueError, "^cut.png: expected a picture, the file is truncated or none$"):
                convert_to_gray(picture)


class TestConvertToRGB(InFolder):
    def test_the_channels_are_those_of_the_file(self):
        values = np.random.default_rng(0).integers(0, 255, (3, 4, 3), dtype=np.uint8)
        Image.fromarray(values).save(self.root / "a.png")
        with Image.open(self.root / "a.png") as picture:
            np.testing.assert_array_equal(np.asarray(convert_to_rgb(picture)), values)

    @parameterized.expand(["L", "RGBA", "P", "1"])
    def test_other_channels(self, mode):
        Image.new(mode, (4, 4)).save(self.root / "a.png")
        with Image.open(self.root / "a.png") as picture:
            with self.assertRaisesRegex(ValueError, f"^a.png: expected a picture of red, green and blue .*'{mode}'$"):
                convert_to_rgb(picture)

    def test_a_file_that_is_cut_off(self):
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(self.root / "whole.png")
        (self.root / "cut.png").write_bytes((self.root / "whole.png").read_bytes()[:2000])
        with Image.open(self.root / "cut.png") as picture:
            with self.assertRaisesRegex(ValueError, "^cut.png: expected a picture, the file is truncated or none$"):
                convert_to_rgb(picture)
