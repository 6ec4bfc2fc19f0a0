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
from __future__ import annotations

import contextlib
import csv
import io
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
from parameterized import parameterized
from pydicom import dcmread

from monai_dd.__main__ import main
from monai_dd.data.phantoms import create_pet_phantom, write_pet_phantom_studies
from monai_dd.data.phantoms.pet.dataset import plan_studies


class TestPlan(unittest.TestCase):
    def test_balanced_and_with_second_studies(self):
        plans = list(plan_studies(60))
        self.assertEqual(Counter(p.label for p in plans), {"normal": 20, "mild": 20, "severe": 20})
        studies = Counter(p.patient_id for p in plans)
        self.assertGreaterEqual(sum(count == 2 for count in studies.values()), 2)
        self.assertEqual(len({p.series for p in plans}), 60)

    def test_more_studies_begin_with_the_same(self):
        self.assertEqual(list(plan_studies(40))[:17], list(plan_studies(17)))

    def test_fractions(self):
        counts = Counter(p.label for p in plan_studies(100, label_fractions=(0.77, 0.2, 0.03)))
        self.assertEqual(counts, {"normal": 77, "mild": 20, "severe": 3})

    @parameterized.expand(
        [
            ({"num_studies": 0}, "num_studies"),
            ({"seed": -1}, "seed"),
            ({"label_fractions": (0, 0, 0)}, "label_fractions"),
            ({"label_fractions": (1, 1)}, "label_fractions"),
        ]
    )
    def test_refuses(self, change, named):
        with self.assertRaisesRegex(ValueError, named):
            list(plan_studies(**({"num_studies": 3} | change)))


class TestWriteStudies(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name) / "phantoms"

    def write(self, num_studies, **kwargs):
        return write_pet_phantom_studies(self.root, num_studies, progress=False, voxel_size=16.0, **kwargs)

    def test_table_series_and_masks(self):
        table = self.write(6)
        with table.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(rows[0]), ["patient_id", "series", "label", "mask"])
        self.assertEqual(len(rows), 6)
        self.assertEqual(rows[4]["patient_id"], rows[5]["patient_id"])
        for row, plan in zip(rows, plan_studies(6, voxel_size=16.0)):
            phantom = create_pet_phantom(row["label"], plan.seed, 16.0, study=plan.study)
            files = sorted((self.root / row["series"]).iterdir())
            self.assertEqual(len(files), phantom.suv.shape[2])
            self.assertEqual(dcmread(files[0]).PatientID, row["patient_id"])
            mask = nib.load(self.root / row["mask"])
            np.testing.assert_array_equal(np.asarray(mask.dataobj).astype(bool), phantom.mask)
            np.testing.assert_allclose(mask.affine, phantom.affine, atol=1e-4)
        self.assertEqual(len({dcmread(self.root / r["series"] / "IM0001.dcm").StudyInstanceUID for r in rows}), 6)

    def test_continues(self):
        self.write(2)
        kept = self.root / "PHANTOM-0001" / "study-1" / "IM0001.dcm"
        before = kept.stat().st_mtime_ns
        self.write(3)
        self.assertEqual(kept.stat().st_mtime_ns, before)
        self.assertTrue((self.root / "PHANTOM-0003" / "study-1").is_dir())

    def test_refuses_other_studies_and_damaged_ones(self):
        self.write(1)
        with self.assertRaisesRegex(FileExistsError, "output_dir"):
            self.write(1, seed=5)
        (self.root / "PHANTOM-0001" / "study-1" / "IM0004.dcm").unlink()
        with self.assertRaisesRegex(FileExistsError, "incomplete"):
            self.write(1)

    def test_processes_write_the_same(self):
        self.write(2, num_workers=2)
        parallel = (self.root / "PHANTOM-0002" / "study-1" / "IM0020.dcm").read_bytes()
        self.root = self.root.parent / "serial"
        self.write(2)
        self.assertEqual((self.root / "PHANTOM-0002" / "study-1" / "IM0020.dcm").read_bytes(), parallel)


class TestCommandLine(unittest.TestCase):
    def test_writes(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as out:
            with contextlib.redirect_stderr(io.StringIO()):
                status = main(["phantoms", "pet", "--output_dir", folder, "--num_studies", "1", "--voxel_size", "20"])
            self.assertEqual(status, 0)
            self.assertTrue(Path(out.getvalue().strip()).is_file())

    def test_one_line_for_bad_input(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertEqual(main(["phantoms", "pet", "--output_dir", folder, "--num_studies", "0"]), 2)
        self.assertEqual(len(err.getvalue().strip().splitlines()), 1)
        self.assertIn("num_studies", err.getvalue())


if __name__ == "__main__":
    unittest.main()
