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
"""Tests of several variants and seeds in one command, on a bundle that trains in no time."""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import pytest
from monai.bundle import run

from monai_dd.__main__ import main
from monai_dd.evaluation.runs import RunSpec, collect_runs, read_runs

TRAIN = {
    "imports": ["$import pathlib"],
    "bundle_root": ".",
    "ckpt_dir": "models",
    "output_dir": "eval",
    "model_name": "model.pt",
    "resume": False,
    "seed": 0,
    "value": 0.5,
    "write": "$lambda folder, name, text: (pathlib.Path(folder).mkdir(parents=True, exist_ok=True),"
    " pathlib.Path(folder, name).write_text(text))",
    "run": ["$@write(@ckpt_dir, @model_name, str(@value))"],
}
EVALUATE = {
    "split": "validation",
    "weights": "$pathlib.Path(@ckpt_dir, @model_name).read_text()",
    "run": ["$@write(@output_dir, 'metrics.csv', 'val_balanced_accuracy,' + str(float(@weights) + @seed / 10))"],
}
CONFIGS = {
    "train": TRAIN,
    "evaluate": EVALUATE,
    "variant_a": {"value": 0.25},
    "variant_b": {"value": 0.75},
    "better": {"value": 0.8},
    "fails": {"run": ["$1 / 0"]},
}


class TestRunSpec(unittest.TestCase):
    def test_parse(self):
        self.assertEqual(RunSpec.parse("variant_a"), RunSpec("variant_a"))
        self.assertEqual(RunSpec.parse("variant_a:variant_b+x+y"), RunSpec("variant_a", "variant_b", ("x", "y")))
        self.assertEqual(RunSpec("variant_a").name, "a")

    def test_options_of_a_row(self):
        spec = RunSpec.parse("variant_a+x --loss#gamma 0 --xi '[0, 1]'")
        self.assertEqual(spec, RunSpec("variant_a", None, ("x",), ("--loss#gamma", "0", "--xi", "[0, 1]")))
        self.assertEqual(spec.name, "a,gamma=0,xi=[0, 1]")
        self.assertNotIn("/", RunSpec.parse("variant_a --file x/y").name)
        for text in ("variant_a --xi", "variant_a xi 0"):
            with self.assertRaisesRegex(ValueError, "^variants: expected options as --name value after 'variant_a'"):
                RunSpec.parse(text)


def run_here(arguments: list[str], _log: Path) -> int:
    """What the command does, without the start of a process."""
    flags = arguments[arguments.index("--config_file") :]
    options = {key.removeprefix("--"): value for key, value in zip(flags[::2], flags[1::2])}
    options |= {"seed": int(options["seed"]), "config_file": ast.literal_eval(options["config_file"])}
    run(**options)
    return 0


