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
"""The pages of the bundles: README.md is short and complete, options.md names every overlay and every option."""

from __future__ import annotations

import argparse
import inspect
import json
import re
import shlex
import unittest
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from pydoc import locate
from typing import Any

from parameterized import parameterized

from monai_dd.__main__ import _parser as build_parser
from tests.bundles.setting import BUNDLES, ROOT

EACH = [(root.name, root) for root in BUNDLES]
PAGES = ("README.md", "options.md")
SECTIONS = (
    "Workflow",
    "Data",
    "Training configuration",
    "Performance",
    "MONAI Bundle Commands",
    "Limitations",
    "Citation",
    "References",
    "License",
)
OPTIONS_SECTIONS = ("Variants", "Other overlays", "Options", "Metrics", "More commands", "Pictures")
LINES = (150, 200)
COMPLETE = ("train.json", "inference.json", "metadata.json")  # no overlays
INTERNAL = {"imports", "initialize", "run", "finalize", "rank", "state_files", "parameters", "network"}
INTERNAL |= {"evaluation_network", "iteration_update"}
OTHER_TOOLS = {"standalone", "nproc_per_node", "config_file", "meta_file", "net_id", "filepath", "ckpt_file"}
OTHER_TOOLS |= {"input_shape", "logdir", "name"}  # --name value: an option in general
ROW = re.compile(r"^\| (`[^|]+) \|", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--([A-Za-z_]\w*(?:#\w+)*)")
BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


@cache
def _configs(root: Path) -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in sorted((root / "configs").glob("*.json"))}


def _page(root: Path, name: str) -> str:
    return (root / "docs" / name).read_text("utf-8")


def _section(text: str, title: str) -> str:
    """The text between a heading and the next one of the same depth."""
    found = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


def _rows(text: str) -> set[str]:
    """Names in the first cells of the tables."""
    return {name for cell in ROW.findall(text) for name in re.findall(r"`([^`]+)`", cell)}


def _keys(value: Any, prefix: str = "") -> Iterator[str]:
    """Every id of a configuration, as it is written after ``--``, with the arguments of components that it omits."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        name = f"{prefix}#{key}" if prefix else str(key).lstrip("+")
        yield name
        yield from _keys(inner, name)
    target = value.get("_target_", "") if isinstance(value, dict) else ""
    if target.startswith("monai_dd."):
        yield from (f"{prefix}#{argument}" for argument in inspect.signature(locate(target)).parameters)


@cache
def _ids(root: Path) -> frozenset[str]:
    """Ids of all configurations of a bundle."""
    configs = {name: config for name, config in _configs(root).items() if name != "metadata.json"}
    return frozenset(name for config in configs.values() for name in _keys(config))


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Long options of a parser and of its sub-commands."""
    for action in parser._actions:
        yield from (text.removeprefix("--") for text in action.option_strings if text.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _options(command)


def _overlays(root: Path) -> list[str]:
    return [Path(name).stem for name in _configs(root) if name not in COMPLETE]


def _simple(value: Any) -> bool:
    """Whether a value is one that people set: a number, a word, or a list of them."""
    return all(not isinstance(v, (dict, list)) for v in (value if isinstance(value, list) else [value]))


class TestReadme(unittest.TestCase):
    @parameterized.expand(EACH)
    def test_length(self, _name, root):
        lines = _page(root, "README.md").count("\n")
        self.assertTrue(LINES[0] <= lines <= LINES[1], f"expected {LINES[0]} to {LINES[1]} lines, got {lines}")

    @parameterized.expand(EACH)
    def test_sections(self, _name, root):
        text = _page(root, "README.md")
        self.assertTrue(text.startswith("# Model Overview\n"))
        self.assertEqual(tuple(re.findall(r"^## (.*)$", text, re.MULTILINE)), SECTIONS)
        self.assertEqual(re.findall(r"!\[[^\]]+\]\((.*)\)", text), ["images/maps.png"])
        self.assertIn("(data_license.txt)", text)
        self.assertIn("(options.md", text)
        self.assertRegex(text, r"simulated images that show no patient")
        self.assertIn("Not for diagnosis", _section(text, "Limitations"))

    @parameterized.expand(EACH)
    def test_one_table_of_results_with_its_commands(self, _name, root):
        performance = _section(_page(root, "README.md"), "Performance")
        self.assertEqual(len(re.findall(r"^\|---", performance, re.MULTILINE)), 1)
        self.assertIn("\nmonai-dd runs ", performance)
        self.assertIn("docs/results/", performance)

    @parameterized.expand(EACH)
    def test_the_commands_of_a_copy(self, _name, root):
        commands = _section(_page(root, "README.md"), "MONAI Bundle Commands")
        for title in ("Train", "Evaluate", "Inference"):
            self.assertRegex(commands, rf"\*\*{title}\*\*")
        files = [re.findall(r"'configs/(\w+)\.json'", line) for line in re.findall(r'config_file "([^"]*)"', commands)]
        self.assertTrue(all(any(f.startswith("variant_") for f in chosen) for chosen in files), files)
        for wanted in (["train"], ["train", "evaluate"], ["inference"]):
            shared = [f for f in files if f[: len(wanted)] == wanted]
            self.assertTrue(shared, wanted)


class TestOptions(unittest.TestCase):
    @parameterized.expand(EACH)
    def test_sections(self, _name, root):
        found = re.findall(r"^## (.*)$", _page(root, "options.md"), re.MULTILINE)
        self.assertEqual([title for title in found if title in OPTIONS_SECTIONS], list(OPTIONS_SECTIONS))

    @parameterized.expand(EACH)
    def test_every_overlay_has_a_row(self, _name, root):
        text = _page(root, "options.md")
        rows = _rows(_section(text, "Variants")) | _rows(_section(text, "Other overlays"))
        self.assertEqual(sorted(rows), sorted(_overlays(root)))

    @parameterized.expand(EACH)
    def test_every_option_has_a_row(self, _name, root):
        """Of what the complete configurations and those of an evaluation set at the top."""
        rows = _rows(_section(_page(root, "options.md"), "Options"))
        names = ("train.json", "inference.json", "evaluate.json", "evaluate_localization.json", "evaluate_patches.json")
        configs = [c for name, c in _configs(root).items() if name in (*names, "explain.json", "recipe.json")]
        keys = {key for config in configs for key, value in config.items() if _simple(value)}
        keys = {key for key in keys if "#" not in key and not key.startswith("+")} - INTERNAL
        self.assertEqual(sorted(keys - rows), [])

    @parameterized.expand(EACH)
    def test_every_row_is_an_option(self, _name, root):
        rows = _rows(_section(_page(root, "options.md"), "Options"))
        self.assertEqual(sorted(rows - _ids(root)), [])

    @parameterized.expand(EACH)
    def test_every_metric_has_a_row(self, _name, root):
        rows = _rows(_section(_page(root, "options.md"), "Metrics"))
        for name, config in _configs(root).items():
            metrics = {key.split("#")[-1] for key in config if key.startswith("validate#additional_metrics#")}
            validate = config.get("validate", {})
            metrics |= {*validate.get("key_metric", {}), *validate.get("additional_metrics", {})}
            self.assertEqual(sorted(metrics - rows), [], name)


class TestBothPages(unittest.TestCase):
    @parameterized.expand([(*each, page) for each in EACH for page in PAGES])
    def test_options_exist(self, _name, root, page):
        known = _ids(root) | set(_options(build_parser())) | OTHER_TOOLS
        self.assertEqual(sorted(set(OPTION.findall(_page(root, page))) - known), [])

    @parameterized.expand([(*each, page) for each in EACH for page in PAGES])
    def test_options_of_bundle_commands_are_keys(self, _name, root, page):
        for block in BLOCK.findall(_page(root, page)):
            for line in re.sub(r"\\\n\s*", " ", block).splitlines():
                if re.search(r"-m monai\.bundle run", line):
                    given = {w.removeprefix("--") for w in shlex.split(line.partition(" run ")[2]) if w[:2] == "--"}
                    self.assertEqual(sorted(given - _ids(root) - {"config_file"}), [], line)

    @parameterized.expand([(*each, page) for each in EACH for page in PAGES])
    def test_configurations_exist(self, _name, root, page):
        names = re.findall(r"configs/(\w+\.json)", _page(root, page))
        self.assertTrue(names)
        self.assertEqual(sorted(set(names) - set(_configs(root))), [])

    @parameterized.expand([(*each, page) for each in EACH for page in PAGES])
    def test_words_in_code_that_look_like_configurations(self, _name, root, page):
        names = set(re.findall(r"`(variant_(?!name)\w+|multi_gpu_\w+|evaluate_\w+)`", _page(root, page)))
        self.assertEqual(sorted(names - set(_overlays(root))), [])

    def test_every_bundle_is_listed(self):
        text = (ROOT / "README.md").read_text("utf-8")
        for root in BUNDLES:
            self.assertIn(f"bundles/{root.name}/docs/README.md", text)


if __name__ == "__main__":
    unittest.main()
