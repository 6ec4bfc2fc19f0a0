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
"""What ``monai-dd``, ``python``, ``torchrun`` and ``pytest`` are while a page runs: the same with smaller options.

Each is a line of shell in a folder that comes first in ``PATH``. A command of MONAI or of this package runs in a copy
of a process that has imported them already (``warm.py``), because imports take longer than the small trainings.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.run_pages.small import make_small
from tests.run_pages.warm import SOCKET, ask

__all__ = ["PROGRAMS", "REAL_PYTHON", "install", "main"]

PROGRAMS = ("monai-dd", "python", "torchrun", "pytest", "make")
DEMO = ["python", "examples/demo.py", "--output_dir", "runs/demo"]  # what make demo runs after its setup
REAL_PYTHON = "RUN_PAGES_PYTHON"  # names of environment variables
INNER = "RUN_PAGES_INNER"
MODULES = {"monai-dd": "monai_dd", "torchrun": "torch.distributed.run", "pytest": "pytest"}
WARM_MODULES = ("monai_dd", "monai.bundle")
WARM_SCRIPTS = ("examples/", "benchmarks/", "docs/")


def install(folder: Path) -> None:
    """Write the programs into a folder."""
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec "${REAL_PYTHON}" -S -m tests.run_pages.shim {name} "$@"\n')
        path.chmod(0o755)


def main(program: str, *arguments: str) -> int:
    """Run a command; returns its exit status, unless it takes the place of this process."""
    words = DEMO if [program, *arguments] == ["make", "demo"] else [program, *arguments]
    if INNER not in os.environ:
        words = make_small(words)
    if words[1] != DEMO[1]:  # commands of commands, such as those of monai-dd runs, have the options of the first
        os.environ[INNER] = "1"
    if words[0] in MODULES:
        words[:1] = ["python", "-m", MODULES[words[0]]]
    module = words[2] if words[1:2] == ["-m"] else ""
    script = os.path.normpath(words[1]).lstrip("./") if words[1].endswith(".py") else ""
    if SOCKET in os.environ and (module in WARM_MODULES or script.startswith(WARM_SCRIPTS)):
        return ask(words[1:])
    python = os.environ[REAL_PYTHON]
    os.execv(python, [python, *words[1:]])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
