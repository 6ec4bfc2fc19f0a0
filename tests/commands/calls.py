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
"""Commands called as users type them."""

from __future__ import annotations

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from monai_dd.__main__ import main

__all__ = ["COMMANDS", "InFolder", "call", "example_of"]

COMMANDS = (
    *("", "phantoms", "phantoms pet", "phantoms brain", "phantoms chest"),
    *("datalist", "datalist fdg", "datalist brats", "datalist slices", "datalist chestxray14"),
    *("runs", "table", "table runs", "table explanations", "table localization"),
    *("figure", "figure perturbation", "figure randomization", "figure localization", "figure maps", "figure boxes"),
    "compose",
)


def call(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of ``monai-dd`` with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse ends help and version so
            status = stop.code
    return status, out.getvalue(), err.getvalue()


def example_of(command: str) -> list[str]:
    """Arguments of the one example in the help of a command."""
    _, out, _ = call(*command.split(), "--help")
    _, example = out.split("\nexample:\n")
    (line,) = example.splitlines()
    return line.removeprefix("  monai-dd ").split()


class InFolder(unittest.TestCase):
    """Each test runs in an empty folder of its own."""

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(contextlib.chdir(self.folder))

    def files(self) -> list[str]:
        """Names of everything in the folder."""
        return sorted(path.name for path in self.folder.iterdir())

    def refuse(self, message: str, *arguments: str | Path) -> None:
        """The command ends with status 2 and one line, and writes nothing."""
        before = self.files()
        status, out, err = call(*arguments)
        self.assertEqual((status, out), (2, ""))
        self.assertRegex(err, rf"\Aerror: {message}.*\n\Z")
        self.assertEqual(self.files(), before)
