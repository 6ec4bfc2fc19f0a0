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
"""What every bundle must satisfy as a folder of files: names, layout, metadata and versions."""

from __future__ import annotations

import json
import os
import re
import unittest
from importlib.metadata import requires
from pathlib import Path

import torch
from monai.bundle import verify_metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from parameterized import parameterized

import monai_dd
from tests.bundles.setting import BUNDLES, ROOT, parser

SCHEMA = os.environ.get("MONAI_DD_META_SCHEMA", "")  # the official schema, a download; see the metadata's "schema"
CONVENTIONAL = ("train", "evaluate", "inference", "multi_gpu_train", "multi_gpu_evaluate")
README_SECTIONS = ("Data", "Performance", "Limitations", "References", "Citation")
MEGABYTE = 2**20

# key of the metadata: its type
TOP = {
    "schema": str,
    "version": str,
    "changelog": dict,
    "monai_version": str,
    "pytorch_version": str,
    "numpy_version": str,
    "required_packages_version": dict,
    "supported_apps": dict,
    "name": str,
    "task": str,
    "description": str,
    "authors": str,
    "copyright": str,
    "data_source": str,
    "data_type": str,
    "image_classes": str,
    "label_classes": str,
    "pred_classes": str,
    "intended_use": str,
    "references": list,
    "network_data_format": dict,
}
TENSOR = {
    "type": str,
    "format": str,
    "modality": str,
    "num_channels": int,
    "spatial_shape": list,
    "dtype": str,
    "value_range": list,
    "is_patch_data": bool,
    "channel_def": dict,
}


def _named(root: Path) -> str:
    return root.name


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version.split(";")[0].strip() for name, version in pairs}


def _strings(config: object) -> list[str]:
    if isinstance(config, dict):
        return [s for v in config.values() for s in _strings(v)]
    if isinstance(config, list):
        return [s for v in config for s in _strings(v)]
    return [config] if isinstance(config, str) else []


def _configs(root: Path) -> dict[str, dict]:
    return {p.name: json.loads(p.read_text()) for p in sorted((root / "configs").glob("*.json"))}


class TestBundlesAreThere(unittest.TestCase):
    def test_every_folder_is_a_bundle(self):
        folders = sorted(p for p in (ROOT / "bundles").iterdir() if p.is_dir() and not p.name.startswith("."))
        self.assertEqual(folders, BUNDLES)
        self.assertGreaterEqual(len(BUNDLES), 1)


class TestFiles(unittest.TestCase):
    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_name(self, name, _root):
        self.assertRegex(name, r"^[a-z0-9]+(_[a-z0-9]+){2,}$")
        self.assertNotRegex(name, r"_v\d")

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_layout(self, _name, root):
        files = ["LICENSE", *(f"docs/{name}" for name in ("README.md", "options.md", "data_license.txt"))]
        files += ["configs/metadata.json", "configs/logging.conf"]
        for file in [*files, *(f"configs/{name}.json" for name in CONVENTIONAL)]:
            self.assertTrue((root / file).is_file(), file)
        self.assertEqual([p for p in (root / "configs").iterdir() if p.is_dir()], [], "overlays lie flat in configs")
        self.assertIn("Apache License", (root / "LICENSE").read_text())

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_readme(self, _name, root):
        text = (root / "docs" / "README.md").read_text()
        for section in README_SECTIONS:
            self.assertRegex(text, rf"(?m)^#+ .*{section}", section)
        (metric,) = _configs(root)["train.json"]["validate"]["key_metric"]
        self.assertIn(metric, text)  # as handler, saver and tables call it

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_sizes(self, _name, root):
        big = [p.name for p in root.rglob("*") if p.is_file() and p.stat().st_size > 25 * MEGABYTE]
        self.assertEqual(big, [])

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_no_code_but_data_preparation(self, _name, root):
        code = [p.relative_to(root).as_posix() for p in root.rglob("*.py")]
        self.assertEqual([c for c in code if not c.startswith("scripts/prepare")], [])

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_weights_are_a_plain_state_dict(self, _name, root):
        path = root / "models" / "model.pt"
        if not path.is_file():
            self.skipTest("no weights in this bundle")
        weights = torch.load(path, weights_only=True)
        self.assertTrue(all(isinstance(w, torch.Tensor) for w in weights.values()))
        self.assertFalse(any(k.startswith("module.") for k in weights))

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_json_is_formatted(self, _name, root):
        for path in sorted((root / "configs").glob("*.json")):
            text = path.read_text()
            self.assertEqual(text, json.dumps(json.loads(text), indent=4) + "\n", path.name)

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_no_absolute_path(self, _name, root):
        absolute = re.compile(r"^(/|~|[A-Za-z]:\\)|/(home|root|tmp|mnt|work|Users|opt|usr|var)/")
        for name, config in _configs(root).items():
            self.assertEqual([s for s in _strings(config) if absolute.search(s)], [], name)

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_logging_says_what_monai_logs(self, _name, root):
        text = (root / "configs" / "logging.conf").read_text()
        self.assertIn("level=INFO", text)
        self.assertNotIn("FileHandler", text)  # running a bundle writes where output_dir says and nowhere else


