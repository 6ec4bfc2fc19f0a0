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
"""Tests of the class activation maps."""

from __future__ import annotations

import unittest
from collections import OrderedDict

import monai.visualize
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized
from torch import nn

from monai_dd.explain import GradCAM, HiResCAM
from tests.networks.nets.variants import build

KINDS = [(GradCAM,), (HiResCAM,)]


class _Toy(nn.Module):
    """Convolution, an activation in place, and a quadratic form of the cells: its gradient differs between cells."""

    def __init__(self, spatial_dims: int = 2, channels: int = 3, classes: int = 2) -> None:
        super().__init__()
        conv = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.first = conv(1, channels, 1)
        self.act = nn.ReLU(inplace=True)
        self.last = nn.Linear(channels * 4**spatial_dims, classes)

    def forward(self, x):
        return self.last(self.act(self.first(x)).flatten(1).square())


def _image(*size, batch=3):
    return torch.randn(batch, 1, *size, generator=torch.Generator().manual_seed(1))


def _differences(network, activation, class_idx, average):
    """Both maps for one image from central differences of the logit, one activation after the other."""

    def logit(a):
        return network.last(torch.relu(a).flatten().square())[class_idx].item()

    gradient, step = torch.zeros_like(activation), 1e-6
    for at in np.ndindex(*activation.shape):
        up, down = activation.clone(), activation.clone()
        up[at] += step
        down[at] -= step
        gradient[at] = (logit(up) - logit(down)) / (2 * step)
    if average:
        gradient[:] = gradient.flatten(1).mean(1).reshape(-1, *[1] * (gradient.dim() - 1))
    total = sum(g * a for g, a in zip(gradient, activation, strict=True))
    return total.clamp(min=0)


class TestValues(unittest.TestCase):
    @parameterized.expand([(kind, dims, k) for (kind,) in KINDS for dims in (2, 3) for k in (0, 1)])
    def test_equals_finite_differences(self, kind, spatial_dims, class_idx):
        torch.manual_seed(0)
        network, image = _Toy(spatial_dims).double(), _image(*[4] * spatial_dims, batch=2).double()
        maps = kind(network, "first")(image, class_idx)
        for row, x in zip(maps, image, strict=True):
            activation = network.first(x).detach()
            expected = _differences(network, activation, class_idx, kind is GradCAM)
            # a quadratic between the kinks: the error is that of rounding, 1e-16 / 1e-6
            torch.testing.assert_close(row[0], expected, rtol=0, atol=1e-8)
            self.assertGreater(row.max(), 0)

    @parameterized.expand([(f"encoder.stages.{i}", f"block{i + 1}", dims) for i in (1, 3) for dims in (2, 3)])
    def test_gradcam_equals_monai(self, module, stage, spatial_dims):
        torch.manual_seed(0)
        network, _ = build("baseline", spatial_dims, "unet", 16)
        image = _image(*[16] * spatial_dims)
        theirs = monai.visualize.GradCAM(network, module)
        for i, x in enumerate(image.split(1)):  # in a batch MONAI adds up the classes predicted for other images
            for class_idx in (None, 0, 2):
                expected = theirs.compute_map(x, class_idx).detach()
                for layer in (module, stage):
                    torch.testing.assert_close(GradCAM(network, layer)(image, class_idx)[i, None], expected)

    @given(seed=st.integers(0, 999), class_idx=st.integers(0, 2), resnet=st.booleans())
    @settings(max_examples=8, deadline=None)
    def test_both_are_one_before_global_average_pooling(self, seed, class_idx, resnet):
        torch.manual_seed(seed)
        network, _ = build("baseline", 2, "resnet" if resnet else "unet", 64 if resnet else 32)
        image = _image(*[64 if resnet else 32] * 2)
        layer = "block4" if resnet else "bottleneck"
        expected = HiResCAM(network, layer)(image, class_idx)
        torch.testing.assert_close(GradCAM(network, layer)(image, class_idx), expected)

    def test_hirescam_adds_up_to_the_logit(self):
        """Completeness before a linear layer: the map before its cut is the logit, spread over the cells."""
        torch.manual_seed(0)
        network, _ = build("baseline", 2, "unet", 32)
        network.eval()
        with torch.no_grad():
            network.heads["bottleneck"].weight.abs_()  # after ReLU nothing is negative then, so nothing is cut
            bias = network.heads["bottleneck"].bias
            logit = network(_image(32, 32))[:, 1] - bias[1]
        total = HiResCAM(network, "bottleneck")(_image(32, 32), 1).flatten(1).sum(1)
        torch.testing.assert_close(total, logit)

    @parameterized.expand([(kind, name) for (kind,) in KINDS for name in ("baseline", "dual_gated", "exact")])
    def test_both_forms_of_the_classifier(self, kind, name):
        network, _ = build(name, 2, "unet", 16)
        maps = kind(network, "block3")(_image(16, 16), 1)
        self.assertEqual(maps.shape, (3, 1, 4, 4))
        torch.testing.assert_close(kind(network.with_attention(), "block3")(_image(16, 16), 1), maps)


