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
"""The networks every bundle's overlays describe: sizes, MONAI's own checks, TorchScript and export."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path

import pytest
import torch
from monai.bundle import ckpt_export, verify_net_in_out
from parameterized import parameterized

from monai_dd.utils.outputs import AttentionKeys
from tests.bundles.setting import BRATS, BUNDLES, CHEST, FDG, SMALL, config_files, parser, variants_of

# Ron et al. (2022), Table 3, in millions, printed with one decimal
TABLE_3 = {
    FDG: {
        "variant_baseline": 23.5e6,
        "variant_tau_fine_gated": 26.6e6,
        "variant_tau_coarse_gated": 27.7e6,
        "variant_unconstrained_gated": 30.8e6,
        "variant_dual_gated": 30.8e6,
        "variant_kl_fine_coarse_gated": 30.8e6,
        "variant_kl_coarse_fine_gated": 30.8e6,
        "variant_cvx": 30.8e6,
    },
    BRATS: {
        "variant_baseline": 4.7e6,
        "variant_tau_fine_gated": 4.7e6,
        "variant_tau_coarse_gated": 4.9e6,
        "variant_unconstrained_gated": 4.9e6,
        "variant_dual_gated": 4.9e6,
        "variant_kl_fine_coarse_gated": 4.9e6,
        "variant_kl_coarse_fine_gated": 4.9e6,
        "variant_cvx": 4.9e6,
    },
}
ROUNDING = {FDG: 0.005, BRATS: 0.02}  # of one decimal, relative to the smallest of the numbers
VIT_B16 = 85.4e6  # for both data sets
# not in that paper
OWN = {
    *("variant_dual", "variant_exact", "variant_unconstrained", "variant_four_level", "variant_dynamic_routing"),
    *(f"variant_{pooling}" for pooling in ("mean_pooling", "attention_pooling", "gated_attention", "loss_attention")),
    *("variant_loss_attention_capsule", "variant_evidence", "variant_softcam", "variant_medical_patchnet"),
}


def _dense_block(channels: int, layers: int) -> int:
    """Weights of a dense block of growth rate 32: two batch normalizations and two convolutions in each layer."""
    widths = (channels + 32 * layer for layer in range(layers))
    return sum(2 * width + 128 * width + 2 * 128 + 32 * 128 * 9 for width in widths)


STEM = 64 * 49 + 2 * 64  # one gray channel
TRANSITION = 2 * 256 + 128 * 256
CUT = STEM + _dense_block(64, 6) + TRANSITION + _dense_block(128, 12) + 2 * 512
# published networks without their 1000 classes, one channel for three in the first convolution, 14 findings
EXPECTED = {
    "variant_baseline": CUT + 14 * 513,
    "variant_robust": CUT + 14 * 513,
    "variant_chexnet": 7_978_856 - 1000 * 1025 - 2 * 64 * 49 + 14 * 1025,
    "variant_nih": 25_557_032 - 1000 * 2049 - 2 * 64 * 49 + 14 * 2049,
}
NETWORK = {key: SMALL[key] for key in SMALL if key.startswith(("encoder", "embed_dim", "image_size"))}
EACH = [(root.name, root) for root in BUNDLES]
EACH_WITH_VIT = [each for each in EACH if "variant_vit" in variants_of(each[1])]
EACH_VARIANT = [(f"{root.name}_{v}", root, v) for root in BUNDLES for v in variants_of(root)]
EACH_NETWORK = [
    each for each in EACH_VARIANT if each[2] in ("variant_exact", "variant_vit", "variant_evidence")
]  # one of each kind


def _meta(root: Path) -> str:
    return str(root / "configs" / "metadata.json")


def _network(root: Path, variant: str, *overlays: str, **override) -> torch.nn.Module:
    torch.manual_seed(0)
    return parser("inference", variant, *overlays, root=root, **override).get_parsed_content("network_def").eval()


def _small(root: Path, variant: str, **override) -> torch.nn.Module:
    return _network(root, variant, "demo", **{**NETWORK, **override})


def _image(root: Path, batch: int, size: list[int] | None = None) -> torch.Tensor:
    tensor = json.loads(Path(_meta(root)).read_text())["network_data_format"]["inputs"]["image"]
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, tensor["num_channels"], *(size or tensor["spatial_shape"]), generator=generator)


class TestFullSize(unittest.TestCase):
    @parameterized.expand([(f"{root.name}_{v}", root, v) for root in TABLE_3 for v in sorted(TABLE_3[root])])
    def test_parameters_of_table_3(self, _name, root, variant):
        count = sum(p.numel() for p in _network(root, variant).parameters())
        self.assertLess(abs(count / TABLE_3[root][variant] - 1), ROUNDING[root], count)

    @parameterized.expand(sorted(EXPECTED.items()))
    def test_parameters_of_chest_networks(self, variant, expected):
        self.assertEqual(sum(p.numel() for p in _network(CHEST, variant).parameters()), expected)

    @parameterized.expand(EACH_WITH_VIT)
    def test_parameters_of_the_transformer(self, _name, root):
        """The paper's number is that of one channel of 224x224; other sizes have more positions."""
        override = {"in_channels": 1, "image_size": [224, 224]}
        count = sum(p.numel() for p in _network(root, "variant_vit", **override).parameters())
        self.assertLess(abs(count - VIT_B16), 0.05e6)  # half of the last decimal
        count = sum(p.numel() for p in _network(root, "variant_vit").parameters())
        self.assertEqual(round(count / 1e6, 2), 86.04)

    @parameterized.expand(EACH)
    def test_overlays_all_have_an_expectation(self, _name, root):
        expected = {CHEST: EXPECTED, **TABLE_3}[root]
        self.assertLessEqual(set(variants_of(root)) - set(expected), {*OWN, "variant_vit"})

    @parameterized.expand(EACH)
    def test_default(self, _name, root):
        files = config_files("inference", root=root)
        verify_net_in_out(net_id="network_def", meta_file=_meta(root), config_file=files, device="cpu")

    @parameterized.expand(EACH_VARIANT)
    @pytest.mark.slow
    def test_variant(self, _name, root, variant):
        files = config_files("inference", variant, root=root)
        verify_net_in_out(net_id="network_def", meta_file=_meta(root), config_file=files, device="cpu")

    @parameterized.expand(EACH_VARIANT)
    @pytest.mark.slow
    def test_scripts(self, _name, root, variant):
        network, x = _network(root, variant), _image(root, 1)
        with torch.no_grad():
            torch.testing.assert_close(torch.jit.script(network)(x), network(x))


