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
"""The networks the FDG bundle's overlays describe: sizes, MONAI's own checks, TorchScript and export."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path

import pytest
import torch
from monai.bundle import ckpt_export, verify_net_in_out
from parameterized import parameterized

from monai_dd.utils.enums import AttentionKeys
from tests.bundles.setting import FDG, SMALL, VARIANTS, config_files, parser

# Ron et al. (2022), Table 3, in millions, printed with one decimal: 0.5 % covers the rounding
TABLE_3 = {
    "variant_baseline": 23.5e6,
    "variant_tau_fine_gated": 26.6e6,
    "variant_tau_coarse_gated": 27.7e6,
    "variant_unconstrained_gated": 30.8e6,
    "variant_dual_gated": 30.8e6,
    "variant_kl_fine_coarse_gated": 30.8e6,
    "variant_kl_coarse_fine_gated": 30.8e6,
    "variant_cvx": 30.8e6,
}
NETWORK = {key: SMALL[key] for key in SMALL if key.startswith(("network_def", "image_size"))}
META = str(FDG / "configs" / "metadata.json")


def _network(variant: str, **override) -> torch.nn.Module:
    torch.manual_seed(0)
    config = parser("inference", variant, "demo", **{**NETWORK, **override})
    return config.get_parsed_content("network_def").eval()


class TestFullSize(unittest.TestCase):
    @parameterized.expand(sorted(TABLE_3.items()))
    def test_parameters_of_table_3(self, variant, expected):
        network = parser("inference", variant).get_parsed_content("network_def")
        count = sum(p.numel() for p in network.parameters())
        self.assertLess(abs(count / expected - 1), 0.005, count)

    def test_overlays_all_have_an_expectation(self):
        self.assertEqual(
            sorted(set(VARIANTS) - set(TABLE_3)), ["variant_dual", "variant_exact", "variant_unconstrained"]
        )

    def test_default(self):
        verify_net_in_out(net_id="network_def", meta_file=META, config_file=config_files("inference"), device="cpu")

    @parameterized.expand(VARIANTS)
    @pytest.mark.slow
    def test_variant(self, variant):
        files = config_files("inference", variant)
        verify_net_in_out(net_id="network_def", meta_file=META, config_file=files, device="cpu")

    @parameterized.expand(["variant_baseline", "variant_dual_gated", "variant_dual", "variant_exact"])
    @pytest.mark.slow
    def test_scripts(self, variant):
        network = parser("inference", variant).get_parsed_content("network_def").eval()
        x = torch.rand(1, 1, 512, 512)
        with torch.no_grad():
            torch.testing.assert_close(torch.jit.script(network)(x), network(x))


class TestSmall(unittest.TestCase):
    """The same overlays with the demo's encoder."""

    @parameterized.expand(VARIANTS)
    def test_verify_net_in_out(self, variant):
        # the metadata says 512x512, which is the size of the witness grids too
        override = {**NETWORK, "image_size": [512, 512]}
        files = config_files("inference", variant, "demo")
        verify_net_in_out(net_id="network_def", meta_file=META, config_file=files, device="cpu", **override)

    def test_verify_net_in_out_notices_other_classes(self):
        override = {**NETWORK, "image_size": [512, 512], "network_def#num_classes": 4}
        files = config_files("inference", "demo")
        with self.assertRaisesRegex(ValueError, "channel number"):
            verify_net_in_out(net_id="network_def", meta_file=META, config_file=files, device="cpu", **override)

    @parameterized.expand([(v, attention) for v in VARIANTS for attention in (False, True)])
    def test_scripts(self, variant, attention):
        network = _network(variant, **{"network_def#return_attention": attention})
        x = torch.rand(2, 1, 64, 64)
        with torch.no_grad():
            got, want = torch.jit.script(network)(x), network(x)
        torch.testing.assert_close(got, want)
        if attention:
            self.assertLessEqual({str(k) for k in AttentionKeys}, set(got))

    def test_both_forms_load_the_same_checkpoint(self):
        plain, maps = _network("variant_dual"), _network("variant_dual", **{"network_def#return_attention": True})
        maps.load_state_dict(plain.state_dict())
        x = torch.rand(1, 1, 64, 64)
        with torch.no_grad():
            torch.testing.assert_close(maps(x)["logits"], plain(x))


class TestExport(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.network = _network("variant_exact")
        torch.save(self.network.state_dict(), self.folder / "model.pt")

    def _export(self, **override):
        ckpt_export(
            net_id="network_def",
            filepath=str(self.folder / "model.ts"),
            ckpt_file=str(self.folder / "model.pt"),
            meta_file=META,
            config_file=config_files("inference", "variant_exact", "demo"),
            **{**NETWORK, **override},
        )
        extra = {"metadata.json": ""}
        return torch.jit.load(str(self.folder / "model.ts"), _extra_files=extra), extra

    def test_logits(self):
        exported, extra = self._export()
        x = torch.rand(2, 1, 64, 64)
        with torch.no_grad():
            torch.testing.assert_close(exported(x), self.network(x))
        self.assertEqual(json.loads(extra["metadata.json"])["version"], json.loads(Path(META).read_text())["version"])

    def test_maps_from_the_same_checkpoint(self):
        exported, _ = self._export(**{"network_def#return_attention": True})
        x = torch.rand(2, 1, 64, 64)
        with torch.no_grad():
            got, want = exported(x), self.network.with_attention()(x)
        torch.testing.assert_close(got, want)
