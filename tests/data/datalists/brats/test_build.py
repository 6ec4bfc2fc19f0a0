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
"""Tests of the data lists of BraTS: patient-disjoint, reproducible, complete, and clear about bad data."""

from __future__ import annotations

import contextlib
import io
import json
import os
import unittest
from pathlib import Path

import numpy as np
import pytest
from parameterized import parameterized

from monai_dd.__main__ import main
from monai_dd.data.datalists import build_brats_datalist, find_brats_halves, load_datalist
from monai_dd.transforms.axial import LoadAxialSlice
from tests.data.datalists.brats.small import AREA, NEW, SHAPE, InFolder, brain, save, tumor, write_msd, write_study

REAL = os.environ.get("MONAI_DD_REAL_DATA", "")
CASES = "BraTS2021_{:05d}"


class InDataSet(InFolder):
    """Ten patients; the tumor is left in the picture of the even and right in that of the odd ones."""

    count = 10

    def setUp(self):
        super().setUp()
        self.folders = [
            write_study(self.root / CASES.format(i), mask=tumor(bool(i % 2)), end=".nii.gz") for i in range(self.count)
        ]

    def build(self, **kwargs) -> dict:
        return build_brats_datalist(self.root, **{"min_area": AREA, "progress": False, **kwargs})


class TestBuild(InDataSet):
    def test_sections(self):
        datalist = self.build()
        patients = [{item["mask"].split("/")[0] for item in datalist[s]} for s in ("training", "validation")]
        self.assertEqual([len(names) for names in patients], [8, 2])
        self.assertEqual(patients[0] & patients[1], set())
        counts = {"patients": 2, "slices": 4, "hemispheres": 8, "no tumor": 4, "tumor": 4}
        self.assertEqual(datalist["counts"]["validation"], counts)
        self.assertEqual(len(datalist["training"]), 32)
        self.assertEqual(datalist["labels"], {"0": "no tumor", "1": "tumor"})
        self.assertEqual((datalist["layout"], datalist["skipped"]), (["BraTS 2021"], 0))
        self.assertEqual(datalist["channels"], {"T1": ["t1"], "T1ce": ["t1ce"], "T2": ["t2"], "FLAIR": ["flair"]})

    def test_items(self):
        datalist = self.build()
        name = CASES.format(0)
        items = [i for i in datalist["training"] + datalist["validation"] if i["mask"].startswith(name)]
        image = [f"{name}/{name}_{channel}.nii.gz" for channel in ("t1", "t1ce", "t2", "flair")]
        expected = {"image": image, "mask": f"{name}/{name}_seg.nii.gz", "slice": 2, "group": name}
        left = expected | {"side": "image_left", "window": [0, 9], "label": 1}
        self.assertEqual(items[:2], [left, expected | {"side": "image_right", "window": [9, 24], "label": 0}])

    def test_is_json_that_loads_again(self):
        path = self.root / "list.json"
        datalist = self.build()
        path.write_text(json.dumps(datalist))
        self.assertEqual(json.loads(path.read_text()), datalist)
        item = load_datalist(path, "training", self.root)[0]
        image = LoadAxialSlice()(item["image"], item["slice"])
        mask = LoadAxialSlice()(item["mask"], item["slice"])[0]
        self.assertEqual(image.shape, (4, 20, 24))
        area = int((mask[:, slice(*item["window"])] > 0).sum())
        self.assertEqual(area, AREA if item["label"] else 0)

    def test_seed(self):
        lists = [self.build(seed=seed) for seed in (3, 3, 4)]
        self.assertEqual(lists[0], lists[1])
        self.assertNotEqual(lists[0]["validation"], lists[2]["validation"])

    def test_cut_leaks_and_matched_does_not(self):
        # boundary: every half with tumor has five columns of brain, every other eleven
        self.assertEqual(self.build()["leak"], {"training": {"width_auc": 1.0}, "validation": {"width_auc": 1.0}})
        self.assertEqual(self.build(mode="matched")["leak"]["training"], {"width_auc": 0.5})

    def test_time_points_stay_together(self):
        root = self.root / "2023"
        for patient in range(5):
            for time in range(3):
                write_study(root / f"BraTS-GLI-{patient:05d}-{time:03d}", NEW)
        for seed in range(5):
            datalist = build_brats_datalist(root, min_area=AREA, seed=seed, progress=False)
            patients = [{item["mask"][:15] for item in datalist[s]} for s in ("training", "validation")]
            self.assertEqual(patients[0] & patients[1], set())
            self.assertEqual([len(names) for names in patients], [4, 1])
            self.assertEqual(datalist["counts"]["training"]["patients"], 4)

    def test_task01(self):
        root = self.root / "Task01_BrainTumour"
        write_msd(root, 2)
        datalist = build_brats_datalist(root, min_area=AREA, val_fraction=0.5, progress=False)
        item = datalist["training"][0]
        name = item["mask"].split("/")[-1]
        self.assertEqual(item["image"], [f"imagesTr/{name}#{k}" for k in (1, 2, 3, 0)])
        self.assertEqual(datalist["channels"]["T1ce"], ["t1gd"])

    def test_healthy_patient(self):
        save(self.folders[0] / f"{self.folders[0].name}_seg.nii.gz", np.zeros(SHAPE, np.uint8))
        counts = self.build()["counts"]
        self.assertEqual(counts["training"]["patients"] + counts["validation"]["patients"], 9)
        counts = self.build(mode="midline")["counts"]
        self.assertEqual(counts["training"]["patients"] + counts["validation"]["patients"], 10)

    def test_oddly_named_mask_is_said(self):
        folder = self.folders[3]
        (folder / f"{folder.name}_seg.nii.gz").rename(folder / "W39_1998.09.19_Segm.nii.gz")
        with pytest.warns(UserWarning, match=f"{folder.name}: .* W39_1998.09.19_Segm.nii.gz is taken for it"):
            datalist = self.build()
        self.assertEqual(len(datalist["training"]) + len(datalist["validation"]), 40)

    @pytest.mark.slow
    def test_processes(self):
        self.assertEqual(self.build(num_workers=1), self.build())

    def test_leaves_the_global_random_state_alone(self):
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        self.build()
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


