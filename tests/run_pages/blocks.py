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
"""The shell blocks of a page and the commands in them."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path
from typing import NamedTuple

__all__ = ["ROOT", "Block", "Command", "commands_of", "inline_commands", "pages", "shell_blocks", "without_comment"]

ROOT = Path(__file__).resolve().parents[2]
SHELL = ("", "bash", "sh", "shell")  # what has no language is shell, too
OTHER = ("python", "text")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
DIRECTIVE = re.compile(r"^( *)\.\. code-block:: *(\w*)\n((?:\n|\1   .*\n)+)", re.MULTILINE)
CODE = re.compile(r"``([^`]+)``|`([^`]+)`")
PROGRAMS = ("monai-dd", "python", "torchrun", "pip", "pytest", "make", "tensorboard", ".", "cd")
OPERATORS = {";", "&&", "||", "|", "&"}
KEYWORDS = {"do", "then", "else", "done", "fi", "{", "}", "!"}
NO_COMMANDS = {"for", "[", "[[", "case", "cd"}


class Block(NamedTuple):
    """A shell block: its page, the line of the page where it starts, and its text, every command on one line."""

    page: str
    line: int
    text: str


class Command(NamedTuple):
    """A command that a block prints: its line in the text of the block, from 1, and its words without quotes."""

    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


def pages() -> list[str]:
    """Every page of the project; ``CHANGELOG.md``, which names commands that are gone, is none."""
    built = {"generated", "_build"}
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("apps/*/README.md")]
    found += [*ROOT.glob("benchmarks/README.md"), *ROOT.glob("bundles/*/docs/*.md")]
    found += [path for kind in ("rst", "md") for path in ROOT.glob(f"docs/**/*.{kind}")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found if not built & set(path.parts))


def shell_blocks(page: str, text: str | None = None) -> list[Block]:
    """The shell blocks of a page in their order, with continued lines joined.

    Raises:
        ValueError: for a block in a language that is neither shell nor known to be something else.
    """
    text = (ROOT / page).read_text("utf-8") if text is None else text
    blocks = []
    for found in (FENCE if page.endswith(".md") else DIRECTIVE).finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        if found[2] not in SHELL + OTHER:
            raise ValueError(f"{page}, line {line}: expected a language of {SHELL + OTHER}, got {found[2]!r}")
        if found[2] in SHELL:
            blocks.append(Block(page, line, textwrap.dedent(found[3]).strip("\n").replace("\\\n", "") + "\n"))
    return blocks


def without_comment(line: str) -> str:
    """A line of shell without its comment; a ``#`` inside a word or inside quotes starts none."""
    return re.match(r"""(?:"[^"]*"|'[^']*'|(?<=\S)#|[^#"'])*""", line)[0]


def commands_of(block: Block) -> list[Command]:
    """What a block runs: no comments, assignments, tests and loops, but what is in a loop."""
    found = []
    for number, line in enumerate(block.text.splitlines(), 1):
        lexer = shlex.shlex(without_comment(line), posix=True, punctuation_chars=";&|")
        lexer.commenters, lexer.whitespace_split = "", True
        parts: list[list[str]] = [[]]
        for word in lexer:
            if word in OPERATORS:
                parts.append([])
            elif parts[-1] or not (word in KEYWORDS or re.match(r"\w+=", word)):
                parts[-1].append(word)
        found += [Command(number, tuple(words)) for words in parts if words and words[0] not in NO_COMMANDS]
    return found


def inline_commands(page: str, text: str | None = None) -> list[str]:
    """Commands with arguments in the sentences and tables of a page; ``monai-dd runs`` alone only names one."""
    text = (ROOT / page).read_text("utf-8") if text is None else text
    text = re.sub(r"^ *```.*$", "", (FENCE if page.endswith(".md") else DIRECTIVE).sub("", text), flags=re.MULTILINE)
    found = [" ".join("".join(words).split()) for words in CODE.findall(text)]
    named = re.compile(r"monai-dd \w+( \w+)?|python -m [\w.]+( \w+)?|pip install")
    return [
        words for words in found if words.startswith(tuple(f"{p} " for p in PROGRAMS)) and not named.fullmatch(words)
    ]