class TestLeavesNothingBehind(unittest.TestCase):
    @parameterized.expand([(kind, frozen) for (kind,) in KINDS for frozen in (False, True)])
    def test_weights_modes_and_hooks(self, kind, frozen):
        network, _ = build("exact", 2, "unet", 16)
        network.encoder.requires_grad_(not frozen)
        network.train()
        network.encoder.stages[0].eval()
        modes = [m.training for m in network.modules()]
        state = {k: v.clone() for k, v in network.state_dict().items()}
        explainer = kind(network, "block3")
        with torch.no_grad():
            first = explainer(_image(16, 16), 1)
        torch.testing.assert_close(explainer(_image(16, 16), 1), first)
        self.assertTrue(all(p.grad is None for p in network.parameters()))
        self.assertEqual([m.training for m in network.modules()], modes)
        self.assertFalse(any(m._forward_hooks for m in network.modules()))
        torch.testing.assert_close(network.state_dict(), state, rtol=0, atol=0)

    @parameterized.expand(KINDS)
    def test_frozen_weights_change_nothing(self, kind):
        network, _ = build("exact", 2, "unet", 16)
        expected = kind(network, "block3")(_image(16, 16), 1)
        network.requires_grad_(False)
        torch.testing.assert_close(kind(network, "block3")(_image(16, 16), 1), expected)

    @parameterized.expand(KINDS)
    def test_after_an_error(self, kind):
        network, _ = build("exact", 2, "unet", 16)
        network.train()
        with self.assertRaises(RuntimeError):
            kind(network, "block3")(torch.zeros(2, 5, 16, 16))  # an image of other channels
        self.assertTrue(all(m.training for m in network.modules()))
        self.assertFalse(any(m._forward_hooks for m in network.modules()))

    @parameterized.expand(KINDS)
    def test_gradients_of_training_are_kept(self, kind):
        network, _ = build("baseline", 2, "unet", 16)
        network(_image(16, 16)).sum().backward()
        before = [p.grad.clone() for p in network.parameters()]
        kind(network, "block3")(_image(16, 16))
        torch.testing.assert_close([p.grad for p in network.parameters()], before, rtol=0, atol=0)


class TestRefusals(unittest.TestCase):
    def _refused(self, network, layer, line):
        with self.assertRaisesRegex(ValueError, f"^layer: {line}$"):
            GradCAM(network, layer)(_image(16, 16))

    def test_layers(self):
        network, _ = build("exact", 2, "unet", 16)
        stages = r"\['block1', 'block2', 'block3', 'block4'\]"
        self._refused(
            network, "block9", rf"expected one of {stages} or the name of a module of AttentionClassifier, got 'block9'"
        )
        aside = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 1), pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten()))
        aside.conv.unused = nn.Identity()
        self._refused(aside, "conv.unused", "expected one that runs once, 'conv.unused' runs 0 times")
        self._refused(
            network, "heads.block3", r"expected one whose output is \(B, C, \*S\), 'heads.block3' gives another"
        )

    def test_a_layer_that_runs_twice(self):
        act = nn.ReLU()
        network = nn.Sequential(nn.Conv2d(1, 2, 1), act, nn.Conv2d(2, 2, 1), act, nn.Flatten(), nn.Linear(512, 2))
        self._refused(network, "1", "expected one that runs once, '1' runs 2 times")

    @parameterized.expand([(True,), (False,)])
    def test_a_layer_without_say(self, trained):
        class Aside(nn.Module):
            def __init__(self):
                super().__init__()
                self.aside, self.last = nn.Conv2d(1, 2, 1), nn.Linear(256, 2)

            def forward(self, x):
                self.aside(x)
                return self.last(x.flatten(1))

        self._refused(Aside().requires_grad_(trained), "aside", "expected one that the logits depend on, got 'aside'")


if __name__ == "__main__":
    unittest.main()
