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
"""Tests of the figure of boxes: which map stands where, and how."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex
from parameterized import parameterized

from monai_dd.evaluation.figures.boxes import box_figure, scale_map
from monai_dd.evaluation.maps.reader import read_cases
from tests.evaluation.files import write_case


class TestFigure(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        rng = np.random.default_rng(0)
        box = np.zeros((16, 12))
        box[4:10, 2:8] = 1
        self.picture, self.cam, self.saliency = rng.random((16, 12)), 3 + rng.random((4, 3)), rng.random((16, 12))
        for variant in ("robust", "baseline"):
            for number, image in enumerate("ab"):
                maps = {"saliency_image": self.saliency, "cam_image": self.cam, "gradcam_coarse": np.zeros((2, 2))}
                maps["gradcam_fine"] = self.cam
                if variant == "robust":
                    maps = {"cam_image": self.cam}
                folder = self.folder / variant / f"case_{number:04d}"
                write_case(folder, self.picture, maps, box, variant=variant, image=image, label=1)

    def test_panels(self):
        figure = box_figure(read_cases([self.folder]))
        axes = np.array(figure.axes[:10]).reshape(2, 5)
        titles = [axis.get_title() for axis in axes[0]]
        expected = ["image", "baseline\ncam", "baseline\ngradcam", "baseline\nsaliency", "robust\ncam"]
        self.assertEqual(titles, expected)
        self.assertEqual(axes[1, 0].get_ylabel(), "case_0001\nsevere")
        self.assertEqual([axis.get_ylabel() for axis in figure.axes[10:]], ["cam, gradcam", "saliency"])
        for row in axes:
            self.assertEqual([len(axis.images) for axis in row], [1, 2, 2, 2, 2])
            np.testing.assert_allclose(row[1].images[0].get_array(), self.picture, rtol=1e-6)  # stored in float32
            self.assertEqual(float(row[3].images[0].get_array().max()), 0)  # saliency stands alone
            np.testing.assert_allclose(row[3].images[1].get_array(), scale_map(self.saliency), atol=1e-6)
            for axis in (row[1], row[2], row[4]):  # the fine GradCAM, not the coarse one of zeros
                values = np.asarray(axis.images[1].get_array())
                self.assertEqual((values.shape, values.min(), values.max()), ((16, 12), 0, 1))
            frames = [to_hex(axis.collections[0].get_edgecolor()[0]) for axis in row]
            self.assertEqual(frames, ["#ffffff", "#ffffff", "#ffffff", "#56b4e9", "#ffffff"])
            low, high = row[3].collections[0].get_paths()[0].get_extents().get_points()
            np.testing.assert_allclose([*low, *high], [2, 4, 8, 10], atol=0.51)  # within half a pixel

    def test_a_map_that_is_missing(self):
        (self.folder / "robust" / "case_0001" / "cam_image.nii.gz").unlink()
        figure = box_figure(read_cases([self.folder]))
        self.assertEqual([text.get_text() for text in figure.axes[9].texts], ["no map"])
        self.assertEqual(len(box_figure(read_cases([self.folder], explainers=["cam"])).axes), 2 * 3 + 1)  # one bar

    @parameterized.expand([(0.0,), (2.0,)])
    def test_a_constant_map(self, value):
        self.assertEqual(np.unique(scale_map(np.full((3, 3), value))).tolist(), [0.0])

    def test_refusals(self):
        with self.assertRaisesRegex(ValueError, "^cases: expected one or more, got none$"):
            box_figure([])
        with self.assertRaisesRegex(ValueError, "^colormap: expected a name that matplotlib has"):
            box_figure(read_cases([self.folder]), colormap="no")


if __name__ == "__main__":
    unittest.main()