class TestRefuses(InDataSet):
    count = 4

    def break_three(self) -> None:
        """A missing channel, a mask of another shape, a truncated file."""
        names = [folder.name for folder in self.folders]
        (self.folders[0] / f"{names[0]}_t1ce.nii.gz").unlink()
        save(self.folders[1] / f"{names[1]}_seg.nii.gz", tumor()[:-1])
        rng = np.random.default_rng(0)
        path = self.folders[2] / f"{names[2]}_t2.nii.gz"
        save(path, rng.random(SHAPE).astype(np.float32))
        path.write_bytes(path.read_bytes()[:1000])

    def test_all_broken_are_named_in_one_line(self):
        self.break_three()
        with self.assertRaises(ValueError) as caught:
            self.build()
        message = str(caught.exception)
        self.assertEqual(
            message,
            "dataset_dir: expected studies that can be read, got 3 broken ones of 4 (skip_broken leaves them out): "
            "BraTS2021_00000: T1ce missing; BraTS2021_00001: mask: expected the shape (24, 20, 6) of T1, got "
            "(23, 20, 6); BraTS2021_00002: T2: expected a NIfTI file, got a truncated or another one",
        )

    def test_skip_broken(self):
        self.break_three()
        write_study(self.root / CASES.format(9))
        with pytest.warns(UserWarning, match="skipped: BraTS2021_00002: T2: expected a NIfTI file, got a truncated"):
            datalist = self.build(skip_broken=True)
        self.assertEqual(datalist["skipped"], 3)
        self.assertEqual([datalist["counts"][s]["patients"] for s in ("training", "validation")], [1, 1])

    def test_nan(self):
        volume = brain()
        volume[5, 5, 3] = np.nan
        save(self.folders[1] / f"{self.folders[1].name}_flair.nii.gz", volume)
        with self.assertRaisesRegex(
            ValueError, "1 broken ones of 4 .*: BraTS2021_00001: FLAIR: .* got NaN or infinite voxels"
        ):
            self.build()

    @parameterized.expand(
        [
            ("mode", {"mode": "other"}, "mode: expected one of .*, got 'other'"),
            ("area", {"min_area": 0}, "min_area: expected 1 or more, got 0"),
            ("step", {"slice_step": 0}, "slice_step: expected 1 or more, got 0"),
            ("fraction", {"val_fraction": 1.0}, "val_fraction: expected a number between 0 and 1, got 1.0"),
            ("no number", {"val_fraction": float("nan")}, "val_fraction: expected a number between 0 and 1, got nan"),
            ("all in validation", {"val_fraction": 0.9}, "with the shares 0.1, 0.9, got 4: a split would be empty"),
            (
                "large area",
                {"min_area": AREA + 1},
                "expected slices with 21 pixels of tumor or more, got none in 4 studies",
            ),
        ]
    )
    def test_arguments(self, _name, arguments, message):
        with self.assertRaisesRegex(ValueError, message):
            self.build(**arguments)

    def test_split_without_one_class(self):
        """In mode midline a split of healthy patients has no hemisphere with tumor."""
        for folder in self.folders[1:]:
            save(folder / f"{folder.name}_seg.nii.gz", np.zeros(SHAPE, np.uint8))
        with self.assertRaisesRegex(
            ValueError, r"^(training|validation): .* got none of 'tumor' among \d+ hemispheres;"
        ):
            self.build(mode="midline", val_fraction=0.25)

    def test_empty_folder(self):
        (self.root / "empty").mkdir()
        with self.assertRaisesRegex(ValueError, "below 'empty', found none"):
            build_brats_datalist(self.root / "empty")


