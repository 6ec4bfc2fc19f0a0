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
"""Guards of the app: outputs that are no result, file names that tell of a patient, where the series lies."""

from __future__ import annotations

import logging
import shutil
import unittest
from unittest import mock

import torch
from parameterized import parameterized

from tests.apps.setting import AppTest, app_module, bundle, run_process
from tests.dicom.builders import write_pet_folder

UID = "1.2.840.113619.2.55.3.20250101"


class TestProbabilities(AppTest):
    def setUp(self):
        super().setUp()
        import result  # known by this name once the app is imported

        self.read_probabilities = result.read_probabilities

    def test_by_name(self):
        read = self.read_probabilities({"pred": torch.tensor([0.25, 0.75])}, ["a", "b"])
        self.assertEqual(read, {"a": 0.25, "b": 0.75})

    def test_without_names(self):
        self.assertEqual(list(self.read_probabilities({"pred": torch.tensor([0.25, 0.75])}, [])), ["0", "1"])

    @parameterized.expand(
        [
            ("missing", {}, "there is none"),
            ("nan", {"pred": [float("nan"), 0.5, 0.5]}, "that sum to 1"),
            ("logits", {"pred": [2.0, -1.0, 0.0]}, "that sum to 1"),
            ("sum", {"pred": [0.9, 0.9, 0.9]}, "that sum to 1"),
            ("too_few", {"pred": [0.5, 0.5]}, "class_names, 3, got 2"),
        ]
    )
    def test_refused(self, _, outputs, pattern):
        from monai_dd.bundle import BundleError

        with self.assertRaisesRegex(BundleError, pattern):
            self.read_probabilities(outputs, ["normal", "mild", "severe"])

    def test_weights_that_are_not_finite(self):
        """Without the guard the largest of three NaN is the first class: normal."""
        model = self.folder / "model"
        shutil.copytree(bundle(), model)
        path = model / "models" / "model.pt"
        state = torch.load(path, weights_only=True)
        torch.save({k: torch.full_like(v, torch.nan) if v.is_floating_point() else v for k, v in state.items()}, path)
        source = write_pet_folder(self.folder / "in")
        self.assert_refused(4, "bundle refused", "are the weights finite", source, model)


class TestFileNames(AppTest):
    def broken(self, name):
        """A series whose fourth file is cut, under file names made from ``name``."""
        source = write_pet_folder(self.folder / "in")
        for index, path in enumerate(sorted(source.iterdir())):
            path.rename(path.with_name(name.format(index)))
        path = source / name.format(3)
        path.write_bytes(path.read_bytes()[:-20])
        return source

    @parameterized.expand([("uid", UID + ".{}.dcm"), ("patient", "Secret_{}.dcm"), ("bare_uid", UID + ".{}")])
    def test_a_telling_name_is_not_told(self, _, name):
        message = self.assert_refused(3, "input refused", "in file 4 of 4 by name: expected", self.broken(name))
        self.assertNotIn("1.2.840", message)

    def test_a_plain_name_is_told(self):
        self.assert_refused(3, "input refused", "in IM0003.dcm: expected", self.broken("IM000{}.dcm"))

    def test_a_name_inside_a_word_changes_nothing(self):
        from series import without_file_names

        (self.folder / "a").write_text("")
        self.assertIn("an apple", without_file_names("an apple", self.folder))


class TestWhereTheSeriesLies(AppTest):
    def test_sidecar_beside_the_folder_of_the_series(self):
        write_pet_folder(self.folder / "in" / "series")
        (self.folder / "in" / "manifest.json").write_text("{}")
        self.assertEqual(self.run_app(self.folder / "in")[0], 0)

    def test_disk_with_an_index(self):
        """A DICOMDIR beside the folders is DICOM by its first bytes, but no series."""
        write_pet_folder(self.folder / "in" / "series")
        (self.folder / "in" / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
        self.assertEqual(self.run_app(self.folder / "in")[0], 0)

    def test_input_or_model_is_not_there(self):
        source = write_pet_folder(self.folder / "in")
        self.assert_refused(2, "bad arguments", "^--input: expected a folder", self.folder / "absent")
        self.assert_refused(2, "bad arguments", "^--model: expected a folder", source, self.folder / "absent")


class TestStart(AppTest):
    def test_no_cuda_runtime(self):
        """A Holoscan that cannot be imported: one line that says what to install, and the status file."""
        missing = "libcudart.so.13: cannot open shared object file: No such file or directory"
        (self.folder / "holoscan").mkdir()
        (self.folder / "holoscan" / "__init__.py").write_text(f"raise ImportError({missing!r})\n")
        source = write_pet_folder(self.folder / "in")
        done = run_process("-i", source, "-o", self.output, "-m", bundle(), PYTHONPATH=str(self.folder))
        line = f"the app cannot start, {missing} (pip install nvidia-cuda-runtime)"
        self.assertEqual((done.returncode, done.stderr), (1, f"ERROR unexpected error: {line}\n"))
        self.assertEqual(self.read("status.json")["message"], line)


class TestDebug(AppTest):
    def test_traceback_without_the_text_of_the_error(self):
        """The text of an error that nobody foresaw may hold anything, the place where it happened cannot."""
        source = write_pet_folder(self.folder / "in")
        logger = logging.getLogger("fdg_biodistribution_app")
        with mock.patch("operators.result_files", side_effect=RuntimeError("Secret^Name")):
            with self.assertLogs(logger, logging.DEBUG) as caught:
                self.assertEqual(app_module().run_app(source, self.output, bundle()), 1)
        self.assertIn("operators.py", "\n".join(caught.output))
        self.assertNotIn("Secret", "\n".join(caught.output))


if __name__ == "__main__":
    unittest.main()
