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
"""Tests of the safe copy."""

from __future__ import annotations

import unittest

import torch
from monai.networks.nets import DenseNet, ViT
from parameterized import parameterized
from torch import nn

from monai_dd.explain import UnsuitedError, make_safe_copy
from tests.networks.nets.variants import build


def _image(*size, batch=2):
    return torch.randn(batch, 1, *size, generator=torch.Generator().manual_seed(1))


def _warm(network, *size):
    """Batch normalization with statistics that are neither 0 nor 1."""
    network.train()
    with torch.no_grad():
        network(_image(*size, batch=4))
    return network


def _densenet(spatial_dims=2):
    return DenseNet(spatial_dims, 1, 3, init_features=4, growth_rate=2, block_config=(2, 2), bn_size=1)


class _InPlace(nn.Module):
    """Activations called again, as modules, methods and functions, all in place, beside a reader of the input."""

    def __init__(self):
        super().__init__()
        self.first, self.act, self.last = nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Linear(2, 3)

    def forward(self, x):
        x = self.first(x)
        kept = x
        y = self.act(x)  # `kept` changes with it
        y = self.act(y - 0.1).relu_()
        y += kept
        y = nn.functional.relu(y - 0.05, inplace=True)
        torch.sigmoid_(y)
        y = y - 0.6
        nn.functional.leaky_relu_(y, 0.1)
        rows = x.shape[0] + 0 * x.size(1)
        return {"logits": self.last(y.mean((2, 3)).reshape(rows, -1)), "other": y}


class TestEquality(unittest.TestCase):
    @parameterized.expand([(e, d) for e in ("unet", "resnet") for d in (2, 3)])
    def test_without_attention(self, encoder, spatial_dims):
        torch.manual_seed(0)
        size = [32] * spatial_dims
        network = _warm(build("baseline", spatial_dims, encoder, 32)[0], *size)
        image = _image(*size)
        for form in (network, network.with_attention()):
            self.assertEqual(make_safe_copy(form)(image).shape, (2, 3))
        copied = make_safe_copy(network)(image)
        torch.testing.assert_close(copied, network.eval()(image))

    @parameterized.expand([(2,), (3,)])
    def test_densenet(self, spatial_dims):
        torch.manual_seed(0)
        size = [16] * spatial_dims
        network = _warm(_densenet(spatial_dims), *size)
        copied = make_safe_copy(network)(_image(*size))
        torch.testing.assert_close(copied, network.eval()(_image(*size)))

    def test_what_works_in_place(self):
        torch.manual_seed(0)
        network = _InPlace()
        torch.testing.assert_close(make_safe_copy(network)(_image(6, 6)), network(_image(6, 6))["logits"])


class TestForm(unittest.TestCase):
    @parameterized.expand(["inplace", "baseline", "densenet"])
    def test_one_module_a_call_and_nothing_in_place(self, kind):
        networks = {"inplace": _InPlace, "baseline": lambda: build("baseline", 2, "resnet", 32)[0]}
        result = make_safe_copy(networks.get(kind, _densenet)())
        calls = [node for node in result.graph.nodes if node.op == "call_module"]
        self.assertEqual(len({id(result.get_submodule(node.target)) for node in calls}), len(calls))
        self.assertFalse(any(getattr(m, "inplace", False) for m in result.modules()))
        others = [node.target for node in result.graph.nodes if node.op != "call_module"]
        names = [str(getattr(target, "__name__", target)) for target in others]
        self.assertFalse([name for name in names if name.endswith("_") and not name.endswith("__")])
        for node in calls:  # every module reads a tensor of its own
            self.assertTrue(all(len(source.users) == 1 for source in node.all_input_nodes), node)
        if kind == "inplace":
            self.assertEqual(sum(isinstance(m, nn.ReLU) for m in result.modules()), 4)


class TestOriginal(unittest.TestCase):
    def test_stays_as_it_is(self):
        network = build("baseline", 2, "resnet", 32)[0]
        network.train()
        network.encoder.stages[1].eval()
        network(_image(32, 32)).sum().backward()
        grads = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
        state = {k: v.clone() for k, v in network.state_dict().items()}
        modes = [m.training for m in network.modules()]
        places = [getattr(m, "inplace", None) for m in network.modules()]
        copied = make_safe_copy(network)
        for module in copied.modules():
            module.register_forward_hook(lambda *_: None)
        copied(_image(32, 32))
        self.assertFalse(any(m.training for m in copied.modules()))
        self.assertEqual([m.training for m in network.modules()], modes)
        self.assertEqual([getattr(m, "inplace", None) for m in network.modules()], places)
        self.assertFalse(any(m._forward_hooks for m in network.modules()))
        torch.testing.assert_close(network.state_dict(), state, rtol=0, atol=0)
        kept = {n: p.grad for n, p in network.named_parameters() if p.grad is not None}
        torch.testing.assert_close(kept, grads, rtol=0, atol=0)

    def test_shares_its_weights(self):
        network = build("baseline", 2, "unet", 32)[0]
        copied = make_safe_copy(network)
        network.load_state_dict(_warm(build("baseline", 2, "unet", 32)[0], 32, 32).state_dict())
        network.double().eval()
        torch.testing.assert_close(copied(_image(32, 32).double()), network(_image(32, 32).double()))


class TestRefusals(unittest.TestCase):
    def test_what_cannot_be_traced(self):
        class Chooses(nn.Module):
            def forward(self, x):
                return x if x.sum() > 0 else -x

        vit = ViT(1, (16, 16), 8, 12, 12, 1, 2, classification=True, spatial_dims=2)
        for network in (Chooses(), vit, build("exact", 2, "unet", 16)[0]):
            line = rf"^network: torch.fx cannot trace {type(network).__name__} \(.+\)$"
            with self.subTest(line), self.assertRaisesRegex(UnsuitedError, line):
                make_safe_copy(network)


if __name__ == "__main__":
    unittest.main()
