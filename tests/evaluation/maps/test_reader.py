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
"""Tests of finding cases and reading their planes."""

from __future__ import annotations

import gzip
import struct
import tempfile
import unittest
from pathlib import Path

import numpy as np
from parameterized import parameterized

from monai_dd.evaluation.maps.planes import read_plane, relative_map
from monai_dd.evaluation.maps.reader import read_cases
from tests.evaluation.files import write_case, write_csv, write_nifti

MAPS = {"attention_fine": np.ones((4, 4)), "attention_coarse": np.ones((2, 2))}


class _WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def _case(self, run: str, maps=MAPS, case="case_0001", image="a", picture=None, mask=None, **info):
        folder = self.folder / run / "maps" / case
        write_case(folder, np.zeros((8, 8)) if picture is None else picture, maps, mask, image=image, **info)
        return folder


class TestCases(_WithFolder):
    def test_runs_are_joined_by_image(self):
        self._case("one", variant="exact", label=1)
        maps = {"gradcam_fine": np.ones((4, 4)), "smoothed_intensity_image": np.ones((8, 8))}
        self._case("two", maps, case="case_0000", variant="baseline", label=1)
        self._case("two", maps, case="case_0002", image="b", variant="baseline")
        self._case("one, seed 1", variant="exact", label=1, seed=1)
        first, second = read_cases([self.folder])
        self.assertEqual(len(first.maps), 4)
        self.assertEqual({m.name for m in first.maps}, {"exact", "baseline: gradcam", "baseline: smoothed intensity"})
        self.assertEqual([m.level for m in second.maps], ["fine", "image"])
        self.assertEqual(first.class_name(first.label), "severe")
        self.assertEqual([first.class_name(7), first.class_name(None)], ["7", ""])

    def test_choice(self):
        self._case("one", variant="exact")
        self._case("two", {"gradcam_fine": np.ones((4, 4))}, variant="baseline", case="case_0007")
        self._case("two", {"gradcam_fine": np.ones((4, 4))}, variant="baseline", case="case_0008", image="b")
        self.assertEqual([m.variant for m in read_cases([self.folder], variants=["exact"])[0].maps], ["exact"] * 2)
        self._case("one", {**MAPS, "gradcam_fine": np.ones((4, 4))}, variant="exact")
        joined = read_cases([self.folder], paper_protocol=True)[0]
        self.assertEqual([m.name for m in joined.maps], ["exact", "exact", "baseline: gradcam"])
        chosen = read_cases([self.folder], variants=["baseline"], explainers=["gradcam"])
        self.assertEqual([m.explainer for case in chosen for m in case.maps], ["gradcam"] * 2)
        for name in ("case_0008", "b"):
            (case,) = read_cases([self.folder], cases=[name])
            self.assertEqual(case.name, "case_0008")

    def test_a_file_stands_for_its_folder(self):
        self._case("one")
        path = write_csv(self.folder / "one", [])
        self.assertEqual(len(read_cases([path])), 1)

    @parameterized.expand(
        [
            ({"seed": 3}, r"^seed: expected one of \[0\], got 3$"),
            ({"variants": ["dual"]}, r"^variants: expected one of \['exact'\], got 'dual'$"),
            ({"explainers": ["lime"]}, r"^explainers: expected one of \['attention'\], got 'lime'$"),
            (
                {"cases": ["case_9"]},
                r"^cases: expected identifiers of images or some of \['case_0001'\], got 'case_9'$",
            ),
        ]
    )
    def test_refuses_names(self, arguments, message):
        self._case("one")
        with self.assertRaisesRegex(ValueError, message):
            read_cases([self.folder], **arguments)

    def test_refuses_folders(self):
        with self.assertRaisesRegex(ValueError, "^runs: expected case.json in the folder .*, found none$"):
            read_cases([self.folder])
        self._case("one", {})
        with self.assertRaisesRegex(
            ValueError, "^maps: expected <explainer>_<level>.nii.gz next to case.json, found none$"
        ):
            read_cases([self.folder])
        folder = self._case("one")
        (folder / "image.nii.gz").unlink()
        with self.assertRaisesRegex(ValueError, "expected image.nii.gz next to case.json, found none$"):
            read_cases([self.folder])
        missing = r"missing \['image', 'seed', 'variant'\]$"
        for text, message in (("{", "expected JSON in UTF-8$"), ("{}", missing), ("[]", missing), ("3", missing)):
            (folder / "case.json").write_text(text)
            with self.assertRaisesRegex(ValueError, "case.json: .*" + message):
                read_cases([self.folder])

    @parameterized.expand(
        [
            ({"image": 7}, "image: expected a string, got int$"),
            ({"image": ["a"]}, "image: expected a string, got list$"),
            ({"variant": None}, "variant: expected a string, got NoneType$"),
            ({"seed": "0"}, "seed: expected a whole number, got str$"),
            ({"seed": True}, "seed: expected a whole number, got bool$"),
            ({"label": "severe"}, "label: expected a whole number, got str$"),
            ({"predicted": 1.0}, "predicted: expected a whole number, got float$"),
            ({"class_names": "normal"}, "class_names: expected a list of strings, got str$"),
            ({"class_names": [0, 1]}, "class_names: expected a list of strings, got list$"),
        ]
    )
    def test_refuses_entries(self, info, message):
        self._case("one", **info)
        with self.assertRaisesRegex(ValueError, "case.json: " + message) as caught:
            read_cases([self.folder])
        self.assertEqual(len(str(caught.exception).splitlines()), 1)

    def test_entries_that_may_be_missing(self):
        folder = self._case("one")
        (folder / "case.json").write_text('{"image": "a", "variant": "exact", "seed": 0, "label": null}')
        (case,) = read_cases([self.folder])
        self.assertEqual((case.label, case.class_names, case.maps[0].predicted), (None, [], None))

    def test_refuses_contradictions(self):
        self._case("one")
        self._case("two")
        with self.assertRaisesRegex(
            ValueError, "expected one such map of an image, variant and seed, there is another$"
        ):
            read_cases([self.folder])
        self._case("two", variant="dual", label=1)
        with self.assertRaisesRegex(ValueError, "expected label 0 as in other runs of this image, got 1$"):
            read_cases([self.folder])


