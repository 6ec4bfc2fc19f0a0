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
"""Tests of published weights in encoders."""

from __future__ import annotations

import re
import tempfile
import unittest
from pathlib import Path

import torch
from monai.networks.nets import DenseNet, ResNet
from parameterized import parameterized
from torch import nn

from monai_dd.networks.encoders import DenseNetEncoder, ResNetEncoder, UNetEncoder, VGGEncoder, load_pretrained

SMALL = {"features": 4, "growth_rate": 2}


def _warm(network, channels=3):
    """Give batch normalization statistics that are not its first ones, and weights and biases neither."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            for tensor in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(tensor)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


def _densenet():
    torch.manual_seed(0)
    return _warm(DenseNet(2, 3, 7, init_features=4, growth_rate=2))


def _resnet():
    torch.manual_seed(0)
    options = {"spatial_dims": 2, "n_input_channels": 3, "conv1_t_stride": 2, "num_classes": 7}
    return _warm(ResNet("bottleneck", [3, 4, 6, 3], [4, 8, 16, 32], bias_downsample=False, **options))


def _vgg(counts):
    """The list of layers that torchvision calls ``features``."""
    torch.manual_seed(0)
    layers, channels = [], 3
    for stage, count in enumerate(counts):
        for _ in range(count):
            width = 4 * 2 ** min(stage, 3)
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return _warm(nn.Sequential(*layers))


def _published(state, form):
    """Names as torchvision has them, today's or those of its files, without counters as in the latter."""
    if form == "monai":
        return state
    state = {k.replace(".layers.", ".").replace("class_layers.out", "classifier"): w for k, w in state.items()}
    if form == "file":
        state = {k: w for k, w in state.items() if not k.endswith("num_batches_tracked")}
        state = {re.sub(r"(denselayer\d+\.)(norm|conv)(\d)", r"\1\2.\3", k): w for k, w in state.items()}
    return state


