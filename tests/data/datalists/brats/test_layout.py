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
"""Tests of how studies, patients and channels are found in the layouts of BraTS."""

from __future__ import annotations

import json

from parameterized import parameterized

from monai_dd.data.datalists.brats.layout import CHANNELS, find_brats_studies
from tests.data.datalists.brats.small import NEW, OLD, InFolder, write_msd, write_study


class TestLayouts(InFolder):
    @parameterized.expand(
        [
            ("BraTS 2018", "HGG/Brats18_CBICA_AAB_1", OLD, ".nii.gz", "Brats18_CBICA_AAB"),
            ("BraTS 2019", "LGG/BraTS19_2013_0_1", OLD, ".nii.gz", "BraTS19_2013_0"),
            ("BraTS 2020", "MICCAI_BraTS2020_TrainingData/BraTS20_Training_001", OLD, ".nii", "BraTS20_Training_001"),
            ("BraTS 2021", "BraTS2021_00000", OLD, ".nii.gz", "BraTS2021_00000"),
            ("BraTS 2023", "BraTS-GLI-00000-001", NEW, ".nii.gz", "BraTS-GLI-00000"),
            ("names of BraTS", "TCGA-DU-0000", OLD, ".NII.GZ", "TCGA-DU-0000"),
        ]
    )
    def test_finds(self, layout, place, names, end, patient):
        write_study(self.root / place, names, end=end)
        (study,) = find_brats_studies(self.root)
        self.assertEqual((study.layout, study.name, study.patient), (layout, place, patient))
        stem = f"{place}/{place.split('/')[-1]}"
        self.assertEqual(study.image, {channel: f"{stem}{names[channel]}{end}" for channel in CHANNELS})
        self.assertEqual(study.mask, f"{stem}{names['mask']}{end}")
        self.assertEqual(study.names, {channel: names[channel][1:] for channel in CHANNELS})
        self.assertIsNone(study.check(needs_mask=True))

    def test_task01_of_the_decathlon(self):
        write_msd(self.root, 2)
        studies = find_brats_studies(self.root)
        self.assertEqual([study.patient for study in studies], ["BRATS_001", "BRATS_002"])
        volumes = {"T1": 1, "T1ce": 2, "T2": 3, "FLAIR": 0}
        self.assertEqual(studies[0].image, {c: f"imagesTr/BRATS_001.nii.gz#{volumes[c]}" for c in CHANNELS})
        self.assertEqual(studies[0].mask, "labelsTr/BRATS_001.nii.gz")
        self.assertEqual((studies[0].layout, studies[0].names["T1ce"]), ("MSD Task01", "t1gd"))

    def test_task01_says_its_own_order(self):
        write_msd(self.root, 1, ("T1w", "T2w", "FLAIR", "t1gd"))
        (study,) = find_brats_studies(self.root)
        self.assertEqual([study.image[c][-1] for c in CHANNELS], ["0", "3", "1", "2"])

    @parameterized.expand([("absent", None), ("text", "{"), ("other", '{"modality": {"1": "T1w"}}'), ("list", "[]")])
    def test_task01_without_names(self, _name, content):
        write_msd(self.root, 1)
        (self.root / "dataset.json").unlink()
        if content is not None:
            (self.root / "dataset.json").write_text(content)
        with self.assertRaisesRegex(ValueError, "^dataset.json: expected the file of MSD Task01 with the names"):
            find_brats_studies(self.root)

    def test_task01_of_other_channels(self):
        write_msd(self.root, 1)
        (self.root / "dataset.json").write_text(json.dumps({"modality": {"0": "T2", "1": "ADC"}}))
        with self.assertRaisesRegex(ValueError, r"expected the modalities FLAIR, .*, got \['T2', 'ADC'\]"):
            find_brats_studies(self.root)

    def test_test_images_of_task01_only_without_masks(self):
        write_msd(self.root, 1)
        (self.root / "imagesTs").mkdir()
        (self.root / "imagesTs" / "BRATS_700.nii.gz").touch()
        self.assertEqual(len(find_brats_studies(self.root)), 1)
        self.assertEqual([s.name for s in find_brats_studies(self.root, needs_mask=False)], ["BRATS_001", "BRATS_700"])


