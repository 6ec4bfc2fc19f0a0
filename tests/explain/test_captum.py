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
"""Tests of the methods of Captum."""

from __future__ import annotations

import runpy
import sys
import unittest
import warnings
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.networks.nets import SEResNet50
from parameterized import parameterized
from torch import nn

import monai_dd.explain.captum
from monai_dd.explain import (
    LRP,
    CompletenessWarning,
    DeepLIFT,
    GradientXInput,
    IntegratedGradients,
    UnsuitedError,
    attribution_map,
)
from tests.explain.test_safe_copy import _densenet, _image, _warm
from tests.networks.nets.variants import build

KINDS = [(DeepLIFT,), (LRP,), (GradientXInput,), (IntegratedGradients,)]


def _baseline(spatial_dims=2, encoder="resnet"):
    torch.manual_seed(0)
    return _warm(build("baseline", spatial_dims, encoder, 32)[0], *[32] * spatial_dims)


def _change(network, image, baseline, class_idx):
    network.eval()
    with torch.no_grad():
        return (network(image) - network(torch.full_like(image, baseline)))[:, class_idx]


class _ChangesView(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 1, 1, bias=False), nn.Linear(16, 2)
        nn.init.ones_(self.first.weight)

    def forward(self, x):
        x = self.first(x)
        x.flatten(1).relu_()
        return self.last(x.flatten(1))


class TestCompleteness(unittest.TestCase):
    @parameterized.expand([(e, d, b) for e in ("unet", "resnet", "densenet") for d in (2, 3) for b in (0.0, -0.4)])
    def test_deeplift(self, encoder, spatial_dims, baseline):
        """Overlapping windows of pooling, additions and concatenations; in float64 the gap is that of rounding."""
        size = [32 if encoder != "densenet" else 16] * spatial_dims
        torch.manual_seed(0)
        network = _warm(_densenet(spatial_dims), *size) if encoder == "densenet" else _baseline(spatial_dims, encoder)
        network, image = network.double(), _image(*size).double()
        total = DeepLIFT(network, baseline=baseline).attribute(image, 1).flatten(1).sum(1)
        change = _change(network, image, baseline, 1)
        torch.testing.assert_close(total, change, rtol=1e-9, atol=1e-13)  # 1e-16, times the values that cancel
        self.assertGreater(change.abs().max(), 1e-6)

    @given(seed=st.integers(0, 999), kernel=st.integers(1, 4), stride=st.integers(1, 3), dims=st.integers(2, 3))
    @settings(max_examples=25, deadline=None)
    def test_deeplift_of_maximum_pooling(self, seed, kernel, stride, dims):
        torch.manual_seed(seed)
        conv, pool = (nn.Conv2d, nn.MaxPool2d) if dims == 2 else (nn.Conv3d, nn.MaxPool3d)
        network = nn.Sequential(conv(1, 2, 2), nn.ReLU(), pool(kernel, stride), nn.Flatten(), nn.LazyLinear(2)).double()
        image = torch.randn(2, 1, *[7] * dims).double()
        network(image)
        total = DeepLIFT(network, baseline=0.3).attribute(image, 0).flatten(1).sum(1)
        torch.testing.assert_close(total, _change(network, image, 0.3, 0), rtol=1e-10, atol=1e-12)  # rounding, 1e-16

    @parameterized.expand([(2,), (3,)])
    def test_integrated_gradients(self, spatial_dims):
        """The rule of 64 points is exact where nothing jumps, to the float32 that Captum keeps them in."""
        torch.manual_seed(0)
        conv = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        network = nn.Sequential(conv(1, 2, 3), nn.Tanh(), conv(2, 2, 3), nn.Softplus(), nn.Flatten(), nn.LazyLinear(2))
        image = _image(*[6] * spatial_dims).double()
        network.double()(image)
        total = IntegratedGradients(network, baseline=0.2).attribute(image, 1).flatten(1).sum(1)
        torch.testing.assert_close(total, _change(network, image, 0.2, 1), rtol=1e-6, atol=1e-9)  # float32's is 1e-7

    @parameterized.expand([(2,), (3,)])
    def test_integrated_gradients_of_attention(self, spatial_dims):
        """The gap narrows with the steps: the gradient of a network with ReLU jumps along the way."""
        torch.manual_seed(0)
        size = [16] * spatial_dims
        network, image = _warm(build("exact", spatial_dims, "unet", 16)[0], *size).double(), _image(*size).double()
        change = _change(network, image, 0.2, 1)
        gaps = []
        for steps in (4, 256):
            explainer = IntegratedGradients(network, baseline=0.2, steps=steps, tolerance=100.0)
            gaps.append(((explainer.attribute(image, 1).flatten(1).sum(1) - change) / change).abs().max().item())
        self.assertLess(gaps[1], 0.05)  # what the explainer lets pass in silence
        self.assertLess(gaps[1], gaps[0])

    def test_relevance_adds_up_without_biases(self):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(1, 3, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 2, bias=False)
        ).double()
        explainer = LRP(network)
        self.assertTrue(explainer.complete)
        total = explainer.attribute(_image(8, 8).double(), 1).flatten(1).sum(1)
        expected = network(_image(8, 8).double())[:, 1]
        torch.testing.assert_close(total, expected, rtol=0, atol=1e-8)  # epsilon 1e-9, over sums of 0.1 and more
        self.assertFalse(LRP(_baseline()).complete)

    def test_a_gap_is_one_warning(self):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Sigmoid(), nn.Linear(4, 2))
        with torch.no_grad():
            network[1].weight *= 20
        line = (
            r"^IntegratedGradients: the attributions of \d of 3 images do not add up to the change of the logit: "
            r"largest gap [\d.]+%, expected up to 5.0%; more steps narrow it$"
        )
        with pytest.warns(CompletenessWarning, match=line) as caught:  # unittest's asks every module; some fail
            IntegratedGradients(network, steps=1, batch_size=2)(_image(4, 4, batch=3), 0)
        self.assertEqual([warning.filename for warning in caught], [__file__])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            IntegratedGradients(network, steps=500)(_image(4, 4, batch=3), 0)


