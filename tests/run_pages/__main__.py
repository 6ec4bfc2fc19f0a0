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
"""Run the commands of pages: ``python -m tests.run_pages``.

Every shell block of a page is run by bash in a copy of the project in a scratch folder, on phantoms and other made-up
images. Options that make a command long have other values; all others are those of the page.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tests.run_pages.places import NOT_RUN, PLACES
from tests.run_pages.runner import PageError, plan, run_step, warm_process
from tests.run_pages.small import CHANGES

__all__ = ["main"]


def _epilog() -> str:
    """The two tables, as the help prints them."""
    changes = [f"  {c.command} {c.option} {c.value}" for c in CHANGES]
    changes = [x + (f"   with {c.where}" if c.where else "") for x, c in zip(changes, CHANGES)]
    changes = [x + (f"   without {c.unless}" if c.unless else "") for x, c in zip(changes, CHANGES)]
    not_run = [f"  {start}: {reason}" for start, reason in NOT_RUN.items()]
    changes.append("  python -m monai.bundle, torchrun: 'configs/demo.json' is the last file of --config_file")
    return "\n".join(["other values:", *changes, "", "not run, because of or by:", *not_run])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pages; the exit status is 0, 1 when a command fails, or 2 for wrong arguments."""
    parser = argparse.ArgumentParser(
        "python -m tests.run_pages",
        description=__doc__,
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = "pages, such as README.md (default: all); those that they go on from run before them"
    parser.add_argument("--pages", nargs="+", choices=PLACES, default=list(PLACES), metavar="PAGE", help=what)
    parser.add_argument("--scratch_dir", type=Path, help="empty folder that is kept (default: one that is removed)")
    args = parser.parse_args(arguments)
    steps = plan(args.pages)
    ran, seconds = Counter(), Counter()
    failed: set[str] = set()
    wanted = Counter()
    for step in steps:
        wanted[step.block.page] += len(step.commands)
    with tempfile.TemporaryDirectory(prefix="run_pages_") as folder:
        scratch = (args.scratch_dir or Path(folder)).resolve()
        scratch.mkdir(parents=True, exist_ok=True)
        total = sum(len(step.commands) for step in steps)
        with warm_process(scratch) as environment, tqdm(total=total, unit="command", disable=None) as bar:
            for step in steps:
                if step.place.copy in failed:  # it goes on from what failed
                    continue
                page, start, before = step.block.page, time.monotonic(), bar.n
                bar.set_description(page)

                def progress(count: int, before: int = before) -> None:
                    bar.update(before + count - bar.n)

                try:
                    run_step(step, scratch, environment, progress)
                except PageError as error:
                    tqdm.write(str(error), sys.stderr)
                    failed.add(step.place.copy)
                    continue
                ran[page] += len(step.commands)
                seconds[page] += time.monotonic() - start
                if ran[page] == wanted[page]:
                    tqdm.write(f"{page}: {ran[page]} commands ran in {seconds[page]:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
