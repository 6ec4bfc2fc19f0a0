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
"""Runs the blocks of pages by bash in copies of the project."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.run_pages import shim, warm
from tests.run_pages.blocks import ROOT, Block, Command, commands_of, shell_blocks
from tests.run_pages.places import PLACES, Place, reason_not_to_run

__all__ = ["PageError", "Step", "plan", "run_step", "warm_process"]

LINES_OF_LOG = 25
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "runs", "_build", "generated", "__pycache__", ".*_cache", "*.egg-info"
)
# the variables of a block are those of the next one in the same copy; each line that is run is noted
SCRIPT = """
set -euaT -o pipefail
if [ -f "$RUN_PAGES_STATE" ]; then . "$RUN_PAGES_STATE"; fi
. "$RUN_PAGES_BEFORE"
trap 'echo "$LINENO" >> "$RUN_PAGES_LINES"' DEBUG
. "$RUN_PAGES_BLOCK"
trap - DEBUG
declare -p | grep -E '^declare -x [A-Z]+=' | grep -vE ' (PATH|PWD|OLDPWD|SHLVL)=' > "$RUN_PAGES_STATE" || true
"""


class PageError(Exception):
    """A command that failed, or was not reached: page, command and the end of the log."""


class Step(NamedTuple):
    """A block with its place and the commands of it that are run."""

    block: Block
    place: Place
    commands: list[Command]


def plan(pages: list[str]) -> list[Step]:
    """What is to be run for some pages, in order: their blocks, and those before them in the same copy.

    Raises:
        ValueError: for a page without a place, or with more or fewer places than blocks.
    """
    steps = []
    for page, places in PLACES.items():
        blocks = shell_blocks(page)
        places = places * len(blocks) if len(places) == 1 else places
        if len(places) != len(blocks):
            raise ValueError(f"PLACES, {page}: expected {len(blocks)} places or one, got {len(places)}")
        for number, (block, place) in enumerate(zip(blocks, places)):
            place = place if len(PLACES[page]) > 1 or number == 0 else place._replace(before="")
            commands = [c for c in commands_of(block) if not reason_not_to_run(str(c))]
            if commands:
                steps.append(Step(block, place, commands))
    wanted: list[Step] = []
    copies: set[str] = set()
    for step in reversed(steps):
        if step.block.page in pages:
            copies.add(step.place.copy)
        if step.place.copy in copies:
            wanted.insert(0, step)
    return wanted


@contextmanager
def warm_process(scratch: Path) -> Iterator[dict[str, str]]:
    """The environment of the commands, while a warm process is there to run them."""
    shim.install(scratch / "bin")
    libraries = sorted(Path(sys.prefix).glob("lib/python3*/site-packages/nvidia/cu13/lib"))  # for Holoscan
    paths = {"PATH": [scratch / "bin", Path(sys.executable).parent], "PYTHONPATH": [ROOT], "LD_LIBRARY_PATH": libraries}
    environment = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "MPLBACKEND": "Agg", **os.environ}
    for name, added in paths.items():
        environment[name] = os.pathsep.join([*map(str, added), *filter(None, [os.environ.get(name)])])
    environment |= {shim.REAL_PYTHON: sys.executable, warm.SOCKET: str(scratch / "warm")}
    command = [sys.executable, "-m", "tests.run_pages.warm", environment[warm.SOCKET]]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        while not Path(environment[warm.SOCKET]).exists():
            if process.poll() is not None:
                raise RuntimeError(f"the warm process ended with exit status {process.returncode}")
            time.sleep(0.1)
        yield environment
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # it and the commands that it still runs
        process.wait()


def run_step(step: Step, scratch: Path, environment: dict[str, str], progress: Callable[[int], None]) -> Path:
    """Run a block; returns its log.

    Args:
        step: the block.
        scratch: folder of the copies.
        environment: of :func:`warm_process`.
        progress: called with the number of commands that have begun.

    Raises:
        PageError: when a command fails, or one is not reached.
    """
    copy = scratch / step.place.copy
    if not copy.exists():
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    notes = scratch / "notes" / step.block.page.replace("/", "_") / str(step.block.line)
    notes.mkdir(parents=True)
    kept = {command.line for command in step.commands}
    left_out = {command.line for command in commands_of(step.block)} - kept
    lines = step.block.text.splitlines()
    (notes / "block").write_text("".join(":\n" if i in left_out else f"{x}\n" for i, x in enumerate(lines, 1)))
    (notes / "before").write_text(f"{step.place.before}\n")
    names = {name: str(notes / name.lower()) for name in ("BLOCK", "BEFORE", "LINES")}
    names["STATE"] = str(scratch / f"{step.place.copy}.variables")
    log, reached = notes / "log", notes / "lines"
    reached.touch()
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(
            ["bash", "-c", SCRIPT],
            cwd=copy / step.place.folder,
            env={**environment, **{f"RUN_PAGES_{name}": path for name, path in names.items()}},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                progress(len(kept & set(map(int, reached.read_text().split()))))
                time.sleep(0.2)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
    order = [int(line) for line in reached.read_text().split()]
    progress(len(kept & set(order)))
    where = f"{step.block.page}, block of line {step.block.line}"
    if process.returncode != 0:
        last = lines[order[-1] - 1].strip() if order else "what is there before"
        end = "\n".join(log.read_text("utf-8", "replace").replace("\r", "\n").splitlines()[-LINES_OF_LOG:])
        raise PageError(f"{where}: exit status {process.returncode} of\n  {last}\n{end}")
    missed = [str(command) for command in step.commands if command.line not in order]
    if missed:
        raise PageError(f"{where}: not reached: {'; '.join(missed)}")
    return log