class TestStudies(InFolder):
    def test_time_points_are_one_patient(self):
        for name in ("BraTS-GLI-00005-000", "BraTS-GLI-00005-001", "BraTS-MET-00005-000"):
            write_study(self.root / name, NEW)
        patients = [study.patient for study in find_brats_studies(self.root)]
        self.assertEqual(patients, ["BraTS-GLI-00005", "BraTS-GLI-00005", "BraTS-MET-00005"])

    def test_numbers_of_patients_are_no_time_points(self):
        for name in ("BraTS20_Training_001", "BraTS20_Training_002", "BraTS2021_00000", "BraTS2021_00002"):
            write_study(self.root / name)
        self.assertEqual(len({study.patient for study in find_brats_studies(self.root)}), 4)

    def test_all_files_in_one_folder(self):
        for name in ("a", "b"):
            folder = write_study(self.root / name)
            for file in folder.iterdir():
                file.rename(self.root / file.name)
        studies = find_brats_studies(self.root)
        self.assertEqual([study.name for study in studies], ["a", "b"])
        self.assertEqual(studies[1].image["T2"], "b_t2.nii")

    def test_links_to_folders(self):
        write_study(self.root / "elsewhere" / "p1")
        (self.root / "data").mkdir()
        (self.root / "data" / "p1").symlink_to(self.root / "elsewhere" / "p1")
        self.assertEqual([s.name for s in find_brats_studies(self.root / "data")], ["p1"])

    def test_oddly_named_mask(self):
        folder = write_study(self.root / "BraTS20_Training_355")
        (folder / "BraTS20_Training_355_seg.nii").rename(folder / "W39_1998.09.19_Segm.nii")
        (study,) = find_brats_studies(self.root)
        self.assertEqual(study.mask, "BraTS20_Training_355/W39_1998.09.19_Segm.nii")
        self.assertEqual(study.odd_mask, "W39_1998.09.19_Segm.nii")
        (folder / "another_segm.nii").touch()
        self.assertEqual(find_brats_studies(self.root)[0].check(needs_mask=True), "mask missing")

    @parameterized.expand(
        [
            ("_t2", "T2 missing", "T2 missing"),
            ("_t1", "T1 missing", "T1 missing"),
            ("_seg", "mask missing", None),
        ]
    )
    def test_missing_file(self, name, reason, reason_without_mask):
        folder = write_study(self.root / "p1")
        (folder / f"p1{name}.nii").unlink()
        (study,) = find_brats_studies(self.root)
        self.assertEqual(study.check(needs_mask=True), reason)
        self.assertEqual(study.check(needs_mask=False), reason_without_mask)

    def test_two_files_for_one_channel(self):
        folder = write_study(self.root / "p1")
        (folder / "p1_t1c.nii").touch()
        self.assertEqual(find_brats_studies(self.root)[0].check(True), "two files for T1ce")
        (folder / "p1_t1c.nii").unlink()
        (folder / "p1_seg.nii.gz").touch()
        self.assertEqual(find_brats_studies(self.root)[0].check(True), "two files for the mask")

    def test_folder_of_a_patient_without_images(self):
        write_study(self.root / "BraTS2021_00000")
        (self.root / "BraTS2021_00002").mkdir()
        (self.root / "notes").mkdir()
        self.assertEqual([s.check(True) for s in find_brats_studies(self.root)], [None, "no images in the folder"])

    def test_other_files_are_no_studies(self):
        for name in ("survival.csv", "._p_t1.nii", "atlas.nii.gz", "p_t1.txt"):
            (self.root / name).touch()
        with self.assertRaisesRegex(ValueError, "dataset_dir: expected files named as in BraTS 2018 to 2023 or MSD"):
            find_brats_studies(self.root)

    def test_nothing_there(self):
        with self.assertRaisesRegex(ValueError, "'gone' is not there"):
            find_brats_studies(self.root / "gone")
        with self.assertRaisesRegex(ValueError, "found none"):
            find_brats_studies(self.root)