class TestValues(unittest.TestCase):
    @parameterized.expand([(kind, dims) for (kind,) in KINDS for dims in (2, 3)])
    def test_linear_network(self, kind, spatial_dims):
        """All four give weight times input for a network w . x (with baseline 0)."""
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(4**spatial_dims, 3, bias=False)).double()
        image = _image(*[4] * spatial_dims).double()
        expected = (image.flatten(1) * network[1].weight[2]).reshape(image.shape).detach()
        # 1e-7: LRP's epsilon of 1e-9 over sums of 0.1, and the float32 that Captum keeps the points of a rule in
        torch.testing.assert_close(kind(network).attribute(image, 2), expected, rtol=1e-6, atol=1e-10)

    def test_gradient_by_hand(self):
        network, image = _baseline(), _image(32, 32).requires_grad_()
        network.eval()
        gradient = torch.autograd.grad(network(image)[:, 1].sum(), image)[0]
        torch.testing.assert_close(GradientXInput(network).attribute(image, 1), (gradient * image).detach())

    @parameterized.expand([(0.001,), (0.5,)])
    def test_relevance_by_hand(self, epsilon):
        """Two layers with biases and ReLU, one neuron after the other."""
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)).double()
        image = _image(2, 3).double()
        first, last = network[1], network[3]
        expected = torch.zeros(2, 6).double()
        for n, x in enumerate(image.flatten(1)):
            z = [(first.weight[i] @ x + first.bias[i]).item() for i in range(4)]
            a = [max(v, 0.0) for v in z]
            logit = sum(last.weight[1, i].item() * a[i] for i in range(4)) + last.bias[1].item()
            for i in range(4):
                relevance = a[i] * last.weight[1, i].item() * logit / (logit + epsilon * (1 if logit >= 0 else -1))
                for j in range(6):
                    share = x[j].item() * first.weight[i, j].item()
                    expected[n, j] += share / (z[i] + epsilon * (1 if z[i] >= 0 else -1)) * relevance
        result = LRP(network, epsilon=epsilon).attribute(image, 1).flatten(1)
        torch.testing.assert_close(result, expected, rtol=1e-10, atol=1e-13)  # rounding, 1e-16

    @parameterized.expand([(e, d) for e in ("unet", "resnet", "densenet") for d in (2, 3)])
    def test_relevance_without_epsilon_is_gradient_times_input(self, encoder, spatial_dims):
        """Ancona et al. 2018, Proposition 1, holds through batch normalization, additions and concatenations."""
        size = [32 if encoder != "densenet" else 16] * spatial_dims
        torch.manual_seed(0)
        network = _warm(_densenet(spatial_dims), *size) if encoder == "densenet" else _baseline(spatial_dims, encoder)
        network, image = network.double(), _image(*size).double()
        expected = GradientXInput(network).attribute(image, 1)
        result = LRP(network, epsilon=1e-14).attribute(image, 1)
        # epsilon 1e-14 counts where a sum is 1e-7 by chance, as one of thousands may be
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-7 * expected.abs().max().item())

    @parameterized.expand([("block1", 4), ("block3", 16), (None, 1)])
    def test_map_of_a_stage(self, layer, stride):
        """Sums of the cells, by a loop; what speaks against the class is cut, each image scaled by itself."""
        network, image = _baseline().double(), _image(64, 64).double()
        signed = GradientXInput(network).attribute(image, 1)
        size = 64 // stride
        expected = torch.zeros(2, 1, size, size).double()
        for n in range(2):
            for i in range(size):
                for j in range(size):
                    cell = signed[n, 0, i * stride : (i + 1) * stride, j * stride : (j + 1) * stride]
                    expected[n, 0, i, j] = max(cell.sum().item(), 0.0)
            expected[n] /= expected[n].max()
        # 1e-16, times the values that cancel in a cell
        torch.testing.assert_close(GradientXInput(network, layer)(image, 1), expected, rtol=0, atol=1e-12)

    def test_channels_are_scaled_each_and_added_up(self):
        signed = torch.tensor([[[[4.0, -2.0], [1.0, 1.0]], [[0.0, 0.5], [-8.0, 0.0]], [[-1.0, -1.0], [-1.0, -1.0]]]])
        expected = torch.tensor([[[[1.0, 1.0], [0.25, 0.25]]]])
        torch.testing.assert_close(attribution_map(signed), expected)
        expected = torch.tensor([[[[1.0 + 8 / 8.5, 0.0 + 1.0], [0.5, 0.5 + 8 / 8.5]]]])
        torch.testing.assert_close(attribution_map(signed, signed=True), expected)
        torch.testing.assert_close(attribution_map(signed[:, :2], 2), torch.ones(1, 1, 1, 1))  # sums of 4 and -7.5

    @parameterized.expand(KINDS)
    def test_batch_independence(self, kind):
        network, image = _baseline().double(), _image(32, 32, batch=5).double()
        image[0] = 0.0  # an image that equals its baseline must not touch the others
        classes = torch.tensor([0, 1, 2, 1, 0])
        options = {"steps": 4, "tolerance": 100.0} if kind is IntegratedGradients else {}
        expected = kind(network, **options).attribute(image, classes)
        scale = expected.abs().max().item()
        for size in (1, 2):
            result = kind(network, batch_size=size, **options).attribute(image, classes)
            torch.testing.assert_close(result, expected, rtol=0, atol=1e-9 * scale)  # order of sums, over LRP's small z
        single = kind(network, **options).attribute(image[3:4], 1)
        torch.testing.assert_close(single, expected[3:4], rtol=0, atol=1e-9 * scale)

    @parameterized.expand(
        [(kind, name) for kind in (GradientXInput, IntegratedGradients) for name in ("baseline", "exact")]
    )
    def test_both_forms(self, kind, name):
        network = build(name, 2, "unet", 16)[0]
        options = {"steps": 2, "tolerance": 100.0} if kind is IntegratedGradients else {}
        expected = kind(network, "block3", **options)(_image(16, 16), 1)
        self.assertEqual(expected.shape, (2, 1, 4, 4))
        torch.testing.assert_close(kind(network.with_attention(), "block3", **options)(_image(16, 16), 1), expected)

    @parameterized.expand([(DeepLIFT,), (LRP,)])
    def test_both_forms_without_attention(self, kind):
        network = _baseline()
        expected = kind(network, "block2")(_image(32, 32), 1)
        torch.testing.assert_close(kind(network.with_attention(), "block2")(_image(32, 32), 1), expected)

    @parameterized.expand(KINDS)
    def test_a_second_grid_costs_nothing(self, kind):
        network, runs = _baseline(), []
        network.register_forward_pre_hook(lambda _module, args: runs.append(len(args[0])))
        first = kind(network, "block2", **({"tolerance": 100.0} if kind is IntegratedGradients else {}))
        second = first.at_layer("block1")
        for class_idx in (None, 1, torch.tensor([0, 2])):
            first(_image(32, 32), class_idx)
            runs.clear()
            second(_image(32, 32), class_idx)
            self.assertEqual(runs, [])
        if kind in (DeepLIFT, LRP):  # its own logits, and those of a baseline of completeness; the copy does the rest
            kind(network)(_image(32, 32))
            self.assertEqual(runs, [2, 1] if kind is DeepLIFT else [2])

    @parameterized.expand([(DeepLIFT,), (LRP,)])
    def test_weights_loaded_later(self, kind):
        network, other = _baseline(), build("baseline", 2, "resnet", 32)[0]
        explainer = kind(other)
        other.load_state_dict(network.state_dict())
        torch.testing.assert_close(explainer(_image(32, 32), 1), kind(network)(_image(32, 32), 1))


