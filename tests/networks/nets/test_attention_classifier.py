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
"""Tests of the attention classifier: what it computes."""

from __future__ import annotations

import unittest
from itertools import combinations, pairwise

import torch
from parameterized import parameterized

from monai_dd.metrics import compute_consistency_gap
from monai_dd.networks.encoders import ResNetEncoder, UNetEncoder
from monai_dd.networks.layers import consistent_attention, spatial_log_softmax, witnessed_attention
from monai_dd.networks.nets import AttentionClassifier
from monai_dd.utils.outputs import AttentionKeys
from tests.networks.nets.variants import VARIANTS, build

STAGES = ["block1", "block2", "block3", "block4"]
SUBSETS = [(subset,) for n in range(1, 5) for subset in combinations(STAGES, n)]


def _count(network):
    return sum(p.numel() for p in network.parameters())


class TestParameterCounts(unittest.TestCase):
    def test_resnet50_baseline(self):
        # Ron et al. (2022), Table 3: 23.5M
        self.assertEqual(round(_count(AttentionClassifier(ResNetEncoder(2, 1), 3)) / 1e6, 2), 23.51)

    @parameterized.expand(
        [(["block3"], 1536, 26.6e6), (["block4"], 1024, 27.7e6), (["block3", "block4"], (1536, 1024), 30.8e6)]
    )
    def test_resnet50_attended(self, attend, embed_dim, expected):
        # Ron et al. (2022), Table 3, printed with one decimal: 0.5 % covers the rounding
        network = AttentionClassifier(ResNetEncoder(2, 1), 3, attend, embed_dim=embed_dim, num_gates=2)
        self.assertLess(abs(_count(network) - expected) / expected, 0.005)

    @parameterized.expand(
        [
            ({}, 4_715_522),
            ({"attend": STAGES, "embed_dim": 512}, 4_965_382),
            ({"attend": STAGES, "embed_dim": 512, "consistency": "dual", "img_size": 256}, 4_986_886),
        ]
    )
    def test_unet(self, options, expected):
        self.assertEqual(_count(AttentionClassifier(UNetEncoder(2, 4, 32), 2, **options)), expected)


class TestOutput(unittest.TestCase):
    @parameterized.expand([(name, dims) for name in VARIANTS for dims in (2, 3)])
    def test_shapes_and_keys(self, name, dims):
        network, _ = build(name, dims, img_size=32, return_attention=True)
        output = network(torch.randn(2, 1, *[32] * dims))
        self.assertEqual(set(output), {str(key) for key in AttentionKeys})
        self.assertEqual(output["logits"].shape, (2, 3))
        attend = network.attend or ["block4"]
        sides = {"fine": 2 if attend[0] == "block3" else 1, "coarse": 2 if attend[-1] == "block3" else 1}
        for level, side in sides.items():
            for prefix in ("phi", "log_tau", "log_mu"):
                m = output[f"{prefix}_{level}"]
                self.assertEqual((tuple(m.shape), m.dtype), ((2, 1, *[side] * dims), torch.float32))
        plain, _ = build(name, dims, img_size=32)
        self.assertEqual(plain(torch.randn(2, 1, *[32] * dims)).shape, (2, 3))

    def test_baseline_attends_uniformly(self):
        network, _ = build("baseline", return_attention=True)
        output = network.eval()(torch.randn(2, 1, 64, 64))
        torch.testing.assert_close(output["log_mu_fine"].exp(), torch.full((2, 1, 2, 2), 0.25))

    def test_levels_between_fine_and_coarse_are_numbered(self):
        network, _ = build("exact", attend=STAGES, return_attention=True)
        output = network.eval()(torch.randn(1, 1, 64, 64))
        sides = {key: m.shape[-1] for key, m in output.items() if key.startswith("log_mu")}
        self.assertEqual(sides, {"log_mu_fine": 16, "log_mu_level1": 8, "log_mu_level2": 4, "log_mu_coarse": 2})

    @parameterized.expand(SUBSETS)
    def test_any_one_to_all_stages(self, attend):
        for readout in ("pool", "attention"):
            for consistency in ("none", "dual", "exact") if len(attend) > 1 else ("none",):
                with self.subTest(readout=readout, consistency=consistency):
                    network, _ = build(
                        "dual", attend=attend, readout=readout, consistency=consistency, return_attention=True
                    )
                    output = network.eval()(torch.randn(1, 1, 64, 64))
                    maps = [m for key, m in output.items() if key.startswith("log_mu")]
                    self.assertEqual(len(maps), max(len(attend), 2))
                    for m in maps:
                        self.assertAlmostEqual(m.exp().sum().item(), 1.0, places=5)


