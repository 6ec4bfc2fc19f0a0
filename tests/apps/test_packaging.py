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
"""What the packager of MONAI Deploy wants of the app's folder, as far as it can be seen without Docker."""

from __future__ import annotations

import ast
import configparser
import importlib.util
import re
import shutil
import tempfile
import unittest
from pathlib import Path

import yaml
from packaging.requirements import Requirement

import monai_dd

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "apps" / "fdg_biodistribution_app"


def _requirements(lines):
    parsed = [Requirement(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return {each.name: each for each in parsed}


class TestConfiguration(unittest.TestCase):
    def setUp(self):
        self.config = yaml.safe_load((APP / "app.yaml").read_text(encoding="utf-8"))

    def test_application(self):
        application = self.config["application"]
        self.assertIn("research use only", application["title"])
        self.assertEqual(application["version"], monai_dd.__version__)
        for direction in ("input", "output"):
            self.assertEqual(application[f"{direction}Formats"], ["file"])
            self.assertEqual(application[f"{direction}-formats"], ["file"])

    def test_resources(self):
        resources = self.config["resources"]
        self.assertEqual(set(resources), {"cpu", "gpu", "memory", "gpuMemory"})
        self.assertEqual((resources["cpu"], resources["gpu"]), (1, 0))
        for name in ("memory", "gpuMemory"):
            self.assertRegex(resources[name], r"^\d+[MG]i$")

    @unittest.skipIf(importlib.util.find_spec("holoscan_cli") is None, "holoscan-cli is not installed")
    def test_manifests_of_the_packager(self):
        from holoscan_cli.packager.config_reader import ApplicationConfiguration
        from holoscan_cli.packager.parameters import PackageBuildParameters

        parameters = PackageBuildParameters()
        parameters.application = APP
        parameters.app_config_file_path = APP / "app.yaml"
        self.assertEqual(parameters.application_type.name, "PythonModule")
        self.assertEqual(parameters.requirements_file_path, APP / "requirements.txt")
        reader = ApplicationConfiguration()
        reader.read(APP / "app.yaml")
        manifest = reader.populate_app_manifest(parameters).data
        self.assertEqual(manifest["version"], monai_dd.__version__)
        self.assertEqual((manifest["input"]["formats"], manifest["output"]["formats"]), (["file"], ["file"]))
        for name in ("INPUT", "OUTPUT", "MODEL"):
            self.assertIn(f"HOLOSCAN_{name}_PATH", manifest["environment"])
        self.assertEqual(reader.populate_package_manifest(parameters).data["resources"], self.config["resources"])

    @unittest.skipIf(importlib.util.find_spec("holoscan_cli") is None, "holoscan-cli is not installed")
    def test_models_folder_of_the_readme(self):
        """A folder with the bundle as its only sub-folder is one model; the bundle's own folder would be several."""
        from holoscan_cli.packager.models import Models

        with tempfile.TemporaryDirectory() as folder:
            models = Path(folder) / "models"
            shutil.copytree(ROOT / "bundles" / "fdg_pet_biodistribution_classification", models / "fdg")
            self.assertEqual(Models().build(models), {"fdg": models / "fdg"})
            self.assertIn("configs", Models().build(models / "fdg"))


class TestRequirements(unittest.TestCase):
    def setUp(self):
        text = (APP / "requirements.txt").read_text(encoding="utf-8")
        self.assertTrue(text.endswith("\n"), "the packager may write more lines behind")
        self.listed = _requirements(text.splitlines())
        self.setup = configparser.ConfigParser()
        self.setup.read(ROOT / "setup.cfg", encoding="utf-8")

    def test_those_of_the_package(self):
        lines = self.setup["options"]["install_requires"] + self.setup["options.extras_require"]["deploy"]
        wanted = _requirements(lines.splitlines())
        self.assertEqual({k: str(v) for k, v in self.listed.items()}, {k: str(v) for k, v in wanted.items()})

    def test_constraints_are_within(self):
        pinned = _requirements((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
        for name, requirement in self.listed.items():
            (version,) = pinned[name].specifier
            self.assertTrue(requirement.specifier.contains(version.version), name)


class TestFolder(unittest.TestCase):
    def test_what_the_packager_looks_for(self):
        for name in ("__main__.py", "app.yaml", "requirements.txt", "README.md"):
            self.assertTrue((APP / name).is_file(), name)

    def test_stands_alone(self):
        """The folder is copied into the package: its files import one another by name, and nothing from beside it."""
        own = {path.stem for path in APP.glob("*.py")}
        for path in sorted(APP.glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom):
                    self.assertEqual(node.level, 0, f"{path.name}: relative imports fail in __main__.py's folder")
        self.assertIn("app", own)
        self.assertFalse(own & {"monai", "monai_dd", "holoscan"})

    def test_readme_tells_all(self):
        pages = (APP / "README.md", APP.parents[1] / "docs" / "app.rst")
        text = "".join(page.read_text(encoding="utf-8") for page in pages)
        main = (APP / "__main__.py").read_text(encoding="utf-8")
        for option in re.findall(r'"(--[a-z-]+)"', main):
            self.assertIn(option, text)
        for word in ("HOLOSCAN_INPUT_PATH", "HOLOSCAN_OUTPUT_PATH", "HOLOSCAN_MODEL_PATH", "HOLOSCAN_LOG_LEVEL"):
            self.assertIn(word, text)
        for name in ("result.json", "attention.dcm", "status.json"):
            self.assertIn(name, text)
        names = ast.literal_eval(re.search(r"^NAMES = (\(.*\))$", (APP / "outcome.py").read_text(), re.M).group(1))
        for code, name in enumerate(names):
            self.assertRegex(text, rf"\| {code} \| {name} \||\* - {code}\n +- {name}\n")


if __name__ == "__main__":
    unittest.main()
