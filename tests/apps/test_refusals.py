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
"""Inputs, bundles and outputs that are refused: exit code, one line, and nothing else."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import unittest
from pathlib import Path
from unittest import mock

import torch
from parameterized import parameterized
from pydicom.uid import CTImageStorage

from tests.apps.setting import AppTest, bundle, series
from tests.dicom.builders import build_pet_series, save_series, write_pet_folder

INPUT, BUNDLE, OUTPUT = (3, "input refused"), (4, "bundle refused"), (5, "output failed")


def _text_files(folder):
    folder.mkdir()
    for name in ("a.txt", "b.dcm"):
        (folder / name).write_text("no DICOM here\n" * 50)


def _changed(**values):
    """A series in which every slice has other values; None takes the attribute away."""

    def change(ds, index):
        for keyword, value in values.items():
            delattr(ds, keyword) if value is None else setattr(ds, keyword, value)

    return lambda folder: write_pet_folder(folder, change=change)


def _missing_slice(folder):
    write_pet_folder(folder, count=6)
    (folder / "slice_003.dcm").unlink()


def _mixed(folder):
    save_series(folder, build_pet_series(4) + build_pet_series(3))


def _dynamic(folder):
    datasets = build_pet_series(8)
    for index, ds in enumerate(datasets):
        ds.ImagePositionPatient = datasets[index % 4].ImagePositionPatient
    save_series(folder, datasets)


def _truncated(folder):
    write_pet_folder(folder)
    path = folder / "slice_002.dcm"
    path.write_bytes(path.read_bytes()[:-20])


def _two_folders(folder):
    for name in ("first", "second"):
        write_pet_folder(folder / name)


class TestInput(AppTest):
    @parameterized.expand(
        [
            ("empty", Path.mkdir, "an empty folder"),
            ("text_files", _text_files, "2 files of no DICOM"),
            ("ct", _changed(Modality="CT", SOPClassUID=CTImageStorage), r"Modality .* expected PT, got CT"),
            ("missing_slice", _missing_slice, "10.00 mm between slice_002.dcm and slice_004.dcm"),
            ("mixed", _mixed, "2 series of 4 and 3 files"),
            ("dynamic", _dynamic, r"static series.*up to 2 frames at each of 4 positions"),
            ("no_weight", _changed(PatientWeight=None), r"PatientWeight \(0010,1030\) in slice_000.dcm"),
            ("units", _changed(Units="PROPCNTS"), r"Units \(0054,1001\) .*PROPCNTS"),
            ("not_corrected", _changed(CorrectedImage=["DECY"]), "CorrectedImage .*ATTN"),
            ("truncated", _truncated, "slice_002.dcm"),
            ("no_pixels_but_zero", _changed(PixelData=bytes(60)), "0 everywhere in 4 slices"),
            ("two_folders", _two_folders, "2 folders with DICOM files"),
        ]
    )
    def test_refused(self, _, make, pattern):
        source = self.folder / "in"
        make(source)
        self.assert_refused(*INPUT, pattern, source)

    def test_truncated_slice_of_the_phantom(self):
        """As above, with the whole identity of a patient in the header."""
        source = self.folder / "in"
        shutil.copytree(series(), source)
        path = sorted(source.iterdir())[5]
        path.write_bytes(path.read_bytes()[:-100])
        self.assert_refused(*INPUT, path.name, source)

    def test_unreadable_file(self):
        source = write_pet_folder(self.folder / "in")
        denied = PermissionError(13, "Permission denied", str(source / "slice_000.dcm"))
        with mock.patch("series.is_dicom_file", side_effect=denied):
            shutil.copytree(source, self.folder / "deeper" / "in")
            self.assert_refused(*INPUT, "could not be read: Permission denied$", self.folder / "deeper")

    def test_earlier_results_stay(self):
        self.run_app(write_pet_folder(self.folder / "in"))
        names = ("attention.dcm", "result.json")
        before = {name: (self.output / name).read_bytes() for name in names}
        (self.folder / "empty").mkdir()
        self.assertEqual(self.run_app(self.folder / "empty")[0], 3)
        self.assertEqual({name: (self.output / name).read_bytes() for name in names}, before)
        self.assertEqual(self.read("status.json")["exit_code"], 3)
        self.assertEqual(self.left_in_output(), [*names, "status.json"])


class _Payload:
    """Pickled, it makes a folder when it is loaded without care."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def _load_carelessly(stream):
    return torch.load(stream, weights_only=False)


