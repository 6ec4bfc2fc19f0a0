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
"""The app on a real series: the picture shows the body as it is, head up."""

from __future__ import annotations

import unittest
from unittest import mock

import numpy as np
import pydicom

from monai_dd.dicom import load_pet_suv
from monai_dd.visualize import report_picture
from tests.apps.setting import REAL_SERIES, AppTest
from tests.evaluation.picture import panels


@unittest.skipUnless(REAL_SERIES and REAL_SERIES.is_dir(), "MONAI_DD_REAL_DATA is not set: no folder with real data")
class TestRealSeries(AppTest):
    def test_picture(self):
        drawn = {}

        def draw(image, *args, **kwargs):
            drawn["image"], drawn["picture"] = image, report_picture(image, *args, **kwargs)
            return drawn["picture"]

        with mock.patch("result.report_picture", draw):
            self.assertEqual(self.run_app(REAL_SERIES), (0, []))
        capture = pydicom.dcmread(self.output / "attention.dcm")
        np.testing.assert_array_equal(capture.pixel_array, drawn["picture"])
        self.assert_proportions(drawn["picture"])
        self.assert_head_up(drawn["image"])
        source = pydicom.dcmread(next(REAL_SERIES.glob("*.dcm")), stop_before_pixels=True)
        text = (self.output / "result.json").read_text() + (self.output / "status.json").read_text()
        for value in (source.PatientID, str(source.PatientName), source.StudyDate, source.StudyInstanceUID):
            self.assertNotIn(value, text)

    def assert_proportions(self, picture):
        """Height to width of the overlays is that of the field of view, from the headers alone."""
        headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(REAL_SERIES.glob("*.dcm"))]
        z = sorted(float(each.ImagePositionPatient[2]) for each in headers)
        across = float(headers[0].PixelSpacing[1]) * headers[0].Columns
        expected = (z[-1] - z[0]) * len(z) / (len(z) - 1) / across
        overlays = panels(picture, (picture < 254).any(axis=-1))[-2:]
        self.assertEqual(len(overlays), 2)
        for top, bottom, left, right in overlays:
            # edges fall between pixels: one pixel more or less in both directions
            self.assertAlmostEqual(
                (bottom - top) / (right - left), expected, delta=1.5 * (1 + expected) / (right - left)
            )

    def assert_head_up(self, image):
        """Rows of the picture run from the highest z of the series to the lowest."""
        volume = load_pet_suv(REAL_SERIES)
        rises = float(volume.affine[2, 2]) > 0
        by_z = volume.clamp(0, 7).amax(dim=(0, 1)).numpy()
        down = by_z[::-1] if rises else by_z
        rows = image.max(axis=1)
        there = np.linspace(0, 1, len(rows))
        right_way, wrong_way = (
            np.corrcoef(rows, np.interp(there, np.linspace(0, 1, len(down)), profile))[0, 1]
            for profile in (down, down[::-1])
        )
        self.assertGreater(right_way, 0.8)
        self.assertGreater(right_way, wrong_way + 0.3)


if __name__ == "__main__":
    unittest.main()
