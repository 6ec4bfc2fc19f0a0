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
"""Tests of the class activation map of a linear layer over global average pooling."""

from __future__ import annotations

import unittest

import monai.visualize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.networks.nets import DenseNet121
from parameterized import parameterized

from monai_dd.explain import ClassActivationMap, GradCAM
from tests.explain.settled import settled
from tests.networks.nets.patches import build as build_patches
from tests.networks.nets.variants import build


def _image(*size, batch=3):
    return torch.randn(batch, 1, *size, generator=torch.Generator().manual_seed(1))


def _loop(network, image, class_idx):
    """Eq. 2 of the paper, cell by cell; the features are what the last stage gives, there are no gates."""
    weight = network.heads["bottleneck"].weight[class_idx].tolist()
    features = image[None]
    for stage in network.encoder.stages:
        features = stage(features)
    cells = features[0].flatten(1).T.tolist()
    values = torch.tensor([sum(w * a for w, a in zip(weight, cell, strict=True)) for cell in cells])
    return values.reshape(features.shape[2:])


class TestValues(unittest.TestCase):
    @parameterized.expand([(dims, relu) for dims in (2, 3) for relu in (False, True)])
    def test_equals_a_loop_over_the_cells(self, spatial_dims, relu):
        network, image = settled(spatial_dims=spatial_dims), _image(*[32] * spatial_dims)
        classes = torch.tensor([2, 0, 1])
        maps = ClassActivationMap(network, relu)(image, classes)
        self.assertEqual(maps.shape, (3, 1, *[2] * spatial_dims))
        with torch.no_grad():
            for row, x, k in zip(maps, image, classes.tolist(), strict=True):
                expected = _loop(network, x, k)
                expected = expected.relu() if relu else expected - expected.min().clamp(max=0)
                torch.testing.assert_close(row[0], expected)

    def test_is_monais_map_right_way_up(self):
        """What MONAI's class gives by itself is bright where this one is dark."""
        network, image, classes = settled(), _image(32, 32), torch.tensor([0, 1, 2])
        with torch.no_grad():
            network.heads["bottleneck"].bias.zero_()
            theirs = monai.visualize.CAM(network, "encoder.stages.4", "heads.bottleneck")
            raw, shown = theirs.compute_map(image, classes), theirs(image, classes)
        maps = ClassActivationMap(network)(image, classes)
        torch.testing.assert_close(maps, raw - raw.amin((2, 3), keepdim=True).clamp(max=0))
        for ours, other in zip(maps, shown, strict=True):
            wide = theirs.upsampler((32, 32))(ours[None])[0]
            scaled = (wide - wide.min()) / (wide.max() - wide.min())
            torch.testing.assert_close(other, 1 - scaled)

    @given(seed=st.integers(0, 999), class_idx=st.integers(0, 2), dims=st.integers(2, 3))
    @settings(max_examples=8, deadline=None)
    def test_adds_up_to_the_logit_without_its_bias(self, seed, class_idx, dims):
        network, image = settled(spatial_dims=dims, seed=seed), _image(*[32] * dims)
        with torch.no_grad():
            network.heads["bottleneck"].weight.abs_()  # after ReLU nothing is negative then, so nothing is raised
            logit = network(image)[:, class_idx] - network.heads["bottleneck"].bias[class_idx]
        torch.testing.assert_close(ClassActivationMap(network)(image, class_idx).flatten(1).mean(1), logit)

    @parameterized.expand([("baseline",), ("tau_coarse_gated",), ("dual_gated",)])
    def test_with_relu_it_is_gradcam_of_the_last_features(self, name):
        """The gradient of the mean over 4 cells is a fourth of the weights."""
        network, image = settled(name), _image(32, 32)
        with torch.no_grad():
            network.heads["bottleneck"].weight.normal_()  # cells speak for the class, and others against it
        expected = 4 * GradCAM(network, "bottleneck")(image, 1)
        torch.testing.assert_close(ClassActivationMap(network, relu=True)(image, 1), expected)
        self.assertGreater(float(expected.max()), 0)
        self.assertEqual(float(expected.min()), 0)

    def test_gates_of_the_last_stage_count(self):
        network = settled(attend="bottleneck", num_gates=2)
        with torch.no_grad():
            network.heads["bottleneck"].weight.abs_()
            logit = network(_image(32, 32))[:, 1] - network.heads["bottleneck"].bias[1]
        torch.testing.assert_close(ClassActivationMap(network)(_image(32, 32), 1).flatten(1).mean(1), logit)

    @parameterized.expand([(False,), (True,)])
    def test_a_class_that_every_cell_speaks_against(self, relu):
        """Raised, the map still tells the cells apart; cut off, nothing is left of it."""
        network, image = settled(), _image(32, 32)
        with torch.no_grad():
            network.heads["bottleneck"].weight.abs_().neg_()
        maps = ClassActivationMap(network, relu)(image, 0)
        self.assertEqual(bool(maps.flatten(1).std(1).gt(0).all()), not relu)
        self.assertEqual(float(maps.min()), 0)

    def test_forms_classes_and_batches(self):
        network, image = settled(), _image(32, 32)
        explainer = ClassActivationMap(network)
        predicted = network(image).argmax(1)
        torch.testing.assert_close(explainer(image), explainer(image, predicted))
        torch.testing.assert_close(ClassActivationMap(network.with_attention())(image), explainer(image))
        torch.testing.assert_close(explainer(image[1:2], 2), explainer(image, 2)[1:2])

    def test_follows_the_weights(self):
        network, image = settled(), _image(32, 32)
        explainer = ClassActivationMap(network)
        before = explainer(image, 1)
        network.load_state_dict(settled(seed=1).state_dict(), assign=True)
        after = explainer(image, 1)
        torch.testing.assert_close(after, ClassActivationMap(settled(seed=1))(image, 1))
        self.assertGreater(float((after - before).abs().max()), 0.01)


class TestManners(unittest.TestCase):
    def test_leaves_nothing_behind(self):
        network = settled().train()
        network.encoder.stages[0].eval()
        network(_image(32, 32)).sum().backward()
        modes = [m.training for m in network.modules()]
        state = {k: v.clone() for k, v in network.state_dict().items()}
        before = [p.grad.clone() for p in network.parameters()]
        with torch.inference_mode():
            ClassActivationMap(network)(_image(32, 32), 1)
        with self.assertRaises(RuntimeError):
            ClassActivationMap(network)(torch.zeros(2, 5, 16, 16))  # an image of other channels
        self.assertEqual([m.training for m in network.modules()], modes)
        self.assertFalse(any(m._forward_hooks for m in network.modules()))
        torch.testing.assert_close(network.state_dict(), state, rtol=0, atol=0)
        torch.testing.assert_close([p.grad for p in network.parameters()], before, rtol=0, atol=0)
        self.assertTrue(all(p.requires_grad for p in network.parameters()))

    def test_refusals(self):
        line = (
            "^network: expected an AttentionClassifier with readout 'pool', a linear layer over global average pooling"
        )
        for network, came in (
            (build("exact")[0], "AttentionClassifier with readout 'attention'"),
            (build_patches("mean"), "PatchClassifier"),
            (DenseNet121(2, 1, 3, init_features=8, growth_rate=4), "DenseNet121"),
        ):
            with self.assertRaisesRegex(ValueError, f"{line}, got {came}$"):
                ClassActivationMap(network)
        with self.assertRaisesRegex(ValueError, "^class_idx: expected classes 0 to 2, got 3 to 3$"):
            ClassActivationMap(settled())(_image(32, 32), 3)


if __name__ == "__main__":
    unittest.main()