class TestPlane(_WithFolder):
    def _plane(self, **arguments):
        self._case("one", **arguments)
        (case,) = read_cases([self.folder])
        return read_plane(case, {m.level: m for m in case.maps})

    def test_two_axes(self):
        picture = np.random.default_rng(0).random((8, 6))
        mask = np.zeros((8, 6))
        mask[2:4, 1:3] = 1
        maps = {"attention_fine": np.array([[1.0, 3.0]])}
        plane = self._plane(picture=picture, mask=mask, maps=maps, spacing=(3.0, 1.5, 1.0))
        np.testing.assert_allclose(plane.image, picture, atol=1e-7)  # stored in 32 bits
        np.testing.assert_array_equal(plane.mask, mask > 0)
        np.testing.assert_allclose(plane.maps["fine"], [[0.5, 1.5]])
        self.assertEqual(plane.size, (24, 9))

    def test_a_third_axis_of_one(self):
        plane = self._plane(picture=np.zeros((8, 6, 1)), maps={"attention_fine": np.ones((4, 3, 1))})
        self.assertEqual([plane.image.shape, plane.maps["fine"].shape], [(8, 6), (4, 3)])

    def test_three_axes_slice_with_most_of_the_mask(self):
        picture = np.broadcast_to(np.arange(8) / 10, (4, 4, 8))
        mask = np.zeros((4, 4, 8))
        mask[:2, :2, 5:7] = 1
        mask[0, :3, 6] = 1
        plane = self._plane(
            picture=picture, mask=mask, maps={"attention_fine": np.broadcast_to([1.0, 0, 0, 3], (2, 2, 4))}
        )
        np.testing.assert_allclose(plane.image, np.full((4, 4), 0.6), atol=1e-7)
        self.assertEqual(plane.mask.sum(), 5)
        np.testing.assert_allclose(plane.maps["fine"], 3.0)  # relative to the mean of the whole map, which is 1

    def test_three_axes_without_a_mask(self):
        picture = np.broadcast_to(np.arange(5) / 10, (4, 4, 5))
        for mask in (None, np.zeros((4, 4, 5))):
            plane = self._plane(picture=picture, mask=mask, maps={"attention_fine": np.ones((2, 2, 2))})
            np.testing.assert_allclose(plane.image, np.full((4, 4), 0.2), atol=1e-7)
            self.assertIsNone(plane.mask)

    def test_relative_map(self):
        np.testing.assert_array_equal(relative_map(np.array([[1.0, 3.0]])), [[0.5, 1.5]])
        np.testing.assert_array_equal(relative_map(np.zeros((2, 2))), np.zeros((2, 2)))

    @parameterized.expand(
        [
            (np.array([[-1.0, 1.0]]), "expected finite, non-negative values$"),
            (np.array([[np.nan, 1.0]]), "expected finite, non-negative values$"),
            (np.ones((2, 2, 2)), "expected 2 axes as the image has, got 3$"),
            (np.ones((2, 2, 2, 2)), r"two or three axes, got the shape \(2, 2, 2, 2\)$"),
        ]
    )
    def test_refuses_maps(self, values, message):
        folder = self._case("one")
        write_nifti(folder / "attention_fine.nii.gz", values)
        (case,) = read_cases([self.folder])
        with self.assertRaisesRegex(ValueError, "attention_fine.nii.gz: .*" + message):
            read_plane(case, {m.level: m for m in case.maps})

    @parameterized.expand([(0.0,), (float("nan"),)])
    def test_refuses_pixels_without_a_size(self, size):
        folder = self._case("one")
        (case,) = read_cases([self.folder])
        header = bytearray(gzip.decompress(case.image.read_bytes()))
        struct.pack_into("<hh", header, 252, 0, 1)  # the affine is that of srow_x, srow_y, srow_z
        struct.pack_into("<12f", header, 280, *(12 * [size]))
        (folder / "image.nii.gz").write_bytes(gzip.compress(bytes(header)))
        with self.assertRaisesRegex(ValueError, "image.nii.gz: expected pixels of positive size, got .* mm$"):
            read_plane(case, {m.level: m for m in case.maps})

    def test_refuses_what_is_no_nifti(self):
        folder = self._case("one")
        whole = (folder / "attention_fine.nii.gz").read_bytes()
        (case,) = read_cases([self.folder])
        corrupt = whole[:10] + bytes(byte ^ 255 for byte in whole[10:])  # zlib finds no block that it knows
        header = bytearray(gzip.decompress(whole))
        header[70:72] = b"\xff\x7f"  # a type of numbers that NIfTI does not have
        for content in (b"", b"not an image", whole[: len(whole) // 2], corrupt, gzip.compress(bytes(header))):
            (folder / "attention_fine.nii.gz").write_bytes(content)
            with self.assertRaisesRegex(ValueError, "attention_fine.nii.gz: expected a NIfTI file, it cannot be read$"):
                read_plane(case, {m.level: m for m in case.maps})


if __name__ == "__main__":
    unittest.main()
