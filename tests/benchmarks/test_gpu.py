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
"""The run that is prepared for a GPU: its pieces, and all of it on the CPU in small."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import runpy
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import pytest
from parameterized import parameterized

from monai_dd.__main__ import main as monai_dd
from tests.bundles.setting import ROOT, parser

FOLDER = ROOT / "benchmarks"
with mock.patch.object(sys, "path", [str(FOLDER), *sys.path]):
    GPU = runpy.run_path(str(FOLDER / "gpu.py"), run_name="gpu")
NAN, INF = float("nan"), float("inf")
HEADER = "step,precision,median_seconds,times_peer,peak_mib\n"


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_all(self, execute, *arguments: str) -> tuple[int, list[dict[str, str]], str]:
        """Exit status, rows and what was printed, with commands that ``execute`` stands for."""
        printed, scope = io.StringIO(), GPU["main"].__globals__
        options = ["--device", "cpu", "--quick", "--output", str(self.folder / "gpu.csv"), *arguments]
        with mock.patch.dict(scope, execute=execute or scope["execute"]), contextlib.redirect_stdout(printed):
            status = GPU["main"]([*options, "--work_dir", str(self.folder)])
        with (self.folder / "gpu.csv").open(newline="") as stream:
            return status, list(csv.DictReader(stream)), printed.getvalue()


class TestPieces(InFolder):
    @parameterized.expand(
        [
            ("equal", {"a": 0.5, "b": NAN}, {"a": 0.5, "b": NAN}, "a", 0.0),
            ("largest", {"a": 0.5, "b": 0.25}, {"a": 0.625, "b": 0.0}, "b", 0.25),
            ("one is not a number", {"a": 0.5, "b": NAN}, {"a": 0.0, "b": 0.5}, "b", INF),
            ("one is missing", {"a": 0.5, "b": 0.5}, {"a": 0.5}, "['b']", INF),
            ("none", {}, {}, "[]", INF),
        ]
    )
    def test_metrics(self, _name, one, two, name, difference):
        self.assertEqual(GPU["compare_metrics"](one, two), (name, difference))

    @parameterized.expand(
        [
            (
                "plain",
                "Traceback:\n  line\nValueError: size: expected 1, got 2\n",
                "ValueError: size: expected 1, got 2",
            ),
            (
                "torchrun",
                "[rank0]: RuntimeError: out of memory\n  x\ntorch.x.ChildFailedError: \nRoot Cause\n====\n",
                "[rank0]: RuntimeError: out of memory",
            ),
            ("no exception", "gpu: --device: got 'x' (see --help)\n\n", "gpu: --device: got 'x' (see --help)"),
            ("nothing", "\n", "it printed nothing"),
        ]
    )
    def test_last_error(self, _name, text, line):
        self.assertEqual(GPU["last_error"](text), line)

    def test_ratios(self):
        path = self.folder / "rows.csv"
        path.write_text(HEADER + "peer,amp,1.5,1.000,512\nexact,amp,0.6,0.400,\n")
        expected = [
            ("peer, amp: times_peer", "1.000"),
            ("peer, amp: peak_mib", "512"),
            ("exact, amp: times_peer", "0.400"),
        ]
        self.assertEqual(list(GPU["read_ratios"](path)), expected)
        path.write_text("part,seconds,compared_with,speedup\nIoU,1,loop,2\nIoU,1,sorting,3\n")  # two peers of one thing
        self.assertEqual(list(GPU["read_ratios"](path)), [("IoU, loop: speedup", "2"), ("IoU, sorting: speedup", "3")])

    @parameterized.expand(["FULL", "QUICK"])
    def test_options_are_those_of_the_bundles(self, size):
        for bundle in GPU[size]:
            config = parser("train", *bundle.overlays, root=ROOT / "bundles" / bundle.folder)
            self.assertEqual([name for name in bundle.options if name not in config], [])
        self.assertEqual(len({bundle.folder for bundle in GPU[size]}), 3)

    def test_the_setting_on_a_card(self):
        (brats,) = (bundle for bundle in GPU["FULL"] if bundle.kind == "brain")
        self.assertEqual((brats.options["image_size"], brats.options["batch_size"]), ("[256,256]", 64))
        (self.folder / "brain").mkdir()
        command = [str(w) for w in GPU["bundle_run"](brats, self.folder, ["train"], "cuda", True, amp=True)]
        text = " ".join(command)
        self.assertIn("-m torch.distributed.run --standalone --nproc_per_node 1 -m monai.bundle run", text)
        self.assertIn("--device $torch.device('cuda:0')", text)  # of a number: the process binds itself to it
        self.assertIn("--amp True", text)
        overlay = json.loads((self.folder / "brain" / "peak.json").read_text())
        self.assertIn("max_memory_allocated", overlay["+finalize"][0])
        config = parser("train", root=ROOT / "bundles" / brats.folder)
        self.assertEqual(config["memory_format"], "$torch.channels_last")

    def test_benchmarks_are_there(self):
        others = {path.stem for path in FOLDER.glob("*.py")} - {"gpu", "common"}
        self.assertEqual(set(GPU["BENCHMARKS"]), others)


class TestRun(InFolder):
    def test_what_fails_is_written_down_and_the_rest_runs(self):
        seen = []

        def execute(command, _more=None):
            seen.append(str(command[1]))
            if "patch_strides" in seen[-1]:
                raise GPU["FailedError"]("out of memory")
            Path(command[command.index("--output") + 1]).write_text(HEADER + "peer,amp,1,1.000,\n")
            return "", 2.0

        status, rows, printed = self.run_all(execute, "--parts", "benchmarks")
        self.assertEqual((status, len(seen)), (1, len(GPU["BENCHMARKS"])))
        failed = [(row["case"], row["value"]) for row in rows if row["measured"] == "failed"]
        self.assertEqual(failed, [("patch_strides", "out of memory")])
        self.assertIn("failed: benchmarks patch_strides\n", printed)
        self.assertEqual(len([row for row in rows if row["measured"].endswith("times_peer")]), len(seen) - 1)
        self.assertEqual([row["measured"] for row in rows][:2], ["card", "torch"])
        self.assertEqual((rows[-1]["part"], rows[-1]["measured"]), ("all", "seconds"))

    @parameterized.expand([("equal", 0.7505, 0), ("other", 0.76, 1)])
    def test_metrics_that_differ_are_a_failure(self, _name, value, expected):
        def execute(command, _more=None):
            folder = Path(command[command.index("--output_dir") + 1])
            folder.mkdir(parents=True)
            (folder / "metrics.csv").write_text(f"val_auc,{value if folder.name == 'eval_1' else 0.75}\n")
            self.assertEqual(command[command.index("--amp") + 1], "False")
            return "", 1.0

        status, rows, _ = self.run_all(execute, "--parts", "agreement")
        self.assertEqual(status, expected)
        self.assertEqual(sum(row["measured"] == "failed" for row in rows), 3 * expected)

    def test_a_command_that_fails(self):
        with self.assertRaisesRegex(GPU["FailedError"], "^ValueError: size$"):
            GPU["execute"]([sys.executable, "-c", "raise ValueError('size')"])

    def test_a_command_that_takes_too_long_leaves_no_process(self):
        late = self.folder / "late"
        command = ["sh", "-c", f"(sleep 1.5; touch {late}) & wait"]
        with mock.patch.dict(GPU["main"].__globals__, LIMIT=0.2):
            with self.assertRaisesRegex(GPU["FailedError"], "^expected less than 0.2 s$"):
                GPU["execute"](command)
        time.sleep(2)
        self.assertFalse(late.exists())

    @pytest.mark.slow
    def test_all_of_it_in_small(self):
        status, rows, printed = self.run_all(None, "--repeats", "1")
        self.assertEqual(status, 0, printed)
        for part in ("phantoms", "train", "agreement"):
            cases = {row["case"] for row in rows if row["part"] == part}
            self.assertEqual(len(cases), 3 + 1, part)
        equal = [float(row["value"]) for row in rows if row["measured"].startswith("largest difference")]
        self.assertEqual(equal, [0, 0, 0])  # the CPU and itself
        ratios = {row["case"] for row in rows if row["part"] == "benchmarks" and ": " in row["measured"]}
        self.assertEqual(ratios, set(GPU["BENCHMARKS"]))


class TestDataLists(unittest.TestCase):
    @parameterized.expand([("FULL",), ("QUICK",)])
    def test_commands_parse(self, size):
        for bundle in GPU[size]:
            words = ["phantoms", bundle.kind, *GPU["flags"](bundle.phantoms), "--output_dir", "x", "--help"]
            for command in (
                words,
                ["datalist", bundle.datalist[0], "--dataset_dir", "x", *bundle.datalist[1:], "--help"],
            ):
                with contextlib.redirect_stdout(io.StringIO()), self.assertRaises(SystemExit) as stop:
                    monai_dd([str(word) for word in command])
                self.assertEqual(stop.exception.code, 0)


if __name__ == "__main__":
    unittest.main()
