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
"""Files are written whole or not at all."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from monai_dd.commands.output import check_output, write_output
from tests.commands.calls import InFolder


class TestOutput(InFolder):
    def test_replaces_and_prints(self):
        Path("x.md").write_text("before")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            write_output("x.md", lambda path: path.write_text("after"))
        self.assertEqual((Path("x.md").read_text(), out.getvalue(), self.files()), ("after", "x.md\n", ["x.md"]))

    def test_what_is_there_stays_when_writing_fails(self):
        Path("x.md").write_text("before")

        def fail(path: Path) -> None:
            path.write_text("part")
            raise OSError("disk full")

        with self.assertRaisesRegex(OSError, "disk full"):
            write_output("x.md", fail)
        self.assertEqual((Path("x.md").read_text(), self.files()), ("before", ["x.md"]))

    def test_refusals(self):
        with self.assertRaisesRegex(ValueError, "^output: expected an existing folder, 'none' is not there$"):
            check_output("none/x.md")
        with self.assertRaisesRegex(ValueError, "^output: expected the name of a file, got the folder "):
            check_output(self.folder)
