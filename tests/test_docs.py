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
"""The pages: Python examples run, commands parse, links and paths lead somewhere, words are those of the field."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from monai.bundle import ConfigParser
from parameterized import parameterized
from PIL import Image

from monai_dd.__main__ import _parser as build_parser
from monai_dd.bundle import compose_bundle
from monai_dd.data.phantoms import create_pet_phantom, write_pet_series
from monai_dd.dicom.secondary_capture import attention_secondary_capture
from tests.run_pages.blocks import without_comment

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "bundles" / "fdg_pet_biodistribution_classification"
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(path for path in (ROOT / "docs").rglob("*.rst") if not {"generated", "_build"} & set(path.parts)),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("apps/*/README.md"),
        *ROOT.glob("benchmarks/README.md"),
        *ROOT.glob("bundles/*/docs/*.md"),
    ]
)
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
MARKDOWN = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
RST = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", re.MULTILINE)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")  # of Markdown, pictures too
DIRECTIVE = re.compile(r"^\s*\.\. (?:image|figure|literalinclude|csv-table):: (\S+)$", re.MULTILINE)
CODE = re.compile(r"``([^`]+)``|`([^`]+)`")
FOLDERS = ("monai_dd/", "bundles/", "apps/", "benchmarks/", "docs/", "examples/", "tests/")
COMMAND = re.compile(r"^\s*(?:\$ )?((?:monai-dd|python -m monai_dd(?!\.)) .*)$", re.MULTILINE)
MODULE = re.compile(r"python -m (monai_dd\.\S+)")
NOT_USED = ("judge", "judges", "judged", "not-a-number", "behind", "beside", "honest")
README_WORDS = 1200
NO_TERMS = ("CHANGELOG.md", "docs/references.rst")


def python_blocks(path: Path) -> list[str]:
    """The Python blocks of a document, each after so many empty lines that errors name the document's own lines."""
    text = path.read_text(encoding="utf-8")
    pattern = MARKDOWN if path.suffix == ".md" else RST
    return ["\n" * text.count("\n", 0, m.start(1)) + textwrap.dedent(m.group(1)) for m in pattern.finditer(text)]


def write_series() -> None:
    """``phantom_series``, which docs/getting_started.rst writes and other documents go on with."""
    write_pet_series(create_pet_phantom("severe", seed=1, voxel_size=8), "phantom_series", "PHANTOM", "documents")


def compose(output_dir: str) -> None:
    """A bundle of the variant ``dual`` with random weights."""
    parser = ConfigParser()
    parser.read_config([str(BUNDLE / "configs" / f"{c}.json") for c in ("inference", "variant_dual", "demo")])
    torch.save(parser.get_parsed_content("network_def").state_dict(), "random.pt")
    compose_bundle(BUNDLE, ["variant_dual", "demo"], output_dir, model_file="random.pt")


def write_bundle() -> None:
    """``runs/fdg_dual``, which a shell command in docs/bundles.rst composes."""
    compose("runs/fdg_dual")


def write_demo() -> None:
    """Bundle and unseen phantom as ``make demo`` leaves them."""
    compose("runs/demo/bundle")
    phantom = create_pet_phantom("severe", seed=1, voxel_size=8)
    write_pet_series(phantom, "runs/demo/unseen/PHANTOM-0001/study-1", "PHANTOM-0001", "documents")


# document: number of blocks, and what must be in the folder before they run
DOCUMENTS = {
    "README.md": (1, [write_demo]),
    "docs/index.rst": (1, []),
    "docs/getting_started.rst": (4, []),
    "docs/patches.rst": (1, []),
    "docs/suv.rst": (1, [write_series]),
    "docs/bundles.rst": (1, [write_series, write_bundle]),
}


def run_document(name: str) -> tuple[dict[str, object], str]:
    """Run the blocks of a document in order in one namespace; return it and what was printed."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed = io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.enter_context(contextlib.redirect_stdout(printed))
        torch.manual_seed(0)
        for prepare in DOCUMENTS[name][1]:
            prepare()
        for block in python_blocks(ROOT / name):
            exec(compile(block, name, "exec"), namespace)
    return namespace, printed.getvalue()


def parse(line: str) -> None:
    """Parse a command of a page.

    Raises:
        ValueError: for one that ``monai-dd`` refuses.
    """
    words = shlex.split(without_comment(line))
    arguments = words[1:] if words[0] == "monai-dd" else words[3:]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            namespace, further = build_parser().parse_known_args(arguments)
    except SystemExit as leaving:
        if leaving.code:
            raise ValueError(f"{line}: exit status {leaving.code}") from None
        return  # --help
    if further and not hasattr(namespace, "options"):
        raise ValueError(f"{line}: unrecognized {further}")


def sub_commands() -> list[str]:
    """The commands of ``monai-dd``."""
    actions = build_parser()._actions
    return [name for action in actions if isinstance(action, argparse._SubParsersAction) for name in action.choices]


class TestDocuments(unittest.TestCase):
    @parameterized.expand(DOCUMENTS)
    def test_python_blocks_run(self, name):
        self.assertEqual(len(python_blocks(ROOT / name)), DOCUMENTS[name][0])
        namespace, printed = run_document(name)
        if name == "README.md":
            self.assertAlmostEqual(float(namespace["outputs"]["pred"].sum()), 1, places=5)
            self.assertAlmostEqual(float(namespace["outputs"]["attention_fine"].sum()), 1, places=5)
        elif name == "docs/getting_started.rst":  # the shapes in its comments
            self.assertEqual(tuple(namespace["logits"].shape), (4, 3))
            self.assertEqual(namespace["projection"].ndim, 3)
        elif name == "docs/bundles.rst":
            for class_name in ("normal", "mild", "severe"):
                self.assertIn(f"'{class_name}': ", printed)

    def test_no_document_is_left_out(self):
        found = {name for name in NAMES if re.search(r"```python|:: python\n", (ROOT / name).read_text("utf-8"))}
        self.assertEqual(found, set(DOCUMENTS))


def headings(text: str) -> set[str]:
    """Anchors of the headings of a Markdown page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def without_fences(text: str) -> str:
    """The text without the lines that open and close blocks of Markdown, whose backticks would pair with others."""
    return re.sub(r"^ *```.*$", "", text, flags=re.MULTILINE)


