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
"""What all commands share: the parser, its help and how it refuses."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["Commands", "HelpFormatter", "Parser", "add_command", "add_group"]

_EXAMPLE = "example:\n  "


class HelpFormatter(argparse.HelpFormatter):
    """Wraps all but the example, and adds the default to the help of each option that has one."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith(_EXAMPLE) else super()._fill_text(text, width, indent)

    def _get_help_string(self, action: argparse.Action) -> str:
        text, default = action.help or "", action.default
        if "(default:" in text or default is None or default is False or default in ([], argparse.SUPPRESS):
            return text
        words = default if isinstance(default, (list, tuple)) else [default]
        return f"{text} (default: {' '.join(map(str, words))})"


class Parser(argparse.ArgumentParser):
    """A parser without abbreviations, whose ``error`` raises instead of ending the process."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=HelpFormatter, allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Raise a ValueError in one line, for arguments that do not fit."""
        raise ValueError(f"{message} (see {self.prog} --help)")


Commands = argparse._SubParsersAction  # what add_subparsers returns; argparse has no public name for it


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], None], example: str, what: str, more: str = ""
) -> Parser:
    """Add a command, or one kind of a command.

    Args:
        commands: what ``add_subparsers`` returned.
        name: name of the command.
        run: function that does the work, called with the parsed arguments.
        example: arguments after ``monai-dd`` that run, for the help.
        what: what the command does, a line in the list of commands.
        more: further sentences for its own help.
    """
    description = f"{what[0].upper()}{what[1:]}. {more}".rstrip()
    parser = commands.add_parser(name, help=what, description=description, epilog=f"{_EXAMPLE}monai-dd {example}")
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_group(commands: Commands, name: str, example: str, what: str, more: str = "") -> Commands:
    """Add a command that has kinds, such as ``pet`` of ``phantoms``; returns where ``add_command`` adds them."""
    description = f"{what[0].upper()}{what[1:]}. {more}".rstrip()
    parser = commands.add_parser(name, help=what, description=description, epilog=f"{_EXAMPLE}monai-dd {example}")
    return parser.add_subparsers(dest="kind", metavar="KIND", required=True)
