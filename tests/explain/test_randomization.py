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
"""Tests of the cascading randomization."""

from __future__ import annotations

import unittest

import torch
from monai.networks.nets import ResNet
from parameterized import parameterized
from torch import nn

from monai_dd.explain import randomize_cascade
from monai_dd.networks.nets import ViTClassifier
from tests.explain.test_safe_copy import _densenet, _image, _warm
from tests.networks.nets.patches import POOLINGS
from tests.networks.nets.patches import build as build_patches
from tests.networks.nets.variants import build

ORDERS = {
    "baseline": ["head", "bottleneck", "block4", "block3", "block2", "block1"],
    "tau_fine_gated": ["head", "bottleneck", "block4", "attention_block3", "block3", "block2", "block1"],
    "dual": ["head", "witness", "attention_block4", "block4", "attention_block3", "block3", "block2", "block1"],
    "exact": ["head", "attention_block4", "block4", "attention_block3", "block3", "block2", "block1"],
}


def _noisy(network):
    """Weights that a default start does not give back, such as those of normalizations and tokens."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return network


def _network(name="dual"):
    torch.manual_seed(0)
    return _noisy(_warm(build(name, 2, "unet", 32)[0], 32, 32))


def _changed(first, second):
    """Names of the tensors that differ."""
    state = second.state_dict()
    return {name for name, value in first.state_dict().items() if not torch.equal(value, state[name])}


def _vit():
    sizes = {"patch_size": 8, "hidden_size": 24, "mlp_dim": 24, "num_layers": 3, "num_heads": 3}
    return _noisy(ViTClassifier(1, (32, 32), 2, **sizes))


class TestOrder(unittest.TestCase):
    @parameterized.expand(ORDERS)
    def test_attention_classifier(self, name):
        self.assertEqual([group for group, _ in randomize_cascade(_network(name))], ORDERS[name])

    def test_vision_transformer(self):
        """Each group, from the output to the input, with what is in it; the norm stands behind the last block."""
        places = {
            "head": ["head."],
            "encoder.blocks.2": ["encoder.blocks.2.", "encoder.norm."],
            "encoder.blocks.1": ["encoder.blocks.1."],
            "encoder.blocks.0": ["encoder.blocks.0."],
            "encoder.patch_embedding": ["encoder.patch_embedding.", "encoder.cls_token"],
        }
        self._check(_vit(), places)

    @parameterized.expand(POOLINGS)
    def test_patch_classifier(self, pooling):
        names = ["head", "reduce", *(f"encoder.stages.{i}" for i in (4, 3, 2, 1, 0))]
        self._check(_noisy(build_patches(pooling)), {name: [f"{name}."] for name in names})

    def _check(self, network, places):
        before = network
        for (name, randomized), expected in zip(randomize_cascade(network), places, strict=True):
            self.assertEqual(name, expected)
            fresh = _changed(before, randomized) & {key for key, p in network.named_parameters() if p.numel() > 1}
            inside = {key for key, p in network.named_parameters() if key.startswith(tuple(places[name]))}
            self.assertEqual(fresh, {key for key in inside if network.get_parameter(key).numel() > 1})
            before = randomized

    def test_other_networks(self):
        names = [name for name, _ in randomize_cascade(_densenet())]
        expected = ["denseblock2", "transition1", "denseblock1", "conv0"]
        self.assertEqual(names, ["class_layers.out", *(f"features.{name}" for name in expected)])
        resnet = ResNet("basic", [2, 1, 1, 1], [2, 2, 2, 2], spatial_dims=2, n_input_channels=1, num_classes=2)
        names = [name for name, _ in randomize_cascade(resnet)]
        self.assertEqual(names, ["fc", "layer4", "layer3", "layer2", "layer1", "conv1"])

    def test_cumulative_one_group_at_a_time(self):
        network = _network()
        places = {"head": "heads.", "witness": "witness."}
        places |= {f"attention_block{i + 1}": f"units.{i}." for i in range(4)}
        places |= {f"block{i + 1}": f"encoder.stages.{i}." for i in range(4)}
        before, seen = network, set()
        for name, randomized in randomize_cascade(network, 3):
            seen.add(places[name])
            fresh = _changed(before, randomized)
            self.assertTrue(fresh and all(key.startswith(places[name]) for key in fresh), (name, fresh))
            total = _changed(network, randomized)
            self.assertTrue(all(key.startswith(tuple(seen)) for key in total))
            before = randomized
        for key, value in network.named_parameters():  # all that is read, but single numbers
            if value.numel() > 1 and not key.startswith("encoder.stages.4"):
                self.assertIn(key, total)

    def test_every_network_of_the_cascade_runs(self):
        network = _network()
        outputs = [copy.eval()(_image(32, 32)) for _, copy in randomize_cascade(network.with_attention())]
        self.assertTrue(all(torch.isfinite(out["logits"]).all() for out in outputs))
        first = network.eval()(_image(32, 32))
        self.assertTrue(all(not torch.allclose(out["logits"], first) for out in outputs))


class TestDraws(unittest.TestCase):
    def test_deterministic_with_the_seed(self):
        network = _network()
        first = [copy for _, copy in randomize_cascade(network, 1)]
        torch.manual_seed(99)
        for one, (_, two) in zip(first, randomize_cascade(network, 1), strict=True):
            torch.rand(3)  # what the caller draws in between changes nothing
            self.assertEqual(_changed(one, two), set())
        other = [copy for _, copy in randomize_cascade(network, 2)]
        self.assertTrue(_changed(first[-1], other[-1]))

    def test_leaves_nothing_behind(self):
        network = _network()
        network.encoder.stages[0].eval()
        state = {k: v.clone() for k, v in network.state_dict().items()}
        modes = [m.training for m in network.modules()]
        before = torch.get_rng_state()
        first, *_ = [copied for _, copied in randomize_cascade(network)]
        with torch.no_grad():
            for parameter in first.parameters():  # not even what was not randomized is the network's own
                parameter.zero_()
        self.assertTrue(torch.equal(torch.get_rng_state(), before))
        torch.testing.assert_close(network.state_dict(), state, rtol=0, atol=0)
        self.assertEqual([m.training for m in network.modules()], modes)

    @parameterized.expand([(_network,), (_vit,)])
    def test_copies_share_what_is_equal(self, make):
        """Together they have each tensor twice, as the network had it and as it was drawn."""
        network = make()
        copies = [copy for _, copy in randomize_cascade(network)]
        tensors = {t.data_ptr(): t for copy in copies for t in (*copy.parameters(), *copy.buffers())}
        size = sum(t.numel() for t in (*network.parameters(), *network.buffers()))
        self.assertGreater(len(copies), 4)
        self.assertLessEqual(sum(t.numel() for t in tensors.values()), 2 * size)
        self.assertFalse(tensors.keys() & {t.data_ptr() for t in (*network.parameters(), *network.buffers())})

    def test_parameters_without_a_start_are_shuffled(self):
        network = _network()
        last = list(randomize_cascade(network))[-1][1]
        torch.testing.assert_close(
            last.witness[0].grid.flatten().sort().values, network.witness[0].grid.flatten().sort().values
        )
        self.assertFalse(torch.equal(last.witness[0].grid, network.witness[0].grid))
        self.assertEqual(last.units[2].gates[0].log_scale, network.units[2].gates[0].log_scale)

    def test_own_parameters_of_the_network(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.token, self.first, self.head = nn.Parameter(torch.arange(9.0)), nn.Linear(2, 2), nn.Linear(2, 2)

        network = Net()
        steps = dict(randomize_cascade(network))
        self.assertEqual(list(steps), ["head", "first"])
        self.assertEqual(_changed(steps["head"], network), {"head.weight", "head.bias"})
        self.assertIn("token", _changed(steps["first"], network))
        torch.testing.assert_close(steps["first"].head.state_dict(), steps["head"].head.state_dict())


class TestRefusals(unittest.TestCase):
    def test_before_the_first_step(self):
        with self.assertRaisesRegex(ValueError, "^seed: expected 0 or more, got -1$"):
            randomize_cascade(_network(), -1)
        with self.assertRaisesRegex(ValueError, "^network: expected parameters, got Flatten without$"):
            randomize_cascade(nn.Flatten())


if __name__ == "__main__":
    unittest.main()