class TestLeavesNothingBehind(unittest.TestCase):
    @parameterized.expand([(kind, frozen) for (kind,) in KINDS for frozen in (False, True)])
    def test_weights_modes_and_hooks(self, kind, frozen):
        network = _baseline(encoder="unet")
        network.encoder.stages[0].eval()
        network(_image(32, 32)).sum().backward()
        network.requires_grad_(not frozen)
        grads = [p.grad.clone() for p in network.parameters()]
        modes = [m.training for m in network.modules()]
        state = {k: v.clone() for k, v in network.state_dict().items()}
        names = [sorted(vars(m)) for m in network.modules()]
        explainer = kind(network, **({"tolerance": 100.0} if kind is IntegratedGradients else {}))
        twin = kind(network, **({"tolerance": 100.0} if kind is IntegratedGradients else {})).at_layer("block1")
        with torch.inference_mode():
            first = explainer(_image(32, 32), torch.tensor([1, 1]))
            cells = twin(_image(32, 32), torch.tensor([1, 1]))
        torch.testing.assert_close(explainer(_image(32, 32), 1), first)
        torch.testing.assert_close(twin(_image(32, 32), 1), cells)
        torch.testing.assert_close([p.grad for p in network.parameters()], grads, rtol=0, atol=0)
        self.assertEqual([m.training for m in network.modules()], modes)
        self.assertEqual([sorted(vars(m)) for m in network.modules()], names)
        self.assertFalse(any(m._forward_hooks or m._forward_pre_hooks for m in network.modules()))
        torch.testing.assert_close(network.state_dict(), state, rtol=0, atol=0)

    def test_without_captum(self):
        """The module comes in without the library; what needs it says how to get it."""
        with mock.patch.dict(sys.modules, {"captum": None, "captum.attr": None}):
            module = runpy.run_path(monai_dd.explain.captum.__file__)
            for name in module["__all__"]:
                with self.assertRaisesRegex(ImportError, r"need captum: pip install monai-dd\[explain\]$"):
                    module[name](nn.Flatten())


