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
"""The example on scikit-learn's digits."""

from __future__ import annotations

import contextlib
import io
import runpy
import tempfile
import unittest
from pathlib import Path

import torch
from parameterized import parameterized

from monai_dd.utils.enums import PatchPooling

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "digits.py"
DIGITS = runpy.run_path(str(SCRIPT), run_name="digits")


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status and what was printed; the random state and the threads of the process stay as they were."""
    out, err, threads = io.StringIO(), io.StringIO(), torch.get_num_threads()
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = DIGITS["main"](arguments)
        except SystemExit as stop:
            status = stop.code
        finally:
            torch.set_num_threads(threads)
    return status, out.getvalue(), err.getvalue()


def rows_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


class TestDigits(unittest.TestCase):
    def test_learns_and_writes_the_table(self):
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "table.md"
            status, printed, _ = run(
                "--pooling", "loss_attention", "--seeds", "0", "--epochs", "4", "--output", str(output)
            )
            self.assertEqual((status, output.read_text(encoding="utf-8")), (0, printed))
        ((pooling, optimizer, gamma, parameters, accuracy),) = rows_of(printed)
        self.assertEqual((pooling, optimizer, gamma), ("loss_attention", "SGD", "0.1"))
        network = DIGITS["build_network"](PatchPooling.LOSS_ATTENTION, 4, 0)
        self.assertEqual(int(parameters.replace(",", "")), sum(p.numel() for p in network.parameters()))
        self.assertGreater(float(accuracy), 50.0)  # ten classes: chance is 10 %

    def test_a_row_for_each_pooling_and_a_deviation_over_seeds(self):
        options = ("--seeds", "3", "4", "--epochs", "1", "--features", "1", "--batch_size", "629")
        status, table, _ = run(*options)
        self.assertEqual(status, 0)
        rows = rows_of(table)
        self.assertEqual([row[0] for row in rows], [kind.value for kind in PatchPooling])
        adam = {"mean", "capsule_dynamic_routing"}
        self.assertEqual({row[0] for row in rows if row[1] == "Adam"}, adam)
        self.assertEqual({row[0] for row in rows if row[2] != "0"}, {"loss_attention", "capsule_loss_attention"})
        for row in rows:
            self.assertRegex(row[4], r"^\d+\.\d ± \d+\.\d$")

    def test_a_seed_gives_the_same_result_whatever_ran_before(self):
        options = ("--pooling", "mean", "--seeds", "5", "--epochs", "2", "--features", "2")
        torch.rand(3)
        first = run(*options)
        torch.rand(5)
        self.assertEqual(run(*options)[:2], first[:2])

    def test_the_split_is_stratified_and_the_seed_draws_it(self):
        train, test = DIGITS["split_digits"](0)
        self.assertEqual((len(train), len(test)), (1257, 540))
        shares = [torch.bincount(part.tensors[1], minlength=10) / len(part) for part in (train, test)]
        torch.testing.assert_close(*shares, rtol=0, atol=2 / 540)  # a stratified split differs by rounding only
        images = train.tensors[0]
        self.assertEqual((tuple(images.shape[1:]), images.min().item(), images.max().item()), ((1, 8, 8), 0.0, 1.0))
        torch.testing.assert_close(DIGITS["split_digits"](0)[1].tensors, test.tensors)
        self.assertFalse(torch.equal(DIGITS["split_digits"](1)[1].tensors[1], test.tensors[1]))

    @parameterized.expand(
        [
            ("epochs", ["--epochs", "0"], "--epochs: expected 1 or more, got 0"),
            ("seeds twice", ["--seeds", "1", "1"], "--seeds: expected different numbers"),
            ("negative seed", ["--seeds=-1"], "--seeds: expected different numbers"),
            ("no number", ["--batch_size", "many"], "--batch_size"),
            ("unknown pooling", ["--pooling", "maximum"], "--pooling"),
            ("no folder", ["--output", "no/such/folder/table.md"], "--output: expected a file that can be written"),
        ]
    )
    def test_bad_input_is_one_line_and_status_2(self, _, arguments, message):
        status, printed, error = run(*arguments)
        self.assertEqual((status, printed, error.count("\n")), (2, "", 1))
        self.assertIn(message, error)


if __name__ == "__main__":
    unittest.main()
