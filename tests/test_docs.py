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
"""The Python examples of the documents run as they stand there."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import textwrap
import unittest
from pathlib import Path

import torch
from monai.bundle import ConfigParser
from parameterized import parameterized

from monai_dd.bundle import compose_bundle
from monai_dd.data.phantoms import create_pet_phantom, write_pet_series

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "bundles" / "fdg_pet_biodistribution_classification"
MARKDOWN = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
RST = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", re.MULTILINE)


def python_blocks(path: Path) -> list[str]:
    """The Python blocks of a document, each behind so many empty lines that errors name the document's own lines."""
    text = path.read_text(encoding="utf-8")
    pattern = MARKDOWN if path.suffix == ".md" else RST
    return ["\n" * text.count("\n", 0, m.start(1)) + textwrap.dedent(m.group(1)) for m in pattern.finditer(text)]


def write_series() -> None:
    """``phantom_series``, which docs/getting_started.rst writes and other documents go on with."""
    write_pet_series(create_pet_phantom("severe", seed=1, voxel_size=8), "phantom_series", "PHANTOM", "documents")


def write_bundle() -> None:
    """``runs/fdg_dual``, which a shell command in docs/bundles.rst composes; here the weights are random."""
    parser = ConfigParser()
    parser.read_config([str(BUNDLE / "configs" / f"{c}.json") for c in ("inference", "variant_dual", "demo")])
    torch.save(parser.get_parsed_content("network_def").state_dict(), "random.pt")
    compose_bundle(BUNDLE, ["variant_dual", "demo"], "runs/fdg_dual", model_file="random.pt")


# document: number of blocks, and what must be in the folder before they run
DOCUMENTS = {
    "README.md": (1, []),
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


class TestDocuments(unittest.TestCase):
    @parameterized.expand(DOCUMENTS)
    def test_python_blocks_run(self, name):
        self.assertEqual(len(python_blocks(ROOT / name)), DOCUMENTS[name][0])
        namespace, printed = run_document(name)
        if name == "README.md":  # the shapes in its comments
            self.assertEqual(tuple(namespace["logits"].shape), (2, 3))
            self.assertEqual(tuple(namespace["fine"].shape), (2, 1, 16, 16))
            self.assertEqual(tuple(namespace["coarse"].shape), (2, 1, 8, 8))
        elif name == "docs/bundles.rst":
            for class_name in ("normal", "mild", "severe"):
                self.assertIn(f"'{class_name}': ", printed)

    def test_no_document_is_left_out(self):
        paths = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.rst"), *ROOT.glob("*/*/README.md")]
        paths += ROOT.glob("bundles/*/docs/README.md")
        found = {
            str(path.relative_to(ROOT))
            for path in paths
            if re.search(r"```python|:: python\n", path.read_text("utf-8"))
        }
        self.assertEqual(found, set(DOCUMENTS))


if __name__ == "__main__":
    unittest.main()