class TestFind(InDataSet):
    count = 2

    def test_slices_with_brain_twice(self):
        for folder in self.folders:  # no masks are needed, and broken ones are no matter
            (folder / f"{folder.name}_seg.nii.gz").unlink()
        items = find_brats_halves(self.root)
        self.assertEqual(len(items), 2 * 4 * 2)
        name = CASES.format(0)
        image = [str(self.root / name / f"{name}_{channel}.nii.gz") for channel in ("t1", "t1ce", "t2", "flair")]
        self.assertEqual(items[0], {"image": image, "slice": 1, "side": "image_left"})
        self.assertEqual(items[1], {"image": image, "slice": 1, "side": "image_right"})

    def test_refuses(self):
        with self.assertRaisesRegex(ValueError, "expected slices with 90% brain or more, got none in 2 studies"):
            find_brats_halves(self.root, min_brain_fraction=0.9)
        (self.folders[0] / f"{self.folders[0].name}_t2.nii.gz").unlink()
        with self.assertRaisesRegex(ValueError, "1 broken ones of 2 .*BraTS2021_00000: T2 missing"):
            find_brats_halves(self.root)
        with pytest.warns(UserWarning):
            self.assertEqual(len(find_brats_halves(self.root, skip_broken=True)), 8)


class TestCommand(InDataSet):
    count = 4

    def command(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(["datalist", "brats", "--dataset_dir", str(self.root), "--quiet", *arguments])
        return status, out.getvalue(), err.getvalue()

    def test_writes(self):
        status, out, err = self.command("--min_area", str(AREA))
        self.assertEqual((status, err), (0, ""))
        self.assertIn("layout: BraTS 2021\nchannels: T1 from t1, T1ce from t1ce, T2 from t2, FLAIR from flair\n", out)
        self.assertIn("training: 3 patients, 6 slices, 12 hemispheres, 6 no tumor, 6 tumor; width AUC 1.000\n", out)
        self.assertIn("width AUC: how well the brain's width in a hemisphere alone tells its label", out)
        self.assertEqual(len(json.loads((self.root / "datalist.json").read_text())["validation"]), 4)

    def test_skips_with_a_line_each(self):
        (self.folders[0] / f"{self.folders[0].name}_t2.nii.gz").unlink()
        status, _, err = self.command("--min_area", str(AREA), "--skip_broken")
        self.assertEqual((status, err), (0, "warning: skipped: BraTS2021_00000: T2 missing\n"))

    def test_refuses(self):
        status, out, err = self.command()
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(
            err, "error: dataset_dir: expected slices with 1000 pixels of tumor or more, got none in 4 studies\n"
        )
        self.assertFalse((self.root / "datalist.json").exists())

    def test_help(self):
        with self.assertRaises(SystemExit) as caught, contextlib.redirect_stdout(io.StringIO()) as out:
            main(["datalist", "brats", "--help"])
        self.assertEqual(caught.exception.code, 0)
        self.assertIn(
            "least tumor of a positive hemisphere, in pixels (default: 1000)", " ".join(out.getvalue().split())
        )


@unittest.skipUnless(REAL, "needs real data: MONAI_DD_REAL_DATA names no folder")
class TestReal(unittest.TestCase):
    """One real patient: enough for inference, too few for a split."""

    def setUp(self):
        self.root = Path(REAL) / "brain_4mod"
        if not self.root.is_dir():
            self.skipTest("MONAI_DD_REAL_DATA has no brain_4mod")

    def test_finds(self):
        items = find_brats_halves(self.root)
        self.assertEqual(len(items), 2 * len({item["slice"] for item in items}))
        self.assertTrue(all(Path(file).is_file() for file in items[0]["image"]))

    def test_one_patient_cannot_be_split(self):
        with self.assertRaisesRegex(ValueError, "expected enough patients or groups for 2 splits .*, got 1: a split"):
            build_brats_datalist(self.root, min_area=500, progress=False)
