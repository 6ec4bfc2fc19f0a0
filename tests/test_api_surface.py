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
"""The public names of every package against the snapshot ``api_surface.json``.

A change of the public names is a decision. Write the snapshot anew with ``python -m tests.test_api_surface``.
"""

from __future__ import annotations

import ast
import importlib
import json
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = Path(__file__).with_name("api_surface.json")


def _declared(path: Path) -> list[str] | None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", None) == "__all__" for t in node.targets):
            return ast.literal_eval(node.value)
    return None


def read_surface() -> dict[str, list[str]]:
    """Return the sorted ``__all__`` of every package that has one, without importing anything."""
    surface = {}
    for path in sorted((ROOT / "monai_dd").rglob("__init__.py")):
        names = _declared(path)
        if names is not None:
            surface[".".join(path.parent.relative_to(ROOT).parts)] = sorted(names)
    return surface


class TestAPISurface(unittest.TestCase):
    def test_equals_the_snapshot(self):
        snapshot, surface = json.loads(SNAPSHOT.read_text(encoding="utf-8")), read_surface()
        self.assertEqual(sorted(surface), sorted(snapshot), "packages")
        for package, names in surface.items():
            self.assertEqual(names, snapshot[package], package)

    def test_every_name_exists_once(self):
        for package, names in read_surface().items():
            module = importlib.import_module(package)
            self.assertEqual(len(set(names)), len(names), package)
            for name in names:
                self.assertTrue(hasattr(module, name), f"{package}.{name}")


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(read_surface(), indent=2) + "\n", encoding="utf-8")