class TestMathematics(unittest.TestCase):
    @parameterized.expand([(c, dims) for c in ("none", "dual", "exact") for dims in (2, 3)])
    def test_attention_readout_equals_loops(self, consistency, dims):
        torch.manual_seed(0)
        network, _ = build("dual", dims, consistency=consistency, attend=["block2", "block3", "block4"], img_size=32)
        network = network.double().eval()
        for grid in network.witness:
            torch.nn.init.normal_(grid.grid)
        x = torch.randn(2, 1, *[32] * dims, dtype=torch.float64)
        features = network.encoder(x)[1:]
        potentials = [unit.gates[0](v) for unit, v in zip(list(network.units)[1:], features, strict=True)]
        if consistency == "none":
            log_mu = [spatial_log_softmax(phi) for phi in potentials]
        elif consistency == "dual":
            log_mu = witnessed_attention(potentials, [grid.grid for grid in network.witness])
        else:
            log_mu = consistent_attention(potentials).log_mu
        logits = torch.zeros(2, 3, dtype=torch.float64)
        for name, v, m in zip(network.attend, features, log_mu, strict=True):
            W, b = network.heads[name].weight, network.heads[name].bias
            for sample in range(2):
                columns, masses = v[sample].flatten(1), m[sample].flatten().exp()
                pooled = sum(masses[i] * columns[:, i] for i in range(columns.shape[1]))
                logits[sample] += W @ pooled + b
        # float64: the sums run in another order
        torch.testing.assert_close(network(x), logits, rtol=1e-10, atol=1e-10)
        output = network.with_attention()(x)
        levels = ["fine", "level1", "coarse"]
        for level, m, phi in zip(levels, log_mu, potentials, strict=True):
            torch.testing.assert_close(output[f"log_mu_{level}"], m)
            torch.testing.assert_close(output[f"phi_{level}"], phi)
            torch.testing.assert_close(output[f"log_tau_{level}"], spatial_log_softmax(phi))

    @parameterized.expand([(rescale, dims) for rescale in (False, True) for dims in (2, 3)])
    def test_pool_readout_gates_in_mid_network(self, rescale, dims):
        torch.manual_seed(0)
        network, _ = build("dual_gated", dims, attend=["block2", "block4"], rescale=rescale, img_size=32)
        network = network.double().eval()
        x = torch.randn(2, 1, *[32] * dims, dtype=torch.float64)
        v = x
        for stage, unit in zip(network.encoder.stages, network.units, strict=True):
            v = stage(v)
            for gate in getattr(unit, "gates", []):
                tau = spatial_log_softmax(gate(v)).exp()
                v = tau * v * (tau[0].numel() if rescale else 1)
        logits = network.heads["block4"](v.flatten(2).mean(-1))
        torch.testing.assert_close(network(x), logits, rtol=1e-10, atol=1e-12)

    @parameterized.expand([("exact", "attention"), ("dual", "attention"), ("dual_gated", "pool")])
    def test_uniform_gates_leave_the_baseline(self, name, readout):
        """With rescaling (or as the pooling, one level at a time) uniform attention is global average pooling."""
        torch.manual_seed(0)
        baseline, _ = build("baseline")
        network, _ = build(name, rescale=True)
        network.load_state_dict(baseline.state_dict(), strict=False)
        for unit in list(network.units)[2:]:
            for gate in unit.gates:
                torch.nn.init.zeros_(gate.project.weight)
        if readout == "attention":
            torch.nn.init.zeros_(network.heads["block3"].weight)
            torch.nn.init.zeros_(network.heads["block3"].bias)
        x = torch.randn(2, 1, 64, 64)
        torch.testing.assert_close(network.eval()(x), baseline.eval()(x), rtol=1e-4, atol=1e-5)

    @parameterized.expand([(dims, attend) for dims in (2, 3) for attend in (STAGES[2:], STAGES)])
    def test_exact_levels_agree(self, dims, attend):
        torch.manual_seed(0)
        network, _ = build("exact", dims, attend=attend, img_size=64, return_attention=True)
        output = network(10 * torch.randn(2, 1, *[64] * dims))
        names = ["fine", "level1", "level2", "coarse"] if len(attend) == 4 else ["fine", "coarse"]
        for fine, coarse in pairwise(names):
            gap = compute_consistency_gap(output[f"log_mu_{fine}"], output[f"log_mu_{coarse}"])
            self.assertLess(gap.max().item(), 1e-6)
        spread = output["log_tau_fine"].exp().flatten(1).max(1).values * output["log_tau_fine"][0].numel()
        self.assertGreater(spread.min().item(), 1.05)

    def test_witness_starts_at_zero_and_moves_the_maps(self):
        network, _ = build("dual", return_attention=True)
        x = torch.randn(1, 1, 64, 64)
        output = network.eval()(x)
        torch.testing.assert_close(output["log_mu_fine"], output["log_tau_fine"])
        torch.nn.init.normal_(network.witness[0].grid)
        moved = network(x)
        torch.testing.assert_close(moved["log_tau_fine"], output["log_tau_fine"])
        self.assertGreater((moved["log_mu_coarse"] - output["log_mu_coarse"]).abs().max().item(), 0.1)

    def test_witness_serves_other_sizes_of_the_same_proportions(self):
        network, _ = build("dual", img_size=[128, 64])
        self.assertEqual(network.eval()(torch.randn(1, 1, 256, 128)).shape, (1, 3))
        with self.assertRaisesRegex(ValueError, "^[^\n]*witness[^\n]*proportions, got [^\n]*$"):
            network(torch.randn(1, 1, 128, 128))

    @parameterized.expand([(name,) for name in VARIANTS])
    def test_batch_of_one_equals_row_of_four(self, name):
        torch.manual_seed(0)
        network, _ = build(name, return_attention=True)
        x = torch.randn(4, 1, 64, 64)
        batch = network.eval()(x)
        for row in range(4):
            for key, value in network(x[row : row + 1]).items():
                # convolutions may sum in another order for another batch size
                torch.testing.assert_close(value[0], batch[key][row], rtol=1e-4, atol=1e-5)

    @parameterized.expand([("dual",), ("dual_gated",), ("exact",)])
    def test_embeddings_follow_the_order_of_attend(self, name):
        network, _ = build(name, attend=["block4", "block3"], embed_dim=(7, 5))
        self.assertEqual(network.attend, ["block3", "block4"])
        self.assertEqual([network.units[stage].gates[0].embed.out_channels for stage in (2, 3)], [5, 7])

    def test_holds_no_stage_that_it_does_not_run(self):
        network, _ = build("exact", encoder="unet")
        self.assertEqual([info.name for info in network.encoder.feature_info], [f"block{i}" for i in range(1, 5)])
        network(torch.randn(2, 1, 64, 64)).sum().backward()
        self.assertEqual([n for n, p in network.named_parameters() if p.grad is None], [])