class InBundle(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "bundle"
        (self.root / "configs").mkdir(parents=True)
        for name, config in CONFIGS.items():
            (self.root / "configs" / f"{name}.json").write_text(json.dumps(config))
        self.out = Path(folder.name) / "runs"

    def _main(self, *arguments: str) -> tuple[int, str, str]:
        common = ["runs", "--bundle_root", str(self.root), "--output_dir", str(self.out)]
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            status = main([*common, *arguments])
        return status, out.getvalue(), err.getvalue()


class TestRuns(InBundle):
    def setUp(self):
        super().setUp()
        patch = mock.patch("monai_dd.evaluation.runs._execute", run_here)
        patch.start()
        self.addCleanup(patch.stop)

    def test_trains_evaluates_and_tabulates(self):
        status, out, err = self._main("--variants", "variant_a", "variant_b:variant_a", "--seeds", "1", "2")
        self.assertEqual(status, 0, err)
        with open(self.out / "validation_runs.csv", newline="") as file:
            rows = [tuple(row.values()) for row in csv.DictReader(file)]
        metric = "val_balanced_accuracy"
        # variant_b is evaluated with the weights of variant_a
        self.assertEqual(rows, [(v, s, metric, x) for v in "ab" for s, x in (("1", "0.35"), ("2", "0.45"))])
        self.assertIn("| a       | 2    | 40.0 ± 7.1", out)
        self.assertFalse((self.out / "seed1" / "models" / "b.pt").exists())

        self.assertEqual(self._main("--variants", "variant_a --value 0.8", "variant_a", "--seeds", "1")[0], 0)
        with open(self.out / "validation_runs.csv", newline="") as file:
            rows = [tuple(row.values()) for row in csv.DictReader(file)]
        self.assertEqual(rows, [("a,value=0.8", "1", metric, "0.9"), ("a", "1", metric, "0.35")])

        with contextlib.redirect_stdout(io.StringIO()) as table:
            self.assertEqual(main(["table", "runs", "--variants", "variant_b", "--output_dir", str(self.out)]), 0)
        self.assertIn("| b       | 2    | 40.0 ± 7.1", table.getvalue())
        self.assertNotIn("| a ", table.getvalue())

        # a second call runs nothing again, another split is evaluated only
        weights = self.out / "seed1" / "models" / "a.pt"
        weights.write_text("0.1")
        self.assertEqual(self._main("--variants", "variant_a", "--seeds", "1", "--split", "test")[0], 0)
        self.assertEqual(weights.read_text(), "0.1")
        self.assertEqual((self.out / "seed1" / "a" / "test" / "metrics.csv").read_text(), "val_balanced_accuracy,0.2")

    def test_results_of_another_command_are_not_mixed_in(self):
        self.assertEqual(self._main("--variants", "variant_a", "--seeds", "0")[0], 0)
        status, _, err = self._main("--variants", "variant_a", "--seeds", "0", "--value", "0.3")
        self.assertEqual(status, 2)
        self.assertRegex(
            err, r"error: output_dir: expected results of this command .*seed0/a, got others, see its done.txt"
        )
        # rows that were not asked for stay out of the table
        self.assertEqual(self._main("--variants", "variant_b", "--seeds", "0")[0], 0)
        with open(self.out / "validation_runs.csv", newline="") as file:
            self.assertEqual({row["variant"] for row in csv.DictReader(file)}, {"b"})

    def test_options_and_overlays_reach_the_runs(self):
        self.assertEqual(self._main("--variants", "variant_a", "--seeds", "0", "--overlays", "better")[0], 0)
        self.assertEqual((self.out / "seed0" / "models" / "a.pt").read_text(), "0.8")
        self.assertEqual(self._main("--variants", "variant_b", "--seeds", "0", "--value", "0.3")[0], 0)
        self.assertEqual((self.out / "seed0" / "models" / "b.pt").read_text(), "0.3")

    def test_refusals(self):
        status, _, err = self._main("--variants", "variant_x")
        self.assertEqual(status, 2)
        self.assertIn(
            "error: variants, overlays: expected configurations of the bundle 'bundle', got unknown ones: variant_x",
            err,
        )
        status, _, err = self._main("--variants", "variant_b:variant_a", "--seeds", "0")
        self.assertEqual(status, 2)
        self.assertIn("error: variant_b: expected the weights a.pt of seed 0; train that one first", err)
        with self.assertRaisesRegex(ValueError, r"expected metrics in .*seed0/a/validation/metrics\.csv, found none"):
            collect_runs(self.out, ["a"], [0])
        with self.assertRaisesRegex(ValueError, "output_dir: expected runs in 'runs', found none"):
            collect_runs(self.out, ["a"])


class TestProcesses(InBundle):
    def test_each_run_is_a_process_with_a_log(self):
        self.assertEqual(self._main("--variants", "variant_a", "--seeds", "3")[0], 0)
        self.assertEqual(
            (self.out / "seed3" / "a" / "validation" / "metrics.csv").read_text(), "val_balanced_accuracy,0.55"
        )
        self.assertTrue((self.out / "seed3" / "a" / "log.txt").is_file())

    @pytest.mark.slow
    def test_a_failing_run_is_named(self):
        status, _, err = self._main("--variants", "variant_a", "--seeds", "0", "--overlays", "fails")
        self.assertEqual(status, 2)
        lines = [line for line in err.splitlines() if line.startswith("error:")]
        self.assertEqual(len(lines), 1)
        self.assertRegex(
            lines[0], r"^error: train \+ variant_a \+ fails ended with exit status 1; its log is .*log\.txt$"
        )
        self.assertIn("ZeroDivisionError", (self.out / "seed0" / "a" / "log.txt").read_text())
        self.assertFalse((self.out / "seed0" / "a" / "done.txt").exists())
        # what it may have left is not gone on with by another command, and by the same one it is
        status, _, err = self._main("--variants", "variant_a", "--seeds", "0")
        self.assertEqual(status, 2)
        self.assertRegex(
            err, r"error: output_dir: expected results of this command .*seed0/a, got others, see its command.txt"
        )
        self.assertIn("exit status 1", self._main("--variants", "variant_a", "--seeds", "0", "--overlays", "fails")[2])


class TestReadRuns(unittest.TestCase):
    def test_refusals(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "runs.csv"
            with self.assertRaisesRegex(ValueError, "^runs: expected a CSV file, runs.csv is not there$"):
                read_runs(path)
            path.write_text("variant,seed\n")
            with self.assertRaisesRegex(ValueError, r"expected the columns .*; missing \['metric', 'value'\]$"):
                read_runs(path)
            for line, message in (
                ("dual,0,auc,high", "value: expected a number, got 'high'"),
                ("dual,0,auc", "expected 4 fields, got 3"),
                ("dual", "expected 4 fields, got 1"),
            ):
                path.write_text(f"variant,seed,metric,value\n{line}\n")
                with self.assertRaisesRegex(ValueError, f"runs.csv, line 2: {message}$"):
                    read_runs(path)


if __name__ == "__main__":
    unittest.main()