def shell_lines(text: str) -> str:
    """The text with lines that end with a backslash joined to the next one."""
    return re.sub(r"\\\n\s*", " ", text)


class TestPages(unittest.TestCase):
    @parameterized.expand(NAMES)
    def test_links_lead_to_files(self, name):
        path = ROOT / name
        text = path.read_text("utf-8")
        for target in (LINK if path.suffix == ".md" else DIRECTIVE).findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            place, _, anchor = target.partition("#")
            found = (path.parent / place).resolve() if place else path
            self.assertTrue(found.exists(), f"{name}: {target}")
            if anchor:
                self.assertIn(anchor, headings(found.read_text("utf-8")), f"{name}: {target}")

    @parameterized.expand([name for name in NAMES if name != "CHANGELOG.md"])  # it names what was there before
    def test_paths_are_there(self, name):
        for words in CODE.findall(without_fences((ROOT / name).read_text("utf-8"))):
            place = "".join(words)
            if place.startswith(FOLDERS) and not re.search(r"[<>*\s:]|/_build/", place):
                self.assertTrue((ROOT / place).exists(), f"{name}: {place}")

    @parameterized.expand([name for name in NAMES if name != "CHANGELOG.md"])
    def test_commands_parse(self, name):
        text = shell_lines((ROOT / name).read_text("utf-8"))
        self.assertEqual(MODULE.findall(text), [], "monai-dd is the one command")
        for line in COMMAND.findall(text):
            with self.subTest(command=line):
                parse(line)

    def test_commands_are_found(self):
        found = COMMAND.findall(shell_lines((ROOT / "docs" / "commands.rst").read_text("utf-8")))
        self.assertEqual({line.split()[1] for line in found}, {*sub_commands()})

    def test_a_wrong_command_does_not_parse(self):
        for line in ("monai-dd datalist fdg", "monai-dd figure maps runs --output m.png --inverted", "monai-dd zoo"):
            with self.assertRaises(ValueError):
                parse(line)

    @parameterized.expand(NAMES)
    def test_configurations_are_there(self, name):
        bundles = [ROOT / Path(*Path(name).parts[:2])] if name.startswith("bundles/") else [*ROOT.glob("bundles/*")]
        for config in set(re.findall(r"'(configs/\w+\.json)'", (ROOT / name).read_text("utf-8"))):
            self.assertTrue(any((bundle / config).is_file() for bundle in bundles), f"{name}: {config}")

    @parameterized.expand(NAMES)
    def test_scripts_and_targets_are_there(self, name):
        text = (ROOT / name).read_text("utf-8")
        for script in re.findall(r"\bpython ((?:\w+/)+\w+\.py)", text):
            self.assertTrue((ROOT / script).is_file(), f"{name}: {script}")
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        for target in re.findall(r"(?:^\s*|`)make ([a-z-]+)\b", text, re.MULTILINE):
            self.assertIn(target, targets, name)

    @parameterized.expand(NAMES)
    def test_words_of_the_field(self, name):
        prose = CODE.sub("", without_fences((ROOT / name).read_text("utf-8")))
        found = {word for word in re.findall(r"[\w-]+", prose.lower()) if word in NOT_USED}
        self.assertEqual(found, set(), name)

    @parameterized.expand([name for name in NAMES if name not in NO_TERMS and not name.startswith("docs/api/")])
    def test_terms_lead_to_the_glossary(self, name):
        text = (ROOT / name).read_text("utf-8")
        if name.endswith(".md"):
            self.assertIn("docs/glossary.rst)", text)
        else:
            self.assertRegex(text, r":term:`|^Glossary")

    def test_the_readme_is_short(self):
        self.assertLessEqual(len((ROOT / "README.md").read_text("utf-8").split()), README_WORDS)

    @pytest.mark.slow
    def test_the_picture_of_the_readme_is_made(self):
        """By its command, from bundle, phantom and Secondary Capture as the demo leaves them."""
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            write_demo()
            unseen = Path("runs/demo/unseen")
            (unseen / "labels.csv").write_text("patient_id,series,label\np,PHANTOM-0001/study-1,severe\n")
            source = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(unseen.rglob("*.dcm"))]
            capture = attention_secondary_capture(np.zeros((90, 120, 3), np.uint8), source, "test", "model", "1")
            Path("runs/demo/app").mkdir()
            capture.save_as("runs/demo/app/attention.dcm")
            command = [sys.executable, ROOT / "docs/images/make_overview.py", "--demo_dir", "runs/demo"]
            subprocess.run([*command, "--output", "overview.png"], check=True, capture_output=True)
            self.assertGreater(Image.open("overview.png").size[0], 900)

    def test_pictures_are_small(self):
        for path in [*ROOT.glob("docs/**/*.png"), *ROOT.glob("bundles/*/docs/**/*.png")]:
            if "_build" not in path.parts:
                self.assertLess(path.stat().st_size, 200_000, path.relative_to(ROOT).as_posix())


if __name__ == "__main__":
    unittest.main()
