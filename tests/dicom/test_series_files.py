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
"""Which folders are one classic PET series, and what is said of the others."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from parameterized import parameterized
from pydicom.uid import (
    CTImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from monai_dd.dicom import errors, load_pet_series
from monai_dd.dicom.series_files import is_dicom_file
from tests.dicom.builders import build_pet_series, save_series, write_pet_folder


def all_slices(**values):
    def change(ds, index):
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return change


class FolderTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name) / "series"

    def refuse(self, error, pattern, folder=None):
        with self.assertRaisesRegex(error, pattern) as caught:
            load_pet_series(self.folder if folder is None else folder)
        self.assertIs(type(caught.exception), error)
        message = str(caught.exception)
        for secret in ("\n", "Secret", "SECRET", "2025", "1.2.826.0.1.3680043", str(self.folder.parent)):
            self.assertNotIn(secret, message)


class TestIsDicomFile(FolderTest):
    @parameterized.expand(
        [
            ("IM0001", b"\0" * 128 + b"DICM", True),
            ("1.2.840.10008.1", b"\0" * 128 + b"DICM", True),
            ("before_the_format", b"\x08\x00\x05\x00CS\x0a\x00", True),
            ("DICOMDIR", b"\0" * 128 + b"DICM", False),
            ("broken.dcm", b"text", False),
            ("empty.dcm", b"", False),
        ]
    )
    def test_by_its_first_bytes(self, name, content, expected):
        self.folder.mkdir()
        (self.folder / name).write_bytes(content)
        self.assertIs(is_dicom_file(self.folder / name), expected)


class TestFiles(FolderTest):
    def test_path_missing(self):
        self.refuse(errors.PathMissingError, "missing path 'series'")

    def test_a_file(self):
        write_pet_folder(self.folder)
        self.refuse(errors.NotAFolderError, "file 'slice_000.dcm'", self.folder / "slice_000.dcm")

    def test_empty_folder(self):
        self.folder.mkdir()
        self.refuse(errors.EmptyFolderError, "got an empty folder")

    def test_sub_folders_only(self):
        write_pet_folder(self.folder / "deeper")
        self.refuse(errors.EmptyFolderError, "1 sub-folders and no file")

    def test_text_files(self):
        self.folder.mkdir()
        for name in ("a.txt", "b.dcm"):
            (self.folder / name).write_text("no DICOM here\n" * 50)
        self.refuse(errors.NoDICOMFileError, "2 files of no DICOM")

    def test_other_files_are_passed_over(self):
        write_pet_folder(self.folder)
        (self.folder / "slice_000.dcm.json").write_text("{}")
        (self.folder / "notes.txt").write_text("a note")
        (self.folder / ".hidden.dcm").write_text("")
        write_pet_folder(self.folder / "other series")
        self.assertEqual(load_pet_series(self.folder).shape, (5, 6, 4))

    def test_file_before_the_dicom_file_format(self):
        datasets = build_pet_series()
        save_series(self.folder, datasets)
        for index, ds in enumerate(datasets):
            ds.SpecificCharacterSet = "ISO_IR 100"
            del ds.file_meta
            ds.save_as(self.folder / f"slice_{index:03d}.dcm", implicit_vr=True, little_endian=True)
        self.assertEqual(load_pet_series(self.folder).shape, (5, 6, 4))

    @parameterized.expand([(0,), (100,), (131,)])
    def test_slice_cut_before_the_header(self, size):
        write_pet_folder(self.folder)
        path = self.folder / "slice_003.dcm"
        path.write_bytes(path.read_bytes()[:size])
        self.refuse(errors.CorruptFileError, f"^slice_003.dcm: expected a DICOM file, got {size} bytes")

    @parameterized.expand([(10,), (59,)])
    def test_pixel_data_short(self, missing):
        write_pet_folder(self.folder)
        path = self.folder / "slice_002.dcm"
        path.write_bytes(path.read_bytes()[:-missing])
        self.refuse(errors.CorruptFileError, r"slice_002.dcm")

    def test_truncated_anywhere(self):
        write_pet_folder(self.folder)
        path = self.folder / "slice_003.dcm"
        content = path.read_bytes()
        for size in range(140, len(content), 37):
            path.write_bytes(content[:size])
            with self.assertRaises(errors.PETSeriesError) as caught:
                load_pet_series(self.folder)
            self.assertIn("slice_003.dcm", str(caught.exception))

    def test_no_pixel_data(self):
        write_pet_folder(self.folder, change=lambda ds, i: ds.__delitem__("PixelData") if i == 1 else None)
        self.refuse(errors.CorruptFileError, r"PixelData \(7FE0,0010\) in slice_001.dcm.*got nothing")


class TestSeries(FolderTest):
    def test_ct(self):
        write_pet_folder(self.folder, change=all_slices(Modality="CT", SOPClassUID=CTImageStorage))
        self.refuse(errors.NotPETError, r"Modality \(0008,0060\) in slice_000.dcm: expected PT, got CT")

    def test_no_modality(self):
        write_pet_folder(self.folder, change=lambda ds, i: ds.__delitem__("Modality"))
        self.refuse(errors.NotPETError, "got nothing")

    def test_secondary_capture_of_a_pet(self):
        write_pet_folder(self.folder, change=all_slices(SOPClassUID=SecondaryCaptureImageStorage))
        self.refuse(errors.NotPETError, r"\(0008,0016\).*got Secondary Capture Image Storage")

    @parameterized.expand([(EnhancedPETImageStorage,), (LegacyConvertedEnhancedPETImageStorage,)])
    def test_enhanced(self, sop_class):
        write_pet_folder(self.folder, change=all_slices(SOPClassUID=sop_class))
        self.refuse(errors.EnhancedPETError, r"one file per slice, got .*Enhanced PET Image Storage")

    def test_multi_frame(self):
        write_pet_folder(self.folder, change=all_slices(NumberOfFrames=3))
        self.refuse(errors.EnhancedPETError, r"NumberOfFrames \(0028,0008\).*expected 1, got 3")

    def test_one_frame_said_so(self):
        write_pet_folder(self.folder, change=all_slices(NumberOfFrames=1))
        self.assertEqual(load_pet_series(self.folder).shape, (5, 6, 4))

    def test_reprojection(self):
        write_pet_folder(self.folder, change=all_slices(SeriesType=["STATIC", "REPROJECTION"]))
        self.refuse(errors.NotPETError, r"\(0054,1000\).*REPROJECTION")

    def test_mixed_series(self):
        datasets = build_pet_series(4) + build_pet_series(3) + build_pet_series(2)
        save_series(self.folder, datasets)
        self.refuse(errors.MixedSeriesError, "expected one series, got 3 series of 4 and 3 and 2 files")

    def test_same_instance_twice(self):
        uid = generate_uid()

        def change(ds, index):
            if index in (1, 2):
                ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid

        write_pet_folder(self.folder, change=change)
        self.refuse(errors.DuplicateInstanceError, "slice_002.dcm: expected an instance other than that of slice_001")


if __name__ == "__main__":
    unittest.main()