class TestRefusals(unittest.TestCase):
    @parameterized.expand([(DeepLIFT,), (LRP,)])
    def test_networks(self, kind):
        name = kind.__name__
        attended = build("exact")[0]
        lines = {
            r"AttentionClassifier with attention at \['block3', 'block4'\]: no rule for the product": attended,
            "SEResNet50: no rule for (Sigmoid|sub|mul)": SEResNet50(spatial_dims=2, in_channels=1, num_classes=2),
            "Sequential: no rule for InstanceNorm2d": nn.Sequential(nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2)),
            "Sequential: no rule for BatchNorm2d": nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False)),
        }
        for line, network in lines.items():
            with self.subTest(line), self.assertRaisesRegex(ValueError, f"^network: {name} cannot serve {line}"):
                kind(network)

        class Chooses(nn.Module):
            def forward(self, x):
                return x if x.sum() > 0 else -x

        with self.assertRaisesRegex(ValueError, rf"^network: torch.fx cannot trace Chooses \(.+\), as {name} needs$"):
            kind(Chooses())

    @parameterized.expand([(DeepLIFT,), (LRP,)])
    def test_a_copy_that_is_not_the_network(self, kind):
        """A view changed in place: the copy is linear, which is complete, and explains another network."""
        torch.manual_seed(0)
        line = (
            rf"^network: {kind.__name__} cannot serve _ChangesView: "
            r"its copy without operations in place gives other logits, by \d+\.\d% of the largest$"
        )
        explainer = kind(_ChangesView(), batch_size=1)
        explainer(torch.ones(1, 1, 4, 4), 0)  # nothing to cut: the same
        image = torch.stack([torch.ones(1, 4, 4), -torch.ones(1, 4, 4)])  # the second batch differs
        with self.assertRaisesRegex(UnsuitedError, line):
            explainer(image, 0)
        twin = kind(_ChangesView(), batch_size=1).at_layer(None)
        with self.assertRaisesRegex(UnsuitedError, line):
            twin(image, 0)

    @parameterized.expand(KINDS)
    def test_no_image(self, kind):
        explainer = kind(_baseline())
        for call in (explainer, explainer.attribute):
            with self.assertRaisesRegex(ValueError, "^image: expected one image or more, got an empty batch$"):
                call(torch.zeros(0, 1, 32, 32))

    @parameterized.expand(KINDS)
    def test_arguments(self, kind):
        network = _baseline()
        with self.assertRaisesRegex(ValueError, "^layer: expected None or one of the encoder's stages .*, got 'last'$"):
            kind(network, "last")
        with self.assertRaisesRegex(ValueError, "^batch_size: expected 1 or more, got 0$"):
            kind(network, batch_size=0)
        with self.assertRaisesRegex(
            ValueError, r"^image: expected multiples of 16, the stride of 'block3', got \[8, 8\]"
        ):
            kind(network, "block3")(_image(8, 8))
        with self.assertRaisesRegex(ValueError, "^class_idx: expected classes 0 to 2, got 3 to 3$"):
            kind(network)(_image(32, 32), 3)

    def test_numbers(self):
        network = _baseline()
        with self.assertRaisesRegex(ValueError, "^steps: expected 1 or more, got 0$"):
            IntegratedGradients(network, steps=0)
        with self.assertRaisesRegex(ValueError, "^epsilon: expected a positive number, got 0$"):
            LRP(network, epsilon=0)
        with self.assertRaisesRegex(ValueError, "^tolerance: expected a positive number, got -1$"):
            DeepLIFT(network, tolerance=-1)


if __name__ == "__main__":
    unittest.main()
