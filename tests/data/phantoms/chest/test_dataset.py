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
"""Tests of data sets of chest phantoms on disk, in the layout of ChestX-ray14."""

from __future__ import annotations

import contextlib
import csv
import io
import tempfile
import unittest
from pathlib import Path

import numpy as np
from parameterized import parameterized
from PIL import Image

from monai_dd.__main__ import main
from monai_dd.data.datalists.chestxray14.build import build_chestxray14_datalist
from monai_dd.data.phantoms import CHEST_FINDINGS, create_chest_phantom, write_chest_phantom_images

TABLES = ["BBox_List_2017.csv", "Data_Entry_2017.csv", "README.txt", "test_list.txt", "train_val_list.txt"]


class TestImages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "data"

    def _write(self, num_patients: int, **options) -> dict[str, Path]:
        root = write_chest_phantom_images(self.root, num_patients, image_size=32, progress=False, **options)
        return {path.name: path for path in sorted((root / "images_001/images").iterdir())}

    def _rows(self, name: str) -> list[list[str]]:
        with (self.root / name).open(newline="") as file:
            return list(csv.reader(file))

    def test_files(self):
        files = self._write(12)
        self.assertEqual(sorted(p.name for p in self.root.iterdir()), sorted([*TABLES, "images_001"]))
        self.assertIn("no patient", (self.root / "README.txt").read_text())
        header, *entries = self._rows("Data_Entry_2017.csv")
        self.assertEqual(
            header[:7],
            "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender," "View Position".split(","),
        )
        self.assertEqual([row[0] for row in entries], list(files))
        self.assertEqual({len(row) for row in [header, *entries]}, {12})
        for name, findings, visit, patient, age, sex, view, width, height, *spacing, _ in entries:
            self.assertEqual(name, f"{int(patient):08d}_{int(visit):03d}.png")
            self.assertLessEqual(set(findings.split("|")), {*CHEST_FINDINGS, "No Finding"})
            self.assertTrue(20 <= int(age) <= 85 and sex in "FM" and view == "PA")
            self.assertEqual((int(width), int(height)), (32, 32))
            self.assertTrue(8 < float(spacing[0]) < 15)  # mm, of 32 pixels
            with Image.open(files[name]) as image:
                self.assertEqual((image.mode, image.size), ("L", (32, 32)))
        self.assertGreater(len(files), 12)  # some patients come again

    def test_split_and_boxes(self):
        files = self._write(16)
        train, test = ((self.root / n).read_text().split() for n in ("train_val_list.txt", "test_list.txt"))
        self.assertEqual(sorted(train + test), list(files))
        self.assertFalse({n[:8] for n in train} & {n[:8] for n in test})
        self.assertEqual(len({n[:8] for n in test}), 4)
        header, *boxes = self._rows("BBox_List_2017.csv")
        self.assertEqual(",".join(header), "Image Index,Finding Label,Bbox [x,y,w,h],,,")
        self.assertEqual({len(row) for row in boxes}, {9})
        self.assertLessEqual({row[0] for row in boxes}, set(test))
        for _, _, x, y, w, h, *_ in boxes:
            self.assertTrue(0 <= float(x) < float(x) + float(w) <= 32 and 0 <= float(y) < float(y) + float(h) <= 32)
        self._write(16, boxes="all")
        everything = self._rows("BBox_List_2017.csv")[1:]
        self.assertTrue({row[0] for row in everything} - set(test))
        self.assertIn("Infiltrate", {row[1] for row in everything})  # as the published table spells it

    def test_the_reader_of_chestxray14_reads_it(self):
        self._write(16)
        datalist = build_chestxray14_datalist(self.root, CHEST_FINDINGS, val_fraction=0.2)
        items = [item for part in ("training", "validation", "test") for item in datalist[part]]
        entries = {row[0]: row[1] for row in self._rows("Data_Entry_2017.csv")[1:]}
        for item in items:
            names = [name for name, here in zip(CHEST_FINDINGS, item["label"]) if here]
            self.assertEqual("|".join(names) or "No Finding", entries[Path(item["image"]).name])
        boxed = {CHEST_FINDINGS[box[0]] for item in datalist["test"] for box in item["boxes"]}
        self.assertTrue(boxed)

    def test_pixels_and_boxes_are_those_of_the_phantom(self):
        files = self._write(3, seed=4, boxes="all")
        seed = int(np.random.SeedSequence([4, 2]).generate_state(1)[0])
        chest = create_chest_phantom(seed, 0, 32)
        with Image.open(files["00000002_000.png"]) as image:
            np.testing.assert_array_equal(np.asarray(image), chest.image)
        rows = [row for row in self._rows("BBox_List_2017.csv") if row[0] == "00000002_000.png"]
        written = [tuple(map(float, row[2:6])) for row in rows]
        self.assertEqual(written, [(box.x, box.y, box.width, box.height) for box in chest.boxes])

    def test_continues_and_keeps(self):
        first = {path: path.stat().st_mtime_ns for path in self._write(2).values()}
        (self.root / "images_001/images/.00000003_000.png.part").write_bytes(b"")  # what an interrupted run leaves
        tables = (self.root / "Data_Entry_2017.csv").read_text()
        files = self._write(3)
        self.assertEqual({path: path.stat().st_mtime_ns for path in first}, first)
        self.assertGreater(len(files), len(first))
        self.assertNotIn(".00000003_000.png.part", files)
        self.assertTrue((self.root / "Data_Entry_2017.csv").read_text().startswith(tables))

    def test_processes_write_the_same(self):
        serial = {name: path.read_bytes() for name, path in self._write(2).items()}
        serial |= {name: (self.root / name).read_bytes() for name in TABLES}
        self.root = self.root.parent / "parallel"
        parallel = {name: path.read_bytes() for name, path in self._write(2, num_workers=2).items()}
        parallel |= {name: (self.root / name).read_bytes() for name in TABLES}
        self.assertEqual(serial, parallel)

    @parameterized.expand([("another seed", None), ("no picture", b"text")])
    def test_something_else_is_there(self, _, content):
        path = self._write(1)["00000001_000.png"]
        if content is not None:
            path.write_bytes(content)
        with self.assertRaisesRegex(FileExistsError, "^output_dir: expected 00000001_000.png of this seed and image_"):
            self._write(1, seed=0 if content else 1)

    @parameterized.expand(
        [
            ({"num_workers": 0}, "^num_patients, seed, num_workers: expected >= 1, >= 0 and >= 1, got 1, 0 and 0"),
            ({"test_fraction": 1.5}, "^test_fraction: expected a number from 0 to 1, got 1.5"),
            ({"boxes": "none"}, "^boxes: expected 'test' or 'all', got 'none'"),
        ]
    )
    def test_refusals(self, options, line):
        with self.assertRaisesRegex(ValueError, line):
            self._write(1, **options)

    def test_command_line(self):
        arguments = ["phantoms", "chest", "--output_dir", str(self.root), "--image_size", "32"]
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(main([*arguments, "--num_patients", "1"]), 0)
        self.assertEqual(out.getvalue().strip(), str(self.root))
        with contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertEqual(main(["phantoms", "chest", "--output_dir", f"{self.root}-2", "--image_size", "16"]), 2)
        self.assertIn("error: image_size: expected 32 to 2048 pixels, got 16", err.getvalue())


if __name__ == "__main__":
    unittest.main()
