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
"""Help, examples and options of every command."""

from __future__ import annotations

import argparse
import unittest

from parameterized import parameterized

from monai_dd.__main__ import _parser
from monai_dd.commands import datalist, table
from monai_dd.commands.parser import Parser
from monai_dd.evaluation.tables.explanations import TABLES
from monai_dd.evaluation.tables.formats import FORMATS
from monai_dd.transforms.hemisphere.functional import MODES
from tests.commands.calls import COMMANDS, call, example_of


def _parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser and those of its commands, by their names after ``monai-dd``."""
    found = {parser.prog.removeprefix("monai-dd").strip(): parser}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                found |= _parsers(child)
    return found


class TestHelp(unittest.TestCase):
    @parameterized.expand([(command,) for command in COMMANDS])
    def test_help_and_example(self, command):
        status, _, err = call(*command.split(), "--help")
        self.assertEqual((status, err), (0, ""))
        example = example_of(command)
        self.assertEqual(example[: len(command.split())], command.split())
        args, further = _parser().parse_known_args(example)
        self.assertTrue(not further or command == "runs", further)
        self.assertTrue(callable(args.run))

    def test_the_list_of_commands_is_whole(self):
        self.assertEqual(sorted(_parsers(_parser())), sorted(COMMANDS))

    def test_one_style(self):
        for name, parser in _parsers(_parser()).items():
            self.assertIsInstance(parser, Parser)
            self.assertFalse(parser.allow_abbrev, name)
            for action in parser._actions:
                with self.subTest(command=name, option=action.dest):
                    self.assertTrue(action.help or action.dest in ("command", "kind"))
                    if action.dest != "help":
                        self.assertLessEqual(len(action.option_strings), 1, "one spelling")
                        self.assertNotIn("-", "".join(action.option_strings).removeprefix("--"), "underscores")

    def test_defaults_are_shown(self):
        text = " ".join(call("datalist", "slices", "--help")[1].split())
        self.assertIn("rows to leave out where two splits meet (default: 0)", text)
        self.assertIn("in groups (default: 0.6 0.2 0.2)", text)
        self.assertIn("images/{slice:04d}.jpg)", text)
        self.assertNotIn("neighbors or not (default", text)
        self.assertNotIn("None", text)

    def test_choices_are_those_of_the_package(self):
        """They stand in the commands so that help does not load the package."""
        self.assertEqual(datalist.MODES, MODES)
        self.assertEqual(table.TABLES, tuple(TABLES))
        self.assertEqual(table.FORMATS, tuple(FORMATS))


if __name__ == "__main__":
    unittest.main()
