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
"""Tests of files of results: found, written and read."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from parameterized import parameterized

from monai_dd.evaluation.files import find_files, read_csv, write_csv

COLUMNS = ("variant", "value")


class TestFiles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_find_by_name_and_each_once(self):
        for name in ("a/case.json", "b/case.json", "b/other.json"):
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("{}")
        found = find_files([self.folder / "b" / "case.json", self.folder], "case.json")
        self.assertEqual([path.relative_to(self.folder).as_posix() for path in found], ["b/case.json", "a/case.json"])

    def test_what_is_written_is_read(self):
        rows = [('a, "b"', 0.5), ("two\nlines", "nan")]
        path = write_csv(self.folder / "new" / "runs.csv", COLUMNS, rows)
        self.assertEqual(path, self.folder / "new" / "runs.csv")
        expected = [(f"{path}, line 2", ['a, "b"', "0.5"]), (f"{path}, line 4", ["two\nlines", "nan"])]
        self.assertEqual(list(read_csv(path, COLUMNS)), expected)
        self.assertEqual([line for _, line in read_csv(path, ("value",))], [["0.5"], ["nan"]])

    def test_a_file_is_written_whole_or_not_at_all(self):
        path = write_csv(self.folder / "runs.csv", COLUMNS, [("a", 1)])

        def rows():
            yield "b", 2
            raise RuntimeError

        with self.assertRaises(RuntimeError):
            write_csv(path, COLUMNS, rows())
        self.assertEqual([line for _, line in read_csv(path, COLUMNS)], [["a", "1"]])

    def test_other_columns_empty_lines_and_a_byte_order_mark(self):
        path = self.folder / "runs.csv"
        path.write_text("seed,value,variant\n\n0,1,a\n", "utf-8-sig")
        self.assertEqual(list(read_csv(path, COLUMNS)), [(f"{path}, line 3", ["a", "1"])])

    @parameterized.expand(
        [
            (b"", "expected the columns variant, value; missing ['variant', 'value']"),
            (b"value\n1\n", "expected the columns variant, value; missing ['variant']"),
            (b"variant,value\n\xff,1\n", "expected a text in UTF-8"),
            (b'variant,value\n"a"b,1\n', "expected a CSV file, ',' expected after '\"'"),
        ]
    )
    def test_bad_files(self, content, message):
        path = self.folder / "runs.csv"
        path.write_bytes(content)
        with self.assertRaises(ValueError) as caught:
            list(read_csv(path, COLUMNS))
        self.assertEqual(str(caught.exception), f"{path}: {message}")


if __name__ == "__main__":
    unittest.main()