class TestLoadPretrained(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "weights" / "published.pth"
        self.file.parent.mkdir()

    @parameterized.expand([(form, blocks) for form in ("torchvision", "file", "monai") for blocks in (4, 2)])
    def test_densenet(self, form, blocks):
        peer = _densenet()
        state = _published(peer.state_dict(), form)
        if form == "file":
            self.assertIn("features.denseblock1.denselayer1.norm.1.weight", state)
        torch.save(state, self.file)
        encoder = DenseNetEncoder(2, 3, num_blocks=blocks, **SMALL)
        self.assertIs(load_pretrained(encoder, self.file), encoder)
        seen = []
        for relu in [peer.features.get_submodule(f"transition{i}.relu") for i in (1, 2, 3)] + [peer.class_layers.relu]:
            relu.register_forward_hook(lambda _module, _input, output: seen.append(output.clone()))
        x = torch.randn(2, 3, 64, 64)
        peer(x)
        for got, want in zip(encoder.eval()(x), seen[:blocks], strict=True):
            self.assertTrue(torch.equal(got, want))

    @parameterized.expand([("torchvision",), ("file",)])
    def test_resnet(self, form):
        peer = _resnet()
        state = _published(peer.state_dict(), form)
        self.assertIn("layer2.0.downsample.1.running_mean", state)
        torch.save(state, self.file)
        encoder = load_pretrained(ResNetEncoder(2, 3, features=4), self.file).eval()
        x = torch.randn(2, 3, 64, 64)
        torch.testing.assert_close(peer.fc(encoder(x)[-1].flatten(2).mean(-1)), peer(x))

    @parameterized.expand([(depth, pooled) for depth in (11, 16) for pooled in (True, False)])
    def test_vgg(self, depth, pooled):
        peer = _vgg({11: [1, 1, 2, 2, 2], 16: [2, 2, 3, 3, 3]}[depth])
        torch.save({f"features.{name}": w for name, w in peer.state_dict().items()}, self.file)
        strides = None if pooled else 1
        encoder = load_pretrained(VGGEncoder(2, 3, depth, features=4, strides=strides), self.file).eval()
        if not pooled:  # the weights of the pooled network, without its pooling
            peer = nn.Sequential(*(layer for layer in peer if not isinstance(layer, nn.MaxPool2d)))
        x = torch.randn(2, 3, 64, 64)
        torch.testing.assert_close(encoder(x)[-1], peer(x))

    def test_medicalnet(self):
        torch.manual_seed(0)
        options = {"spatial_dims": 3, "n_input_channels": 1, "conv1_t_stride": 2, "feed_forward": False}
        peer = _warm(ResNet("bottleneck", [3, 4, 6, 3], [4, 8, 16, 32], bias_downsample=False, **options))
        state = {f"module.{name}": w for name, w in peer.state_dict().items()}
        torch.save({"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}}, self.file)
        encoder = load_pretrained(ResNetEncoder(3, 1, features=4), self.file).eval()
        x = torch.randn(1, 1, 32, 32, 32)
        torch.testing.assert_close(encoder(x)[-1].flatten(2).mean(-1), peer(x))

    @parameterized.expand([(kind, n) for kind in ("densenet", "resnet") for n in (1, 2, 4)])
    def test_equal_channels_give_what_gray_gives(self, kind, channels):
        peer = _densenet() if kind == "densenet" else _resnet()
        torch.save(_published(peer.state_dict(), "torchvision"), self.file)
        if kind == "densenet":
            build = lambda n: DenseNetEncoder(2, n, num_blocks=2, **SMALL)  # noqa: E731
        else:
            build = lambda n: ResNetEncoder(2, n, features=4)  # noqa: E731
        three, own = (load_pretrained(build(n), self.file).eval() for n in (3, channels))
        gray = torch.randn(2, 1, 64, 64, dtype=torch.float64)
        three, own = three.double(), own.double()
        features = (network(gray.repeat(1, n, 1, 1)) for network, n in ((three, 3), (own, channels)))
        for expected, got in zip(*features, strict=True):
            # the sum of the weights was taken in float32, and the deep network carries its rounding on
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)

    @parameterized.expand(
        [
            ("other widths", lambda: DenseNetEncoder(2, 3, features=8, growth_rate=2), r"of another shape, first st"),
            ("other depth", lambda: DenseNetEncoder(2, 3, 169, **SMALL), r"[1-9]\d* missing, 0 unknown"),
            ("other kind", lambda: ResNetEncoder(2, 3, features=4), r"265 missing, 0 unknown"),
            ("three dimensions", lambda: DenseNetEncoder(3, 3, **SMALL), r"[1-9]\d* of another shape"),
        ]
    )
    def test_refuses_another_network(self, _name, build, message):
        torch.save(_published(_densenet().state_dict(), "torchvision"), self.file)
        encoder = build()
        before = {k: w.clone() for k, w in encoder.state_dict().items()}
        with self.assertRaisesRegex(
            ValueError, f"^weights/published.pth: expected published[^\n]*network: [^\n]*{message}"
        ):
            load_pretrained(encoder, self.file)
        for key, w in encoder.state_dict().items():
            self.assertTrue(torch.equal(w, before[key]))

    def test_refuses_files(self):
        encoder = DenseNetEncoder(2, 3, **SMALL)
        with self.assertRaisesRegex(
            ValueError, "^path: expected a file of weights, weights/published.pth is not there$"
        ):
            load_pretrained(encoder, self.file)
        self.file.write_text("no weights")
        with self.assertRaisesRegex(
            ValueError,
            r"^weights/published.pth: expected a plain state dict of tensors saved by torch.save, got \w+Error$",
        ):
            load_pretrained(encoder, self.file)
        torch.save({"model": {}}, self.file)
        with self.assertRaisesRegex(ValueError, "^weights/published.pth: expected a plain state dict [^\n]*got dict$"):
            load_pretrained(encoder, self.file)
        with self.assertRaisesRegex(
            ValueError, "^encoder: expected DenseNetEncoder or ResNetEncoder or VGGEncoder or .*, got UNetEncoder$"
        ):
            load_pretrained(UNetEncoder(2, 3), self.file)


if __name__ == "__main__":
    unittest.main()
