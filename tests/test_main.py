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
"""The command ``monai-dd``: its exit status, its entry point and what it loads."""

from __future__ import annotations

import configparser
import importlib
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

from parameterized import parameterized

from monai_dd import __version__
from monai_dd.__main__ import main
from tests.commands.calls import COMMANDS, InFolder, call

ROOT = Path(__file__).resolve().parents[1]


class TestRefusals(InFolder):
    @parameterized.expand(
        [
            ("", "the following arguments are required: COMMAND .see monai-dd --help."),
            ("zoo", "argument COMMAND: invalid choice: 'zoo'"),
            ("phantoms", "the following arguments are required: KIND .see monai-dd phantoms --help."),
            ("phantoms cat", "argument KIND: invalid choice: 'cat'"),
            (
                "phantoms pet --output_dir x --voxels 3",
                "unrecognized arguments: --voxels 3 .see monai-dd phantoms pet ",
            ),
            ("phantoms pet --output x", "the following arguments are required: --output_dir"),
            ("phantoms pet --output_dir x --seed one", "argument --seed: invalid int value: 'one'"),
            ("phantoms pet --output_dir x --voxel_size 2 2", "voxel_size: expected one or three numbers, got 2"),
            ("datalist brats --dataset_dir x --skip-broken", "unrecognized arguments: --skip-broken"),
            ("datalist fdg --dataset_dir x", "labels: expected a CSV file, labels.csv is not there"),
            ("datalist fdg --dataset_dir x --output y/z.json", "output: expected an existing folder, 'y' is not there"),
            ("datalist brats --dataset_dir x --mode middle", "argument --mode: invalid choice: 'middle'"),
            ("datalist slices --dataset_dir x", "index_file: "),
            ("datalist chestxray14 --dataset_dir x --classes Cold", "classes: expected one of .*got 'Cold'"),
            ("table runs --variants a --output_dir x", "output_dir: expected runs in 'x', found none"),
            ("table explanations x", "runs: expected files or folders, 'x' is not there"),
            ("table localization x --output y.md", "runs: "),
            ("figure maps x --output y.png", "runs: "),
            ("runs --variants a --output_dir x", "variants, overlays: expected configurations of the bundle "),
            (
                "compose --bundle_root x --output_dir y",
                "bundle_root: expected the file inference.json for 'x', got none",
            ),
        ]
    )
    def test_one_line_and_status_2(self, arguments, message):
        self.refuse(message, *arguments.split())

    def test_line_breaks_do_not_reach_the_user(self):
        with mock.patch("monai_dd.bundle.compose.compose_bundle", side_effect=OSError("first\nsecond")):
            self.refuse("first second$", "compose", "--bundle_root", "x", "--output_dir", "y")

    def test_interrupted(self):
        with mock.patch("monai_dd.bundle.compose.compose_bundle", side_effect=KeyboardInterrupt):
            result = call("compose", "--bundle_root", "x", "--output_dir", "y")
        self.assertEqual(result, (130, "", "interrupted\n"))

    def test_missing_library(self):
        missing = ModuleNotFoundError("No module named 'ignite'", name="ignite")
        with mock.patch("monai_dd.bundle.compose.compose_bundle", side_effect=missing):
            self.refuse("ignite: expected the package", "compose", "--bundle_root", "x", "--output_dir", "y")

    def test_a_fault_of_the_package_is_not_hidden(self):
        for fault in (ModuleNotFoundError("none", name="monai_dd.none"), RuntimeError("fault")):
            with mock.patch("monai_dd.bundle.compose.compose_bundle", side_effect=fault):
                with self.assertRaises(type(fault)):
                    main(["compose", "--bundle_root", "x", "--output_dir", "y"])


class TestProcess(InFolder):
    def run_module(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-m", "monai_dd", *arguments], capture_output=True, text=True)

    def test_version(self):
        done = self.run_module("--version")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"monai-dd {__version__}\n", ""))

    def test_status_and_line(self):
        done = self.run_module("compose", "--bundle_root", "x", "--output_dir", "y")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(
            done.stderr.splitlines()[-1], "error: bundle_root: expected the file inference.json for 'x', got none"
        )

    def test_writes(self):
        done = self.run_module("phantoms", "brain", "--num_patients", "1", "--spacing", "8", "--output_dir", "brain")
        self.assertEqual((done.returncode, done.stdout), (0, "brain\n"))
        self.assertEqual(len(list((self.folder / "brain").rglob("*.nii.gz"))), 5)

    def test_help_loads_nothing_heavy(self):
        code = (
            "import sys; from monai_dd.__main__ import _parser; _parser(); "
            "print(sorted({'torch', 'monai', 'numpy', 'matplotlib', 'pydicom'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertEqual(done.stdout, "[]\n", done.stderr)


class TestEntryPoint(unittest.TestCase):
    def test_setup_names_the_function(self):
        setup = configparser.ConfigParser()
        setup.read(ROOT / "setup.cfg", encoding="utf-8")
        name, _, target = setup["options.entry_points"]["console_scripts"].strip().partition(" = ")
        module, _, function = target.partition(":")
        self.assertEqual(name, "monai-dd")
        self.assertIs(getattr(importlib.import_module(module), function), main)

    def test_commands_are_listed(self):
        _, out, _ = call("--help")
        for command in {name.split()[0] for name in COMMANDS if name}:
            self.assertRegex(out, rf"\n    {command} ")


if __name__ == "__main__":
    unittest.main()
