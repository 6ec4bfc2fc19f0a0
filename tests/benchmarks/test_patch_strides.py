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
"""The benchmark of strides in the backbone."""

from __future__ import annotations

import contextlib
import csv
import io
import runpy
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
from parameterized import parameterized
from torch import nn

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
with mock.patch.object(sys, "path", [str(FOLDER), *sys.path]):
    BENCHMARK = runpy.run_path(str(FOLDER / "patch_strides.py"), run_name="patch_strides")


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status and what was printed; the random state and the threads of the process stay as they were."""
    out, err, threads = io.StringIO(), io.StringIO(), torch.get_num_threads()
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            BENCHMARK["main"](arguments)
            status = 0
        except SystemExit as stop:
            status = stop.code
        finally:
            torch.set_num_threads(threads)
    return status, out.getvalue(), err.getvalue()


class TestPatchStrides(unittest.TestCase):
    def test_rows(self):
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "new" / "rows.csv"
            options = ("--features", "2", "--batch_size", "2", "--repeats", "1", "--output", str(output))
            status, printed, _ = run(*options)
            with output.open(newline="") as stream:
                rows = list(csv.DictReader(stream))
        self.assertEqual(status, 0)
        self.assertEqual([(r["backbone_strides"], r["patch_stride"]) for r in rows], self.table_rows())
        # (64 / 2^k + 2 padding - 9) // stride + 1, with a padding of 4 for k = 3
        patches = ["14x14", "28x28", "6x6", "12x12", "2x2", "4x4", "2x2", "4x4"]
        self.assertEqual([r["patches"] for r in rows], patches)
        self.assertEqual((rows[0]["times_first"], rows[0]["saved_ratio"]), ("1.000", "1.000"))
        saved = [float(r["saved_mib"]) for r in rows]
        for fewer, more in zip(saved[2:], saved):  # each stride of two saves, with either stride of the patches
            self.assertLess(fewer, more)
        self.assertLess(saved[2], 0.5 * saved[0])
        for r in rows:
            self.assertGreater(float(r["median_seconds"]), 0)
            self.assertEqual((r["peak_mib"], r["peak_ratio"]), ("", ""))  # on CUDA only
            self.assertIn(f"| {r['median_seconds']} |", printed)

    def table_rows(self) -> list[tuple[str, str]]:
        return [(f"2 x {k}", stride) for k in range(4) for stride in ("4", "2")]

    def test_paper(self):
        """Table VII as printed: seconds and accuracy for the patch strides 4 and 2, of the backbones in order."""
        printed = [
            (658, 92.55, 660, 92.81),
            (294, 95.27, 311, 95.19),
            (117, 95.46, 126, 95.26),
            (104, 95.34, 106, 95.36),
        ]
        rows = [(float(r.seconds), float(r.accuracy)) for r in BENCHMARK["ROWS"]]
        self.assertEqual([a + b for a, b in zip(rows[::2], rows[1::2], strict=True)], printed)

    def test_saved_bytes_by_hand(self):
        """Linear keeps its input, tanh its output, the square its input, which is that output: 4 bytes a number."""
        x = torch.randn(8, 3)
        network = nn.Sequential(nn.Linear(3, 5), nn.Tanh())
        saved = BENCHMARK["saved_mebibytes"](network, lambda: network(x).square().sum())
        self.assertEqual(saved * 2**20, 4 * (8 * 3 + 8 * 5))

    @parameterized.expand(
        [
            ("repeats", ["--repeats", "0"], "--repeats: expected 1 or more, got 0"),
            ("device", ["--device", "abacus"], "--device: expected cpu or cuda, got 'abacus'"),
        ]
    )
    def test_bad_input(self, _, arguments, message):
        status, printed, error = run(*arguments)
        self.assertEqual((status, printed, error.count("\n")), (2, "", 1))
        self.assertIn(message, error)


if __name__ == "__main__":
    unittest.main()
