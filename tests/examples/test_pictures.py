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
"""The pictures of the pages are drawn from small inputs, show what they say, and wrong input ends in one line."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import unittest
from pathlib import Path

import numpy as np
import pydicom
from parameterized import parameterized
from PIL import Image

from examples.pictures import draw_consistency, draw_phantoms, example_potentials, main
from monai_dd.data.phantoms import create_pet_phantom, write_pet_series
from monai_dd.dicom.secondary_capture import attention_secondary_capture
from monai_dd.networks.layers import consistent_attention, marginalize

ROOT = Path(__file__).resolve().parents[2]


def titles(figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes]


class TestPictures(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_main(self, *arguments: object) -> tuple[int, str]:
        """Exit status, and what went to standard error."""
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            try:
                status = main([str(a) for a in arguments])
            except SystemExit as leaving:
                status = int(leaving.code or 0)
        return status, errors.getvalue()

    def test_phantoms(self):
        options = ["--voxel_size", 16, "--spacing", 8, "--image_size", 64]
        output = self.folder / "new" / "phantoms.png"
        self.assertEqual(self.run_main("phantoms", *options, "--output", output), (0, ""))
        width, height = Image.open(output).size
        self.assertGreater(width, 2 * height)

    def test_phantoms_show_masks_and_boxes(self):
        figure = draw_phantoms(seed=3, voxel_size=16, spacing=8, image_size=64)
        self.assertEqual(titles(figure)[0], "PET MIP")
        self.assertEqual(titles(figure)[-1], "chest X-ray: effusion, mass")
        self.assertGreaterEqual(len(figure.axes[-1].patches), 2)
        self.assertTrue(all(axes.collections for axes in figure.axes[:-1]), "contours of the masks")
        mip = figure.axes[0].images[0].get_array()
        self.assertTrue(np.array_equal(mip, create_pet_phantom("severe", seed=3, voxel_size=16).suv.max(1).T))

    def test_consistency(self):
        output = self.folder / "consistency.png"
        self.assertEqual(self.run_main("consistency", "--output", output), (0, ""))
        self.assertGreater(Image.open(output).size[0], 900)

    @parameterized.expand([(8,), (16,)])
    def test_consistency_shows_the_gap(self, cells):
        figure = draw_consistency(cells)
        before, after = (float(t.rpartition(" ")[2]) for t in titles(figure) if t.startswith("difference"))
        self.assertGreater(before, 0.1)
        self.assertEqual(after, 0.0)
        _, potentials = example_potentials(cells)
        fine, coarse = (log.exp() for log in consistent_attention(potentials).log_mu)
        self.assertLess(float((marginalize(fine, 4) - coarse).abs().max()), 1e-9)
        drawn = figure.axes[8].images[0].get_array()  # coarse map, second row
        self.assertTrue(np.allclose(drawn, coarse[0, 0].numpy()))

    def test_capture(self):
        series = write_pet_series(
            create_pet_phantom("severe", seed=1, voxel_size=16), self.folder / "series", "P", "pictures"
        )
        self.assertIsNotNone(series)
        files = sorted((self.folder / "series").rglob("*.dcm"))
        source = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
        pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        file, output = self.folder / "attention.dcm", self.folder / "app.png"
        attention_secondary_capture(pixels, source, "test", "model", "1").save_as(file)
        self.assertEqual(self.run_main("capture", file, "--output", output), (0, ""))
        self.assertTrue(np.array_equal(np.asarray(Image.open(output)), pixels))
        self.assertEqual(self.run_main("capture", file, "--width", 30, "--output", output), (0, ""))
        self.assertEqual(Image.open(output).size, (30, 20))

    @parameterized.expand(
        [
            (("phantoms", "--output", "p.pdf"), "pictures: output: expected a file .png, got 'p.pdf'\n"),
            (("consistency", "--cells", 6, "--output", "c.png"), "pictures: cells: expected a multiple of 4, got 6\n"),
            (("capture", "no.dcm", "--output", "c.png"), "pictures: file: expected a DICOM file, got 'no.dcm'\n"),
        ]
    )
    def test_wrong_input(self, arguments, line):
        self.assertEqual(self.run_main(*arguments), (2, line))

    def test_commands_of_the_pages_make_the_pictures(self):
        """Each command that a page names parses, and its output is there."""
        pages = [*ROOT.glob("docs/*.rst"), *ROOT.glob("bundles/*/docs/*.md")]
        found = 0
        for page in pages:
            text = re.sub(r"\\\n\s*", " ", page.read_text("utf-8"))
            for kind, output in re.findall(r"examples/pictures\.py (\w+)[^\n`]* --output (\S+\.png)", text):
                found += 1
                self.assertEqual(self.run_main(kind, "--help")[0], 0)
                folder = page.parents[1] if page.suffix == ".md" else ROOT  # where the page says that it runs
                self.assertTrue((folder / output).is_file(), f"{page.name}: {output}")
        self.assertEqual(found, 3)


if __name__ == "__main__":
    unittest.main()