class TestBundle(AppTest):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "model"
        shutil.copytree(bundle(), self.model)
        self.weights = self.model / "models" / "model.pt"
        self.source = write_pet_folder(self.folder / "in")

    def refuse(self, pattern):
        self.assert_refused(*BUNDLE, pattern, self.source, self.model)

    def test_no_weights(self):
        self.weights.unlink()
        self.refuse("expected a folder with models/model.pt, got none")

    @parameterized.expand([("inference.json",), ("metadata.json",)])
    def test_no_configuration(self, name):
        (self.model / "configs" / name).unlink()
        self.refuse(f"expected a folder with configs/{name}, got none")

    def test_no_bundle(self):
        shutil.rmtree(self.model / "configs")
        self.refuse("expected one bundle .*, found 0")

    def test_two_bundles(self):
        models = self.folder / "models"
        for name in ("a", "b"):
            shutil.copytree(self.model, models / name)
        self.model = models
        self.refuse("expected one bundle .*, found 2")

    def test_weights_of_another_network(self):
        state = torch.load(self.weights, weights_only=True)
        first = next(iter(state))
        torch.save({**{k: v for k, v in state.items() if k != first}, "other": torch.zeros(1)}, self.weights)
        self.refuse(
            "expected the weights of its network, got those of another: 1 missing, 1 unknown, 0 of another shape"
        )

    def test_weights_of_another_size(self):
        state = torch.load(self.weights, weights_only=True)
        first = next(iter(state))
        torch.save({**state, first: torch.zeros(1, 2, 3)}, self.weights)
        self.refuse(f"1 of another shape, first {first}")

    def test_weights_truncated(self):
        self.weights.write_bytes(self.weights.read_bytes()[:1000])
        self.refuse("expected a plain state dict of tensors saved by torch.save, got ")

    def test_weights_are_text(self):
        self.weights.write_text("<html>404</html>")
        self.refuse("expected a plain state dict of tensors saved by torch.save, got ")

    @parameterized.expand([("pickle", pickle.dump, pickle.load), ("torch", torch.save, _load_carelessly)])
    def test_code_in_the_weights_is_not_run(self, _, save, load):
        made = self.folder / "made by the weights"
        with open(self.weights, "wb") as stream:
            save({"weight": _Payload(str(made))}, stream)
        self.refuse("expected a plain state dict of tensors saved by torch.save, got ")
        self.assertFalse(made.exists())
        with open(self.weights, "rb") as stream:
            load(stream)
        self.assertTrue(made.exists(), "the payload does nothing, so this test shows nothing")

    @parameterized.expand([("list", [1, 2]), ("checkpoint", {"epoch": 3, "model": {}})])
    def test_weights_are_no_state_dict(self, _, content):
        torch.save(content, self.weights)
        self.refuse("expected a plain state dict of tensors saved by torch.save, got ")

    @parameterized.expand([("no_json", "{"), ("no_network", "{}"), ("unknown_class", None)])
    def test_configuration_that_cannot_be_used(self, _, text):
        path = self.model / "configs" / "inference.json"
        if text is None:
            config = json.loads(path.read_text())
            config["network_def"]["_target_"] = "monai_dd.networks.nets.NoSuchNetwork"
            text = json.dumps(config)
        path.write_text(text)
        self.refuse("configs/inference.json: expected a usable configuration, got ")


class TestOutput(AppTest):
    def setUp(self):
        super().setUp()
        self.source = write_pet_folder(self.folder / "in")

    @parameterized.expand([("a_file", "taken"), ("below_a_file", "taken/deeper")])
    def test_not_a_folder(self, _, place):
        (self.folder / "taken").write_text("a file")
        code, lines = self.run_app(self.source, output=self.folder / place)
        self.assertEqual(code, OUTPUT[0])
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], "^output failed: .*expected a folder that can be written, ")
        self.assertEqual((self.folder / "taken").read_text(), "a file")

    @unittest.skipUnless(hasattr(os, "geteuid") and os.geteuid() != 0, "needs a user whom permissions bind, not root")
    def test_read_only(self):
        self.output.mkdir(mode=0o500)
        self.assertEqual(self.run_app(self.source)[0], OUTPUT[0])

    @parameterized.expand([("attention.dcm",), ("result.json",)])
    def test_name_is_taken_by_a_folder(self, name):
        (self.output / name).mkdir(parents=True)
        code, lines = self.run_app(self.source)
        self.assertEqual((code, len(lines)), (OUTPUT[0], 1))
        self.assertEqual(self.read("status.json")["exit_code"], OUTPUT[0])
        self.assertEqual(self.left_in_output(), sorted([name, "status.json"]))

    def test_disk_full(self):
        """Nothing of the results appears, and what was there before stays."""
        self.run_app(self.source)
        before = (self.output / "result.json").read_bytes()
        write = Path.write_bytes

        def full(path, content):
            if len(content) > 4096:
                raise OSError(28, "No space left on device")
            return write(path, content)

        with mock.patch.object(Path, "write_bytes", full):
            code, lines = self.run_app(self.source)
        self.assertEqual(code, OUTPUT[0])
        (line,) = lines
        self.assertRegex(line, "^output failed: .*No space left on device$")
        self.assertEqual((self.output / "result.json").read_bytes(), before)
        self.assertEqual(self.left_in_output(), ["attention.dcm", "result.json", "status.json"])


class TestUnexpected(AppTest):
    def test_only_its_kind_is_told(self):
        secret = RuntimeError("Secret^Name 20250101\nsecond line")
        with mock.patch("operators.result_files", side_effect=secret):
            source = write_pet_folder(self.folder / "in")
            self.assert_refused(1, "unexpected error", "^RuntimeError, .* log at level DEBUG$", source)

    def test_status_while_it_runs(self):
        seen = []

        def look(*args):
            seen.append(json.loads((self.output / "status.json").read_text()))
            raise ValueError

        with mock.patch("operators.find_series_folder", look):
            self.run_app(self.folder)
        self.assertEqual((seen[0]["exit_code"], seen[0]["message"]), (1, "the run has not ended"))


if __name__ == "__main__":
    unittest.main()