class TestBadInput(unittest.TestCase):
    @parameterized.expand(
        [
            ("num_classes", {"num_classes": 0}),
            ("attend", {"attend": ["blok3"]}),
            ("attend", {"attend": ["block3", "block3"]}),
            ("readout", {"readout": "max"}),
            ("readout", {"attend": [], "readout": "attention"}),
            ("consistency", {"consistency": "approximate"}),
            ("consistency", {"attend": ["block3"], "consistency": "exact"}),
            ("consistency", {"attend": ["block3"], "consistency": "dual"}),
            ("img_size", {"consistency": "dual"}),
            ("img_size", {"consistency": "dual", "img_size": 100}),
            ("img_size", {"consistency": "dual", "img_size": 0}),
            ("img_size", {"consistency": "dual", "img_size": [64, 64, 64]}),
            ("embed_dim", {"embed_dim": [1, 2, 3]}),
            ("embed_dim", {"embed_dim": 0}),
            ("num_gates", {"num_gates": 0}),
            ("init_scale", {"init_scale": -1.0}),
            ("smoothing", {"smoothing": -1}),
        ]
    )
    def test_argument(self, name, change):
        options = {"num_classes": 3, "attend": ["block3", "block4"], **change}
        with self.assertRaisesRegex(ValueError, f"^[^\n]*{name}[^\n]*expected[^\n]*got[^\n]*$"):
            AttentionClassifier(ResNetEncoder(2, 1, 18, features=2), **options)

    def test_dropout(self):
        with self.assertRaisesRegex(ValueError, "dropout"):
            AttentionClassifier(ResNetEncoder(2, 1, 18, features=2), 3, dropout=2.0)

    @parameterized.expand([("exact", "resnet", 100), ("dual", "resnet", 100), ("exact", "unet", 100)])
    def test_sizes_that_do_not_nest(self, name, encoder, size):
        network, _ = build(name, encoder=encoder)
        with self.assertRaisesRegex(ValueError, "^expected nested grids [^\n]*got [^\n]*$"):
            network(torch.randn(2, 1, size, size))

    def test_no_need_to_nest_without_consistency(self):
        network, _ = build("unconstrained")
        self.assertEqual(network(torch.randn(2, 1, 100, 100)).shape, (2, 3))


if __name__ == "__main__":
    unittest.main()
