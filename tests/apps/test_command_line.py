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
"""The app as a hospital starts it: a process of its own, its arguments, its environment."""

from __future__ import annotations

import os
import shutil
import tempfile
import unittest
from pathlib import Path

import pytest
from parameterized import parameterized

from tests.apps.setting import SECRETS, bundle, run_process, series
from tests.dicom.builders import write_pet_folder


class ProcessTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.output = self.folder / "output"

    def assert_success(self, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual({path.name for path in self.output.iterdir()}, {"attention.dcm", "result.json", "status.json"})

    def assert_one_line(self, done, code, pattern):
        self.assertEqual(done.returncode, code)
        self.assertRegex(done.stderr, pattern)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        for secret in SECRETS:
            self.assertNotIn(secret, done.stdout + done.stderr)


class TestProcess(ProcessTest):
    def test_environment_of_an_application_package(self):
        """Paths from the environment only, the bundle in a sub-folder as the packager puts it there."""
        shutil.copytree(bundle(), self.folder / "models" / "fdg")
        done = run_process(
            "-l",
            "WARN",
            HOLOSCAN_INPUT_PATH=str(series()),
            HOLOSCAN_OUTPUT_PATH=str(self.output),
            HOLOSCAN_MODEL_PATH=str(self.folder / "models"),
        )
        self.assert_success(done)

    def test_arguments_without_an_installed_cuda(self):
        """The loader would find a broken CUDA runtime: the one of the Python package must be there before it."""
        (self.folder / "lib").mkdir()
        (self.folder / "lib" / "libcudart.so.13").write_bytes(b"")
        source = write_pet_folder(self.folder / "in")
        arguments = ("-i", source, "-o", self.output, "-m", bundle(), "-l", "WARN")
        path = os.pathsep.join([str(self.folder / "lib"), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
        self.assert_success(run_process(*arguments, LD_LIBRARY_PATH=path))

    def test_refusal_is_one_line(self):
        source = write_pet_folder(self.folder / "in", change=lambda ds, i: delattr(ds, "PatientWeight"))
        done = run_process("-i", source, "-o", self.output, "-m", bundle())
        self.assert_one_line(done, 3, "^ERROR input refused: PatientWeight")

    def test_help(self):
        done = run_process("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for text in ("--input", "--output", "--model", "HOLOSCAN_MODEL_PATH", "exit codes", "Research use only"):
            self.assertIn(text, done.stdout)

    def test_no_arguments(self):
        done = run_process()
        self.assertEqual(done.returncode, 2)
        self.assertIn("--input", done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    @parameterized.expand([("the_same", "."), ("below", "out"), ("by_another_way", "../in/a/out")])
    def test_output_inside_the_input(self, _, place):
        """A second run would find the results of the first and take them for a series."""
        source = write_pet_folder(self.folder / "in")
        done = run_process("-i", source, "-o", source / place, "-m", bundle())
        self.assert_one_line(done, 2, "^ERROR bad arguments: --output: expected a folder outside of --input")
        self.assertFalse([path for path in source.rglob("*") if path.suffix != ".dcm"], "nothing is written")

    @pytest.mark.slow
    def test_relative_paths(self):
        write_pet_folder(self.folder / "in")
        relative = os.path.relpath
        done = run_process("-i", relative(self.folder / "in"), "-o", relative(self.output), "-m", relative(bundle()))
        self.assertEqual(done.returncode, 0)

    @pytest.mark.slow
    def test_input_that_is_not_there(self):
        done = run_process("-i", self.folder / "absent", "-o", self.output, "-m", bundle())
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("Traceback", done.stderr)

    @pytest.mark.slow
    def test_other_refusals_are_one_line(self):
        empty = self.folder / "empty"
        empty.mkdir()
        self.assert_one_line(run_process("-i", empty, "-o", self.output, "-m", bundle()), 3, "an empty folder")
        done = run_process("-i", series(), "-o", self.output, "-m", empty)
        self.assert_one_line(done, 4, "^ERROR bundle refused: .*found 0$")
        (self.folder / "taken").write_text("a file")
        done = run_process("-i", series(), "-o", self.folder / "taken", "-m", bundle())
        self.assert_one_line(done, 5, "^ERROR output failed: ")


if __name__ == "__main__":
    unittest.main()