class TestMetadata(unittest.TestCase):
    """The specification of metadata.json, key by key (MONAI Bundle Specification; model zoo's own checks)."""

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_keys_and_types(self, _name, root):
        metadata = _configs(root)["metadata.json"]
        for key, kind in TOP.items():
            self.assertIsInstance(metadata.get(key), kind, key)
            if kind is str:
                self.assertTrue(metadata[key].strip(), key)
        self.assertEqual(sorted(set(metadata) - set(TOP) - {"eval_metrics"}), [], "keys the specification lacks")
        self.assertTrue(all(isinstance(r, str) and r for r in metadata["references"]))
        self.assertRegex(metadata["schema"], r"^https://github\.com/Project-MONAI/.*/meta_schema_\d{8}\.json$")

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_versions(self, _name, root):
        metadata, pins = _configs(root)["metadata.json"], _pins()
        self.assertRegex(metadata["version"], r"^\d+\.\d+\.\d+$")
        self.assertIn(metadata["version"], metadata["changelog"])
        self.assertTrue(all(re.fullmatch(r"\d+\.\d+\.\d+", v) and text for v, text in metadata["changelog"].items()))
        self.assertEqual(metadata["monai_version"], pins["monai"])
        self.assertEqual(metadata["pytorch_version"], pins["torch"])
        self.assertEqual(metadata["numpy_version"], pins["numpy"])
        packages = dict(metadata["required_packages_version"])
        self.assertEqual(packages.pop("monai-dd"), monai_dd.__version__)
        for name, version in packages.items():
            self.assertEqual(canonicalize_name(name), name, "a distribution's name, as the index spells it")
            self.assertEqual(pins.get(name), version, name)

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_required_packages_cover_what_running_needs(self, _name, root):
        packages = set(_configs(root)["metadata.json"]["required_packages_version"])
        extras = (Requirement(line) for line in requires("monai-dd") or [])
        wanted = {canonicalize_name(r.name) for r in extras if r.marker is None or 'extra == "bundle"' in str(r.marker)}
        # torch, monai, numpy have keys of their own; jsonschema serves the checks of the metadata only
        self.assertEqual(sorted(wanted - packages - {"torch", "monai", "numpy", "jsonschema"}), [])

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_data_formats(self, _name, root):
        formats = _configs(root)["metadata.json"]["network_data_format"]
        self.assertEqual(sorted(formats), ["inputs", "outputs"])
        self.assertIn("image", formats["inputs"])
        self.assertIn("pred", formats["outputs"])
        for side in formats.values():
            for name, tensor in side.items():
                self._check_tensor(name, tensor)
        pred = formats["outputs"]["pred"]
        self.assertEqual((pred["type"], pred["format"]), ("probabilities", "classes"))
        self.assertEqual(pred["spatial_shape"], [1, pred["num_channels"]])
        self.assertEqual(pred["value_range"], [0, 1])

    def _check_tensor(self, name: str, tensor: dict) -> None:
        for key, kind in TENSOR.items():
            self.assertIsInstance(tensor.get(key), kind, f"{name}: {key}")
        self.assertEqual(sorted(set(tensor) - set(TENSOR)), [], name)
        self.assertEqual(tensor["type"], {"image": "image", "pred": "probabilities"}.get(name, tensor["type"]))
        self.assertIn(tensor["dtype"], ("float32", "float16"))
        self.assertGreater(tensor["num_channels"], 0)
        self.assertTrue(all(isinstance(s, (int, str)) for s in tensor["spatial_shape"]), name)
        low, high = tensor["value_range"]
        self.assertLess(low, high)
        self.assertEqual(list(tensor["channel_def"]), [str(i) for i in range(tensor["num_channels"])])
        self.assertTrue(all(isinstance(v, str) and v for v in tensor["channel_def"].values()))

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_matches_the_configurations(self, _name, root):
        configs = _configs(root)
        formats, inference = configs["metadata.json"]["network_data_format"], configs["inference.json"]
        self.assertEqual(formats["inputs"]["image"]["spatial_shape"], inference["image_size"])
        self.assertEqual(list(formats["outputs"]["pred"]["channel_def"].values()), inference["class_names"])
        classes = parser("inference", root=root).get_parsed_content("network_def#num_classes")
        self.assertEqual(formats["outputs"]["pred"]["num_channels"], classes)
        self.assertEqual(formats["inputs"]["image"]["num_channels"], inference["in_channels"])
        self.assertEqual(len(formats["inputs"]["image"]["spatial_shape"]), inference["encoder"]["spatial_dims"])

    @parameterized.expand([(_named(root), root) for root in BUNDLES])
    def test_official_schema(self, _name, root):
        if not Path(SCHEMA).is_file():
            self.skipTest("MONAI_DD_META_SCHEMA names no file of the official schema")
        verify_metadata(meta_file=str(root / "configs" / "metadata.json"), filepath=SCHEMA)
