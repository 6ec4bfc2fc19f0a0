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
"""Every public class and function has an example in its docstring, and every example does what it says."""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import tempfile
import unittest
from unittest import mock

import torch
from parameterized import parameterized

from tests.test_api_surface import ROOT, read_surface

# Public names without an example, each with the reason.
WITHOUT_EXAMPLE: dict[str, str] = {
    "monai_dd.bundle.BundleError": "exception",
    "monai_dd.convex.ProgramSolution": "returned",
    "monai_dd.data.phantoms.BrainPhantom": "returned",
    "monai_dd.data.phantoms.ChestBox": "returned",
    "monai_dd.data.phantoms.ChestPhantom": "returned",
    "monai_dd.data.phantoms.PETPhantom": "returned",
    "monai_dd.dicom.PETSeriesError": "exception",
    "monai_dd.dicom.ReferenceTime": "enum",
    "monai_dd.dicom.SUVFactors": "returned",
    "monai_dd.dicom.SUVWarning": "warning",
    "monai_dd.evaluation.LocalizationRun": "returned",
    "monai_dd.evaluation.Measure": "protocol",
    "monai_dd.explain.CompletenessWarning": "warning",
    "monai_dd.explain.UnsuitedError": "exception",
    "monai_dd.networks.layers.ConsistentAttention": "returned",
    "monai_dd.transforms.pet.projection.ViewGeometry": "returned",
    "monai_dd.utils.AttentionKeys": "enum",
    "monai_dd.utils.Consistency": "enum",
    "monai_dd.utils.PatchKeys": "enum",
    "monai_dd.utils.PatchPooling": "enum",
    "monai_dd.utils.Readout": "enum",
}


def _modules_with_examples() -> list[str]:
    """Return the names of all modules, private ones too, whose text has an example."""
    paths = [p for p in sorted((ROOT / "monai_dd").rglob("*.py")) if ">>>" in p.read_text(encoding="utf-8")]
    return [".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for p in paths]


def _public() -> list[tuple[str, object]]:
    """Return the classes and functions of all packages; other public names are constants."""
    found = []
    for package, names in read_surface().items():
        module = importlib.import_module(package)
        found += [(f"{package}.{name}", getattr(module, name)) for name in names]
    return [(name, value) for name, value in found if inspect.isclass(value) or inspect.isroutine(value)]


class TestPublicNamesHaveExamples(unittest.TestCase):
    def test_example_or_reason(self):
        public = [(n, v) for n, v in _public() if n not in WITHOUT_EXAMPLE]
        self.assertGreater(len(public), 100)
        self.assertEqual([name for name, value in public if ">>>" not in (value.__doc__ or "")], [])

    def test_the_allow_list_is_short_of_anything_else(self):
        public = dict(_public())
        self.assertEqual(sorted(set(WITHOUT_EXAMPLE) - set(public)), [], "not public")
        self.assertEqual([name for name in WITHOUT_EXAMPLE if ">>>" in (public[name].__doc__ or "")], [], "has one")


class TestExamples(unittest.TestCase):
    @parameterized.expand([(name,) for name in _modules_with_examples()])
    def test_runs(self, name):
        module = importlib.import_module(name)
        tests = [test for test in doctest.DocTestFinder().find(module, name) if test.examples]
        self.assertTrue(tests, "an example in a place that doctest does not read")
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(tempfile, "tempdir", folder):
            for test in tests:
                self.assertFalse(all(doctest.SKIP in example.options for example in test.examples), test.name)
                torch.manual_seed(0)
                report = io.StringIO()
                failed, _ = runner.run(test, out=report.write)
                self.assertEqual(failed, 0, report.getvalue())


if __name__ == "__main__":
    unittest.main()
