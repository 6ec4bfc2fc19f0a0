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

from monai_dd.data.datalists import find_pictures
from tests.data.datalists.small_brats import InFolder


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
