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
"""The commands of the pages: all are found and run, or it is said why not; ``python -m tests.run_pages`` runs them."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import pytest
from parameterized import parameterized

from tests.run_pages import shim
from tests.run_pages.__main__ import main
from tests.run_pages.blocks import ROOT, Block, commands_of, inline_commands, pages, shell_blocks, without_comment
from tests.run_pages.places import NOT_RUN, PLACES, Place, reason_not_to_run
from tests.run_pages.runner import PageError, Step, plan, run_step
from tests.run_pages.small import CHANGES, make_small

COMMANDS = {page: [c for block in shell_blocks(page) for c in commands_of(block)] for page in pages()}
COMMANDS = {page: commands for page, commands in COMMANDS.items() if commands}
RUN = {page: [c for c in commands if not reason_not_to_run(str(c))] for page, commands in COMMANDS.items()}
TOOLS = ("cat", "cp", "mkdir")  # of the system; all others go through the programs of shim.py
LOOKS_LIKE_ONE = re.compile(
    r"^\s*(?:\$ )?(?:monai-dd \w|torchrun -|python -m |python \w+/|pip install |monai-deploy \w)"
)


def block_of(text: str) -> Block:
    (block,) = shell_blocks("a.md", f"```\n{text}\n```\n")
    return block


def words_of(text: str) -> list[str]:
    return [str(command) for command in commands_of(block_of(text))]


class TestBlocks(unittest.TestCase):
    def test_markdown(self):
        text = (
            "# a\n```bash\ncat a\n```\n```python\nb()\n```\n- c\n  ```\n  cat b\n\n  cat c\n  ```\n```sh\ncat d\n```\n"
        )
        self.assertEqual(
            [(block.line, block.text) for block in shell_blocks("a.md", text)],
            [(2, "cat a\n"), (9, "cat b\n\ncat c\n"), (14, "cat d\n")],
        )

    def test_rst(self):
        text = "a\n\n.. code-block:: bash\n\n   cat a\n\n     cat b\nend\n\n#. c\n\n   .. code-block:: shell\n\n"
        text += "      cat c\n   d\n\n.. code-block:: text\n\n   no\n\n.. code-block:: python\n\n   no\n"
        self.assertEqual(
            [(block.line, block.text) for block in shell_blocks("a.rst", text)],
            [(3, "cat a\n\n  cat b\n"), (12, "cat c\n")],
        )

    def test_another_language_is_refused(self):
        for page, text in (("a.md", "\n```zsh\ncat\n```\n"), ("a.rst", "\n.. code-block:: zsh\n\n   cat\n")):
            with self.assertRaisesRegex(ValueError, rf"{page}, line 2: expected a language .*'zsh'"):
                shell_blocks(page, text)

    def test_continued_lines_are_joined(self):
        self.assertEqual(block_of('a "[b,\\\nc]" \\\n   d\ne').text, 'a "[b,c]"    d\ne\n')
        self.assertEqual(words_of('a "[b,\\\nc]" \\\n   d\ne'), ["a [b,c] d", "e"])

    @parameterized.expand(
        [
            ("a b # c", "a b "),
            ("# a", ""),
            ("a --b#c 1 # d", "a --b#c 1 "),
            ("a '# b' \"# c\" #d", "a '# b' \"# c\" "),
        ]
    )
    def test_comments(self, line, expected):
        self.assertEqual(without_comment(line), expected)

    def test_commands(self):
        text = "# no\nA=1\nA=1 x y\nfor V in a b; do\n    [ $V = b ] && M=1\n    y --z $V\ndone\ncd c\nz | w && v; u"
        self.assertEqual(words_of(text), ["x y", "y --z $V", "z", "w", "v", "u"])
        self.assertEqual([command.line for command in commands_of(block_of(text))], [3, 6, 9, 9, 9, 9])

    def test_one_line_loop(self):
        self.assertEqual(words_of("for V in a b; do x $V; done"), ["x $V"])

    def test_inline(self):
        text = "`monai-dd runs` `monai-dd table\nruns` `python -m monai.bundle run` "
        text += "`make x` `python a.py` `monai-dd a --b`"
        self.assertEqual(
            inline_commands("a.md", f"{text}\n```\n`make y`\n```\n"), ["make x", "python a.py", "monai-dd a --b"]
        )


class TestPages(unittest.TestCase):
    def test_every_page_with_commands_has_places(self):
        self.assertEqual(set(PLACES), set(COMMANDS))
        steps = plan(list(PLACES))  # refuses other numbers of places than of blocks
        self.assertEqual(sum(len(step.commands) for step in steps), sum(map(len, RUN.values())))

    @parameterized.expand(pages())
    def test_no_command_is_outside_of_the_blocks(self, page):
        """Found line by line, without the expressions that find blocks."""
        lines = (ROOT / page).read_text("utf-8").replace("\\\n", "").splitlines()
        blocks = {"".join(line.split()) for block in shell_blocks(page) for line in block.text.splitlines()}
        found = [line for line in lines if LOOKS_LIKE_ONE.match(line) and "`" not in line]  # "`": within a sentence
        self.assertEqual([line for line in found if "".join(line.split()) not in blocks], [])

    @parameterized.expand(sorted(COMMANDS))
    def test_every_command_is_run_or_said_not_to_be(self, page):
        for step in plan([page]):
            for program, *arguments in (command.words for command in step.commands):
                self.assertIn(program, (*shim.PROGRAMS, *TOOLS), f"{page}: {program} {arguments}")
                if program == "python" and arguments[0] != "-m":
                    self.assertTrue((ROOT / step.place.folder / arguments[0]).exists(), f"{page}: {arguments[0]}")

    @parameterized.expand(sorted(COMMANDS))
    def test_what_is_not_run_is_alone_on_its_line(self, page):
        for block in shell_blocks(page):
            lines = [command.line for command in commands_of(block) if reason_not_to_run(str(command))]
            others = [command.line for command in commands_of(block) if not reason_not_to_run(str(command))]
            self.assertEqual(set(lines) & set(others), set())

    @parameterized.expand(pages())
    def test_commands_in_sentences_are_run_elsewhere(self, page):
        """In the same words, or with further options."""
        run = [f"{command} " for commands in RUN.values() for command in commands]
        for command in inline_commands(page):
            found = any(other.startswith(f"{command} ") for other in run)
            self.assertTrue(found or reason_not_to_run(command), f"{page}: {command}")

    def test_nothing_is_left_out_for_nothing(self):
        named = [str(c) for commands in COMMANDS.values() for c in commands]
        named += [command for page in pages() for command in inline_commands(page)]
        for start, reason in NOT_RUN.items():
            self.assertTrue(any(re.match(start, command) for command in named), start)
            for path in re.findall(r"tests/[\w/]+\.py", reason):
                self.assertTrue((ROOT / path).is_file(), path)

    def test_nothing_is_changed_for_nothing(self):
        named = [str(c) for commands in RUN.values() for c in commands]
        named += [" ".join(shim.DEMO)]
        named += [line for places in PLACES.values() for place in places for line in re.split(r"\n|; ", place.before)]
        for change in CHANGES:
            self.assertTrue(any(command.startswith(change.command) for command in named), change)

    @parameterized.expand(sorted(page for page, commands in RUN.items() if commands))
    def test_the_page_names_what_runs_it(self, page):
        text = " ".join((ROOT / page).read_text("utf-8").split())
        self.assertRegex(text, "`python -m tests.run_pages`")


class TestSmall(unittest.TestCase):
    def small(self, text: str) -> str:
        return " ".join(make_small(text.split()))

    def test_numbers(self):
        for given, expected in (("60", "12"), ("1", "1")):
            command = "monai-dd phantoms pet --num_studies {} --seed 7 --voxel_size 12"
            self.assertEqual(self.small(command.format(given)), command.format(expected))

    def test_an_option_with_several_values(self):
        small = self.small("monai-dd runs --seeds 0 1 2 --overlays recipe cpu --output_dir runs")
        self.assertTrue(
            small.startswith("monai-dd runs --seeds 0 --overlays recipe cpu demo --output_dir runs "), small
        )
        self.assertIn(" --overlays a demo --x", self.small("monai-dd runs --overlays a demo --x 1"))

    def test_an_option_that_is_not_there(self):
        small = self.small("monai-dd runs --output_dir runs")
        for words in ("--seeds 0", "--overlays demo", "--epochs 1", "--image_size [64,64]"):
            self.assertIn(f" {words}", small)
        self.assertNotIn("num_fractions", small)
        self.assertIn("--num_fractions 3", self.small("monai-dd runs --variants variant_exact+explain"))
        self.assertNotIn("kernel_size", small)

    def test_as_many_cases_as_there_were(self):
        for given, expected in (("case_0007", "case_0000"), ("case_0003 case_0007", "case_0000 case_0001")):
            command = "monai-dd figure maps runs --cases {} --output a.png"
            self.assertEqual(self.small(command.format(given)), command.format(expected))

    @parameterized.expand([("",), (",'configs/demo.json'",)])
    def test_the_last_configuration_is_demo(self, given):
        words = [
            "python",
            "-m",
            "monai.bundle",
            "run",
            "--config_file",
            f"['configs/inference.json'{given}]",
            "--a",
            "b",
        ]
        small = make_small(words)
        self.assertEqual(small[5], "['configs/inference.json','configs/demo.json']")
        self.assertEqual(small[6:8], ["--a", "b"])
        self.assertEqual("--image_size" in small, not given)  # as the demo prints it, for the app
        self.assertNotIn("--epochs", small)

    def test_two_processes_on_this_machine(self):
        small = self.small("torchrun --nnodes 8 --nproc_per_node 8 --rdzv_endpoint A:1 -m monai.bundle run --a b")
        self.assertTrue(
            small.startswith(
                "torchrun --nnodes 1 --nproc_per_node 2 --rdzv_endpoint localhost:0 -m monai.bundle run --a b"
            )
        )

    def test_other_commands_stay(self):
        for command in ("monai-dd table runs --seeds 0 1 2", "python -m pytest --epochs 3", "cat --epochs 3"):
            self.assertEqual(self.small(command), command)


class TestRun(unittest.TestCase):
    def setUp(self):
        self.scratch = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.scratch / "copy" / "inner").mkdir(parents=True)
        self.counts: list[int] = []

    def run_block(self, text: str, line: int = 1, before: str = "", folder: str = ".") -> str:
        block = block_of(text)._replace(line=line)
        commands = [command for command in commands_of(block) if not reason_not_to_run(str(command))]
        step = Step(block, Place("copy", folder, before), commands)
        return run_step(step, self.scratch, dict(os.environ), self.counts.append).read_text()

    def test_runs_in_its_folder_with_what_is_before(self):
        log = self.run_block(
            'A="b c"\ncat x\necho $A "$A"\nfor V in 1 2; do\n    echo $V\ndone', 1, "echo d > x", "inner"
        )
        self.assertEqual(log, "d\nb c b c\n1\n2\n")
        self.assertTrue((self.scratch / "copy" / "inner" / "x").is_file())
        self.assertEqual(self.counts[-1], 3)

    def test_variables_are_those_of_the_block_before(self):
        self.run_block("OPTIONS='--a \"b c\" $d'\ncat /dev/null")
        self.assertEqual(self.run_block('echo "$OPTIONS"', line=2), '--a "b c" $d\n')

    def test_a_failing_command_is_named_with_its_log(self):
        with self.assertRaisesRegex(PageError, r"a.md, block of line 1: exit status 3 of\n  bash -c .*\nbefore\nwhy"):
            self.run_block("echo before\nbash -c 'echo why; exit 3'\necho no")
        with self.assertRaisesRegex(PageError, "exit status 1 of\n  false \\| cat"):
            self.run_block("false | cat", line=2)
        with self.assertRaisesRegex(PageError, "exit status 1 of\n  what is there before"):
            self.run_block("cat x", line=3, before="false")
        with self.assertRaisesRegex(PageError, "NOT_SET: unbound"):
            self.run_block("echo $NOT_SET", line=4)

    def test_a_command_that_is_not_reached_is_an_error(self):
        with self.assertRaisesRegex(PageError, r"not reached: echo \$V$"):
            self.run_block("for V in $(true); do\n    echo $V\ndone\necho end")

    def test_what_is_not_to_be_run_is_left_out(self):
        self.assertEqual(self.run_block("pip install nothing\necho a"), "a\n")

    def test_the_pages_that_a_page_goes_on_from_run_first(self):
        order = list(dict.fromkeys(step.block.page for step in plan(["docs/results/brats_sanity.rst"])))
        self.assertEqual(order, [f"docs/results/brats_{name}.rst" for name in ("slices", "explanations", "sanity")])


class TestPrograms(unittest.TestCase):
    def test_options_are_made_small_once(self):
        """``monai-dd runs`` calls ``python``, whose options are then those of the page."""
        with tempfile.TemporaryDirectory() as folder:
            shim.install(Path(folder, "bin"))
            echo = Path(folder, "echo")
            echo.write_text(f'#!/bin/sh\n[ "$1" = -S ] && exec "{sys.executable}" "$@"\necho "$@"\n')
            echo.chmod(0o755)
            environment = {**os.environ, shim.REAL_PYTHON: str(echo), "PYTHONPATH": str(ROOT)}
            environment.pop("RUN_PAGES_SOCKET", None)

            def call(*words: str, **more: str) -> str:
                command = [str(Path(folder, "bin", words[0])), *words[1:]]
                return subprocess.run(
                    command, env={**environment, **more}, check=True, capture_output=True, text=True
                ).stdout

            words = ("monai-dd", "phantoms", "brain", "--num_patients", "9")
            self.assertEqual(call(*words), "-m monai_dd phantoms brain --num_patients 4 --spacing 4\n")
            self.assertEqual(call(*words, RUN_PAGES_INNER="1"), "-m monai_dd phantoms brain --num_patients 9\n")
            self.assertEqual(call("python", "a.py", "b c"), "a.py b c\n")
            self.assertEqual(call("make", "demo"), "examples/demo.py --output_dir runs/demo --num_studies 12\n")
            words = ("torchrun", "--nproc_per_node", "4", "-m", "a")
            self.assertTrue(call(*words).startswith("-m torch.distributed.run --nproc_per_node 2 -m a --image_size"))


class TestMain(unittest.TestCase):
    def test_help_has_both_tables(self):
        with contextlib.redirect_stdout(io.StringIO()) as out, self.assertRaises(SystemExit) as stop:
            main(["--help"])
        self.assertEqual(stop.exception.code, 0)
        self.assertIn("monai-dd runs --seeds 0\n", out.getvalue())
        self.assertIn("pip install: ", out.getvalue())

    def test_failures_and_counts(self):
        """A page that fails ends what goes on from it, not the others."""
        failing = "docs/results/brats_slices.rst"

        def run(step, scratch, environment, progress):
            progress(len(step.commands))
            if step.block.page == failing:
                raise PageError("it failed")

        chosen = [failing, "docs/results/brats_sanity.rst", "docs/results/networks.rst"]
        with (
            mock.patch("tests.run_pages.__main__.run_step", run),
            mock.patch("tests.run_pages.__main__.warm_process", lambda scratch: contextlib.nullcontext({})),
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            self.assertEqual(main(["--pages", *chosen]), 1)
            self.assertEqual(main(["--pages", "docs/results/networks.rst"]), 0)
        self.assertIn("it failed\n", err.getvalue())
        self.assertIn("docs/results/networks.rst: 3 commands ran", out.getvalue())
        self.assertNotIn("brats_sanity", out.getvalue())

    @pytest.mark.slow
    def test_every_page_runs(self):
        command = [sys.executable, "-m", "tests.run_pages"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr[-6000:])
        counts = dict(re.findall(r"^(\S+): (\d+) commands ran", done.stdout, re.MULTILINE))
        self.assertEqual(counts, {page: str(len(commands)) for page, commands in RUN.items() if commands})


if __name__ == "__main__":
    unittest.main()
