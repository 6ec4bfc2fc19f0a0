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
"""The command ``monai-dd``, also ``python -m monai_dd``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from monai_dd import __version__
from monai_dd.commands import compose, datalist, figure, phantoms, runs, table
from monai_dd.commands.parser import Parser

__all__ = ["main"]


def _parser() -> Parser:
    parser = Parser(
        prog="monai-dd",
        description="Explainable classification for MONAI: data, runs over seeds, tables and figures of results, and "
        "bundles to hand out.",
        epilog="example:\n  monai-dd phantoms pet --num_studies 12 --voxel_size 8 --output_dir data/pet",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (phantoms, datalist, runs, table, figure, compose):
        module.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        exit status: 0; 2 after one line on standard error for arguments or files that do not fit; 130 when interrupted.
    """
    try:
        args, further = _parser().parse_known_args(argv)
        if further:
            if not hasattr(args, "options"):  # a command that hands options on has them among its defaults
                args.parser.error(f"unrecognized arguments: {' '.join(further)}")
            args.options = further
        args.run(args)
    except ModuleNotFoundError as error:
        if (error.name or "monai_dd").startswith("monai_dd"):
            raise
        return _refuse(f"{error.name}: expected the package, it is not installed; pip install 'monai-dd[bundle]'")
    except (ValueError, OSError) as error:
        return _refuse(" ".join(str(error).splitlines()))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
