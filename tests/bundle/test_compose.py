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
"""Tests of bundles composed from a bundle and its overlays."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
import unittest
from pathlib import Path

import torch
from monai.bundle import ConfigParser, load, verify_net_in_out
from parameterized import parameterized

from monai_dd.__main__ import main
from monai_dd.bundle import compose_bundle
from tests.bundles.setting import FDG, parser

OVERLAYS = ["variant_exact", "demo"]


def _read(path: Path) -> dict:
    return json.loads(path.read_text())


class InFolder(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.target = self.root / "composed"


class TestCompose(InFolder):
    def test_configurations_are_those_of_the_overlays(self):
        self.assertEqual(compose_bundle(FDG, OVERLAYS, self.target), self.target)
        for kind in ("train", "inference"):
            composed = ConfigParser()
            composed.read_config(str(self.target / "configs" / f"{kind}.json"))
            expected = parser(kind, *OVERLAYS, bundle_root=".").get()
            self.assertEqual(composed.get(), expected)

    def test_layout(self):
        compose_bundle(FDG, OVERLAYS, self.target)
        configs = {p.name for p in (self.target / "configs").iterdir()}
        source = {p.name for p in (FDG / "configs").iterdir()}
        self.assertEqual(configs, {n for n in source if not n.startswith("variant_")} - {"demo.json"})
        self.assertTrue((self.target / "LICENSE").is_file())
        self.assertEqual(list((self.target / "models").iterdir()), [])
        self.assertEqual([p.name for p in self.root.iterdir()], ["composed"], "nothing half-finished is left")
        for path in (self.target / "configs").glob("*.json"):
            text = path.read_text()
            self.assertEqual(text, json.dumps(json.loads(text), indent=4) + "\n", path.name)

    def test_metadata(self):
        compose_bundle(FDG, OVERLAYS, self.target, data_source="phantoms")
        before, after = (_read(root / "configs" / "metadata.json") for root in (FDG, self.target))
        self.assertEqual(after["data_source"], "phantoms")
        shape = after["network_data_format"]["inputs"]["image"].pop("spatial_shape")
        self.assertEqual(shape, _read(FDG / "configs" / "demo.json")["image_size"])
        before["network_data_format"]["inputs"]["image"].pop("spatial_shape")
        for key in ("data_source", "description", "changelog"):
            del before[key], after[key]
        self.assertEqual(after, before)

    def test_it_says_what_it_is(self):
        weights = self.root / "weights.pt"
        torch.save({}, weights)
        compose_bundle(FDG, OVERLAYS, self.target, model_file=weights, data_source="phantoms")
        for name in ("configs/metadata.json", "docs/README.md"):
            text = (self.target / name).read_text()
            for false in ("ResNet-50", "no weights", "without weights", "512"):
                self.assertNotIn(false, text, name)
            for true in ("UNetEncoder", "variant_exact, demo", "with weights", "phantoms"):
                self.assertIn(true, text, name)

    def test_a_network_without_the_encoder_does_not_name_it(self):
        compose_bundle(FDG, ["variant_vit", "demo"], self.target)
        description = _read(self.target / "configs" / "metadata.json")["description"]
        self.assertIn("ViTClassifier, composed", description)
        self.assertNotIn("UNetEncoder", description)

    def test_without_overlays_it_is_the_bundle(self):
        compose_bundle(FDG, [], self.target)
        for name in ("train.json", "inference.json"):
            self.assertEqual(_read(self.target / "configs" / name), _read(FDG / "configs" / name))

    def test_source_is_untouched(self):
        before = {p: p.read_bytes() for p in FDG.rglob("*.json")}
        compose_bundle(FDG, OVERLAYS, self.target)
        self.assertEqual({p: p.read_bytes() for p in FDG.rglob("*.json")}, before)

    def test_results_and_data_are_not_taken_along(self):
        source = self.root / "source"
        shutil.copytree(FDG / "configs", source / "configs")
        for folder in ("models", "eval", "cache", "data", "runs"):
            (source / folder).mkdir()
            (source / folder / "x").touch()
        compose_bundle(source, [], self.target)
        self.assertEqual([p.name for p in self.target.rglob("x")], [])

    def test_network_fits_its_metadata(self):
        compose_bundle(FDG, OVERLAYS, self.target)
        configs = self.target / "configs"
        verify_net_in_out(
            net_id="network_def",
            meta_file=str(configs / "metadata.json"),
            config_file=str(configs / "inference.json"),
            device="cpu",
        )

    @parameterized.expand(["train", "inference"])
    def test_monai_loads_it(self, kind):
        network = parser("inference", *OVERLAYS).get_parsed_content("network_def").eval()
        torch.save(network.state_dict(), self.root / "trained.pt")
        compose_bundle(FDG, OVERLAYS, self.target, model_file=self.root / "trained.pt")
        loaded = load("composed", bundle_dir=str(self.root), workflow_type=kind, device="cpu").eval()
        x = torch.rand(1, 1, 128, 128)
        with torch.no_grad():
            torch.testing.assert_close(loaded(x), network(x), rtol=0, atol=0)


class TestRefusals(InFolder):
    def _refused(self, message: str, *arguments: object) -> None:
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            status = main(["compose", *map(str, arguments)])
        self.assertEqual(status, 2)
        self.assertEqual(len(err.getvalue().splitlines()), 1)
        self.assertRegex(err.getvalue(), f"^error: {message}")

    def _compose(self, message: str, *more: object, root: Path = FDG) -> None:
        self._refused(message, "--bundle_root", root, "--output_dir", self.target, *more)
        self.assertEqual(list(self.root.iterdir()), [], "nothing was written")

    def test_no_bundle(self):
        self._compose(
            "bundle_root: expected the file inference.json for 'nowhere', got none", root=self.root / "nowhere"
        )

    def test_no_overlay(self):
        self._compose("overlays: expected the file variant_new.json", "--overlays", "variant_exact", "variant_new")

    def test_no_weights(self):
        self._compose("model_file: expected the file gone.pt", "--model_file", self.root / "gone.pt")

    def test_existing_output(self):
        self.target.mkdir()
        (self.target / "mine").touch()
        self._refused("output_dir: .* got 'composed'", "--bundle_root", FDG, "--output_dir", self.target)
        self.assertEqual([p.name for p in self.target.iterdir()], ["mine"])

    def test_command(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = main(["compose", "--bundle_root", str(FDG), "--output_dir", str(self.target)])
        self.assertEqual((status, out.getvalue()), (0, f"{self.target}\n"))