class TestSmall(unittest.TestCase):
    """The same overlays with the demo's encoder."""

    @parameterized.expand(EACH_VARIANT)
    def test_verify_net_in_out(self, _name, root, variant):
        # the size of the metadata, which is the size of the witness grids too, and its classes
        inference = parser("inference", root=root)
        override = {**NETWORK, **{key: inference[key] for key in ("image_size", "class_names")}}
        files = config_files("inference", variant, "demo", root=root)
        verify_net_in_out(net_id="network_def", meta_file=_meta(root), config_file=files, device="cpu", **override)

    @parameterized.expand(EACH)
    def test_verify_net_in_out_notices_other_classes(self, _name, root):
        size = parser("inference", root=root)["image_size"]
        override = {**NETWORK, "image_size": size, "network_def#num_classes": 7}
        files = config_files("inference", "demo", root=root)
        with self.assertRaisesRegex(ValueError, "channel number"):
            verify_net_in_out(net_id="network_def", meta_file=_meta(root), config_file=files, device="cpu", **override)

    @parameterized.expand([(f"{n}_{attention}", r, v, attention) for n, r, v in EACH_VARIANT for attention in (0, 1)])
    def test_scripts(self, _name, root, variant, attention):
        network, x = _small(root, variant, **{"network_def#return_attention": bool(attention)}), _image(
            root, 2, [64, 64]
        )
        with torch.no_grad():
            got, want = torch.jit.script(network)(x), network(x)
        torch.testing.assert_close(got, want)
        if attention:
            self.assertLessEqual({str(k) for k in AttentionKeys}, set(got))

    @parameterized.expand(EACH_VARIANT)
    def test_both_forms_load_the_same_checkpoint(self, _name, root, variant):
        plain, maps = _small(root, variant), _small(root, variant, **{"network_def#return_attention": True})
        maps.load_state_dict(plain.state_dict())
        x = _image(root, 1, [64, 64])
        with torch.no_grad():
            torch.testing.assert_close(maps(x)["logits"], plain(x))


class TestExport(unittest.TestCase):
    def _export(self, root: Path, variant: str, **override):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        network = _small(root, variant)
        torch.save(network.state_dict(), Path(folder.name) / "model.pt")
        target = str(Path(folder.name) / "model.ts")
        ckpt_export(
            net_id="network_def",
            filepath=target,
            ckpt_file=str(Path(folder.name) / "model.pt"),
            meta_file=_meta(root),
            config_file=config_files("inference", variant, "demo", root=root),
            **{**NETWORK, **override},
        )
        extra = {"metadata.json": ""}
        return network, torch.jit.load(target, _extra_files=extra), json.loads(extra["metadata.json"])

    @parameterized.expand(EACH_NETWORK)
    def test_logits(self, _name, root, variant):
        network, exported, metadata = self._export(root, variant)
        x = _image(root, 2, [64, 64])
        with torch.no_grad():
            torch.testing.assert_close(exported(x), network(x))
        self.assertEqual(metadata["version"], json.loads(Path(_meta(root)).read_text())["version"])

    @parameterized.expand(EACH_NETWORK)
    def test_maps_from_the_same_checkpoint(self, _name, root, variant):
        network, exported, _ = self._export(root, variant, **{"network_def#return_attention": True})
        x = _image(root, 2, [64, 64])
        with torch.no_grad():
            got, want = exported(x), network.with_attention()(x)
        torch.testing.assert_close(got, want)
