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
"""Tests of the FDG data lists: patient-disjoint, stratified, reproducible, and clear about bad tables."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import tempfile
import unittest
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.__main__ import main
from monai_dd.data.datalists import build_fdg_datalist, find_series
from monai_dd.data.datalists.fdg import CLASSES

DICOM = b"\0" * 128 + b"DICM"


class InFolder(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)

    def write(self, rows, columns=("patient_id", "series", "label"), folders=True) -> Path:
        """A table of rows and, where wanted, the folders it names."""
        with open(self.root / "labels.csv", "w", newline="") as file:
            csv.writer(file).writerows([columns, *rows])
        if folders:
            for row in rows:
                (self.root / row[1]).mkdir(exist_ok=True)
        return self.root / "labels.csv"

    def studies(self, *labels_of_patients) -> Path:
        """One row for each label; a patient has the labels of one argument."""
        patients = enumerate(labels_of_patients)
        rows = [(f"Doe{p}", label) for p, labels in patients for label in labels]
        return self.write([(p, f"s{i:03d}", label) for i, (p, label) in enumerate(rows)])


def _patients(table: Path, section: list[dict]) -> set[str]:
    with open(table, newline="") as file:
        patient = {row["series"]: row["patient_id"] for row in csv.DictReader(file)}
    return {patient[item["image"]] for item in section}


class TestSplit(InFolder):
    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=3), min_size=6, max_size=30),
        st.sampled_from([0.2, 0.25, 0.34, 0.5]),
        st.integers(0, 1000),
    )
    def test_no_patient_in_both(self, patients, val_fraction, seed):
        # every class has two patients of its own, so that a split exists
        table = self.studies(*patients, *([c] for c in CLASSES), *([c] for c in CLASSES))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            datalist = build_fdg_datalist(self.root, table, val_fraction, seed)
        training, validation = datalist["training"], datalist["validation"]
        self.assertEqual(_patients(table, training) & _patients(table, validation), set())
        images = [item["image"] for item in training + validation]
        self.assertEqual(len(images), len(set(images)))
        self.assertEqual(len(images), sum(map(len, patients)) + 6)
        for section in (training, validation):
            self.assertEqual({item["label"] for item in section}, {0, 1, 2})

    def test_stratified_and_of_the_asked_size(self):
        table = self.studies(*([label] for label in ["normal"] * 50 + ["mild"] * 30 + ["severe"] * 20))
        datalist = build_fdg_datalist(self.root, table)
        # one patient a study: five equal folds
        self.assertEqual(Counter(i["label"] for i in datalist["validation"]), {0: 10, 1: 6, 2: 4})
        self.assertEqual(Counter(i["label"] for i in datalist["training"]), {0: 40, 1: 24, 2: 16})

    def test_few_studies_have_fewer_folds(self):
        table = self.studies(*([label] for label in CLASSES * 4))  # four of each: no five folds
        datalist = build_fdg_datalist(self.root, table, val_fraction=0.2)
        self.assertEqual(Counter(i["label"] for i in datalist["validation"]), {0: 1, 1: 1, 2: 1})

    def test_scarce_class_is_in_both(self):
        table = self.studies(*([label] for label in ["normal"] * 40 + ["mild"] * 40 + ["severe"] * 2))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            datalist = build_fdg_datalist(self.root, table)
        self.assertEqual(Counter(i["label"] for i in datalist["validation"])[2], 1)

    def test_seed(self):
        table = self.studies(*([label] for label in CLASSES * 10))
        lists = [build_fdg_datalist(self.root, table, seed=seed) for seed in (3, 3, 4)]
        self.assertEqual(lists[0], lists[1])
        self.assertNotEqual(lists[0]["validation"], lists[2]["validation"])

    def test_leaves_the_global_random_state_alone(self):
        table = self.studies(*([label] for label in CLASSES * 4))
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        build_fdg_datalist(self.root, table)
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002

    def test_patients_stay_out(self):
        table = self.studies(*([label] for label in CLASSES * 4))
        self.assertNotIn("Doe", json.dumps(build_fdg_datalist(self.root, table)))

    def test_studies_of_a_patient_have_one_number(self):
        table = self.studies(*([label, label] for label in CLASSES * 2))
        datalist = build_fdg_datalist(self.root, table, val_fraction=0.5)
        groups = {i["image"]: i["group"] for i in datalist["training"] + datalist["validation"]}
        self.assertEqual(groups, {f"s{i:03d}": str(i // 2) for i in range(12)})

    def test_labels_as_words_and_numbers(self):
        table = self.studies(["Normal"], [" mild "], ["SEVERE"], ["0"], ["1"], ["2"])
        datalist = build_fdg_datalist(self.root, table, val_fraction=0.5)
        items = {i["image"]: i["label"] for i in datalist["training"] + datalist["validation"]}
        self.assertEqual([items[f"s{i:03d}"] for i in range(6)], [0, 1, 2, 0, 1, 2])
        self.assertEqual(datalist["labels"], {"0": "normal", "1": "mild", "2": "severe"})

    def test_masks(self):
        (self.root / "m.nii.gz").touch()
        rows = [(f"p{i}", f"s{i}", CLASSES[i % 3], "m.nii.gz" if i % 2 else "") for i in range(12)]
        table = self.write(rows, ("patient_id", "series", "label", "mask"))
        datalist = build_fdg_datalist(self.root, table, val_fraction=0.25)
        masks = {i["image"]: i.get("mask") for i in datalist["training"] + datalist["validation"]}
        self.assertEqual(masks, {f"s{i}": "m.nii.gz" if i % 2 else None for i in range(12)})

    def test_byte_order_mark_of_spreadsheets(self):
        table = self.studies(*([label] for label in CLASSES * 4))
        table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
        self.assertEqual(len(build_fdg_datalist(self.root, table)["training"]), 9)


class TestFindSeries(InFolder):
    def _touch(self, name: str, content: bytes = b"") -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def test_finds_folders_that_hold_dicom(self):
        self._touch("p1/study-1/0001.dcm")
        self._touch("p2/IM0001", DICOM)
        self._touch("p3/1.2.840.10008.1", DICOM)  # named by a UID, the end of which looks like a suffix
        self._touch("p4/slice.IMA")
        for other in ("labels.csv", "masks/m.nii.gz", "p5/README", "p5/.DS_Store", "p1/._0001.dcm", "p1/.a.dcm"):
            self._touch(other, b"text")
        self._touch("DICOMDIR", DICOM)
        got = [Path(item["image"]).relative_to(self.root).as_posix() for item in find_series(self.root)]
        self.assertEqual(got, ["p1/study-1", "p2", "p3", "p4"])

    def test_the_folder_itself(self):
        self._touch("1.dcm")
        self.assertEqual(find_series(self.root), [{"image": str(self.root)}])

    def test_nothing_there(self):
        with self.assertRaisesRegex(ValueError, "found no DICOM files"):
            find_series(self.root)
        self._touch("notes.txt", b"text")
        with self.assertRaisesRegex(ValueError, "found no DICOM files"):
            find_series(self.root)
        with self.assertRaisesRegex(ValueError, "'gone' is not there"):
            find_series(self.root / "gone")


class TestCommand(InFolder):
    def _main(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(["datalist", "fdg", "--dataset_dir", str(self.root), *arguments])
        return status, out.getvalue(), err.getvalue()

    def test_writes(self):
        self.studies(*([label] for label in CLASSES * 5))
        status, out, err = self._main()
        self.assertEqual((status, err), (0, ""))
        self.assertIn("training: 12 studies, 4 normal, 4 mild, 4 severe", out)
        datalist = json.loads((self.root / "datalist.json").read_text())
        self.assertEqual(len(datalist["validation"]), 3)

    @parameterized.expand(
        [
            ("no table", None, None, r"labels: expected a CSV file, labels.csv is not there"),
            ("no column", ("patient_id", "series"), [("a", "s")], "expected the columns .*, missing label"),
            ("label", None, [("a", "s0", "mild"), ("b", "s1", "bad")], r"line 3: label: expected one .*, got 'bad'"),
            ("label number", None, [("a", "s0", "3")], "line 2: label: expected"),
            ("no label", None, [("a", "s0", "")], "line 2: label: expected"),
            ("no patient", None, [(" ", "s0", "mild")], "line 2: patient_id: expected a value, got none"),
            ("no series", None, [("a", "", "mild")], "line 2: series: expected a value, got none"),
            ("short row", ("label", "patient_id", "series"), [("mild", "Doe")], "line 2: series: expected a value"),
            ("twice", None, [("a", "s0", "mild"), ("b", "s0/", "mild")], r"lines 2, 3: series is listed more than"),
            ("empty", None, [], r"two or more patients of each class .* normal \(0\), mild \(0\), severe \(0\)"),
            ("one class", None, [(f"p{i}", f"s{i}", "mild") for i in range(9)], r"got normal \(0\), severe \(0\)"),
            (
                "one patient",
                None,
                [("Doe", f"s{i}", CLASSES[i % 3]) for i in range(12)],
                r"two or more patients of each class for a split, got normal \(1\)",
            ),
        ]
    )
    def test_refuses(self, _name, columns, rows, message):
        if rows is not None:
            self.write(rows, columns or ("patient_id", "series", "label"), folders=len(rows[0:1] and rows[0]) == 3)
        self._refused(message)

    def _refused(self, message: str, *arguments: str) -> None:
        status, out, err = self._main(*arguments)
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(len(err.splitlines()), 1)
        self.assertRegex(err, rf"^error: .*{message}")
        self.assertNotIn("Doe", err)
        self.assertFalse((self.root / "datalist.json").exists())

    def test_refuses_absent_folders_by_line_not_by_name(self):
        rows = [(f"Doe{i}", f"Doe{i}/study", CLASSES[i % 3]) for i in range(12)]
        self.write(rows, folders=False)
        (self.root / "Doe0" / "study").mkdir(parents=True)
        self._refused(r"lines 3, 4, 5, 6, 7, \.\.\.: series folder is not in the data set \(11 in all\)")

    def test_refuses_absent_masks(self):
        rows = [(f"p{i}", f"s{i}", CLASSES[i % 3], "gone.nii") for i in range(2)]
        self.write(rows, ("patient_id", "series", "label", "mask"))
        self._refused("lines 2, 3: mask is not in the data set")

    def test_refuses_a_split_that_cannot_be(self):
        # all severe studies are of two patients who have all normal studies too: where one goes, both go
        self.studies(["normal", "severe"] * 2, ["normal", "severe"], *([["mild"]] * 1), ["mild"])
        datalist = build_fdg_datalist(self.root, self.root / "labels.csv", 0.5)
        self.assertEqual({i["label"] for i in datalist["validation"]}, {0, 1, 2})
        self.studies(["normal", "mild"], ["mild", "severe"], ["severe", "normal"])
        self._refused("labels: expected a split into 2 folds with every class in both parts", "--val_fraction", "0.5")

    @parameterized.expand(["0", "-0.1", "0.6", "nan"])
    def test_refuses_the_fraction(self, value):
        self.studies(*([label] for label in CLASSES * 5))
        self._refused("val_fraction: expected a number above 0", f"--val_fraction={value}")

    def test_refuses_an_output_it_cannot_write(self):
        self.studies(*([label] for label in CLASSES * 5))
        self._refused(
            "output: expected an existing folder, '.*gone' is not there",
            "--output",
            str(self.root / "gone" / "list.json"),
        )
